/** Shows a PDF in a window of its own, by the browser's reader: as a blob, so no address holds a token or a name. */
import type { PatientView } from './patient.svelte.ts';

const KEPT_MS = 60_000;

/** @param page from 1; where the reader begins, if it knows such addresses */
export async function openInWindow(view: PatientView, content: () => Promise<Blob>, page = 1): Promise<void> {
  // Opened at once, as long as the click counts; browsers forbid it later.
  const shown = window.open('about:blank', '_blank');
  const worked = await view.attempt(async () => {
    const url = URL.createObjectURL(new Blob([await content()], { type: 'application/pdf' }));
    const address = page > 1 ? `${url}#page=${page}` : url;
    if (shown === null) location.assign(address);
    else {
      shown.opener = null;
      shown.location.href = address;
    }
    setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
  });
  if (!worked) shown?.close();
}
