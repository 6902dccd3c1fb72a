/** Shows a document in a window of its own, by the browser's reader: as a blob, so no address holds a token or a name. */
import type { PatientView } from './patient.svelte.ts';

const KEPT_MS = 60_000;

export async function openInWindow(view: PatientView, documentId: string): Promise<void> {
  // Opened at once, as long as the click counts; browsers forbid it later.
  const shown = window.open('about:blank', '_blank');
  const worked = await view.attempt(async () => {
    const url = URL.createObjectURL(new Blob([await view.pdf(documentId)], { type: 'application/pdf' }));
    if (shown === null) location.assign(url);
    else {
      shown.opener = null;
      shown.location.href = url;
    }
    setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
  });
  if (!worked) shown?.close();
}
