/** Makes the element `<chartsync-patient>` known. Loading the script twice is fine. */
import ChartsyncPatient from './ChartsyncPatient.svelte';

const { element } = ChartsyncPatient as unknown as { element: CustomElementConstructor };
if (customElements.get('chartsync-patient') === undefined) customElements.define('chartsync-patient', element);
