/** What a page of a clinic system does to show the documents of the patient that it is about. */
$(() => {
  const $documents = $('#documents');
  const show = () =>
    $documents.chartsyncPatient({ silknotePatientUuid: $('#patient').val(), tokenUrl: '/chartsync-token' });

  // Which patients somebody may see is the page's own business.
  $.getJSON('/patients', (uuids) => {
    $('#patient').append(uuids.map((uuid) => new Option(uuid, uuid)));
    show();
  });
  $('#patient').on('change', show);

  const events = [
    'activated',
    'uploaded',
    'file-status',
    'file-deleted',
    'grouped',
    'ungrouped',
    'alert-acknowledged',
    'summary-saved',
    'summary-removed',
    'synced',
    'error',
  ];
  $documents.on(events.map((name) => `chartsync-${name}`).join(' '), ({ type, originalEvent }) => {
    $('#told').append($('<li>').text(`${type} ${JSON.stringify(originalEvent.detail)}`));
  });
});
