/**
 * jQuery plugin for <chartsync-patient>. Load it after jQuery and chartsync-patient.js.
 *
 *   $('#documents').chartsyncPatient({ silknotePatientUuid: '…', tokenUrl: '/chartsync-token' })
 *     .on('chartsync-uploaded', (event) => console.log(event.originalEvent.detail.documentUuids));
 *   $('#documents').chartsyncPatient('option', { silknotePatientUuid: '…' });  // another patient
 *   $('#documents').chartsyncPatient('destroy');
 *
 * Options are the properties of the element: silknotePatientUuid, silknoteUserUuid, activationCost, companyName, server, tokenUrl,
 * tokenProvider. Events of the element bubble, so .on() hears them; what they tell is in event.originalEvent.detail.
 */
(($) => {
  const TAG = 'chartsync-patient';
  const OPTIONS = [
    'silknotePatientUuid',
    'silknoteUserUuid',
    'activationCost',
    'companyName',
    'server',
    'tokenUrl',
    'tokenProvider',
  ];

  function set(element, options) {
    for (const name of Object.keys(options)) {
      if (!OPTIONS.includes(name)) throw new Error(`chartsyncPatient: there is no option "${name}"`);
      element[name] = options[name];
    }
  }

  $.fn.chartsyncPatient = function chartsyncPatient(method, options) {
    return this.each(function each() {
      const [existing] = $(this).children(TAG);
      if (method === 'destroy') existing?.remove();
      else if (method === 'option') {
        if (existing === undefined) throw new Error('chartsyncPatient: there is none here yet');
        set(existing, options);
      } else {
        const element = existing ?? document.createElement(TAG);
        set(element, method ?? {});
        if (existing === undefined) this.append(element);
      }
    });
  };
})(window.jQuery);
