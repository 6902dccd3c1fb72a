/** For what could not be had because the network or the service was away. */
const EVERY_MS = 5000;

/** Asks once more when the network is back, or soon: it may have been the service. @returns ends it */
export function askAgain(again: () => void): () => void {
  const timer = setTimeout(again, EVERY_MS);
  addEventListener('online', again);
  return () => {
    clearTimeout(timer);
    removeEventListener('online', again);
  };
}
