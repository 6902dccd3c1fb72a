/** Follows the documents of one patient by server-sent events, so that their states are true without asking again. */
import { api, responseOf } from '#lib/api/client.ts';
import { asProblem } from '#lib/api/problem.ts';
import { eventsOf } from '#lib/sse.ts';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;
/** Many documents change at once: they are looked at together. */
const GATHER_MS = 500;

/** @param changed something may be other than it was. @returns ends it */
export function followPatient(uuid: string, changed: () => void): () => void {
  const gone = new AbortController();
  const { signal } = gone;
  let later: ReturnType<typeof setTimeout> | undefined;
  const soon = () => {
    clearTimeout(later);
    later = setTimeout(changed, GATHER_MS);
  };

  async function listen(): Promise<void> {
    let last: string | null = null;
    for (let wait = FIRST_WAIT_MS; !signal.aborted; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      try {
        const headers: Record<string, string> = last === null ? {} : { 'last-event-id': last };
        const asked = api.GET('/api/patients/{uuid}/events', {
          params: { path: { uuid } },
          headers,
          parseAs: 'stream',
          signal,
        });
        const { data } = await responseOf(asked);
        for await (const { id } of eventsOf(data as unknown as ReadableStream<Uint8Array>)) {
          wait = FIRST_WAIT_MS;
          last = id ?? last;
          // Also when it begins: something may have happened since the page was loaded.
          soon();
        }
      } catch (error) {
        if (signal.aborted || ['missing', 'forbidden', 'signed-out'].includes(asProblem(error).kind)) return;
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  void listen();
  return () => {
    gone.abort();
    clearTimeout(later);
  };
}
