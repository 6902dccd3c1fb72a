/** A page of somebody who uses React: state as properties, events as handlers. */
import { createElement, useState } from 'react';
import { createRoot } from 'react-dom/client';

const patients = await (await fetch('/patients')).json();

function Page() {
  const [patient, setPatient] = useState(0);
  const [isShown, setShown] = useState(true);
  const [uploaded, setUploaded] = useState([]);
  return createElement(
    'main',
    null,
    createElement('button', { type: 'button', onClick: () => setPatient(patient + 1) }, 'Next patient'),
    createElement('button', { type: 'button', onClick: () => setShown(!isShown) }, 'Show or hide'),
    createElement('p', { id: 'uploaded' }, uploaded.join(' ')),
    isShown &&
      createElement('chartsync-patient', {
        silknotePatientUuid: patients[patient % patients.length],
        tokenUrl: '/chartsync-token',
        'onchartsync-uploaded': (event) => setUploaded([...uploaded, ...event.detail.documentUuids]),
      }),
  );
}

createRoot(document.getElementById('page')).render(createElement(Page));
