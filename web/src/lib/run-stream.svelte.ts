/** Follows one run by server-sent events. A page follows one run at most, so a tab has one stream at most. */
import { api, type Progress, responseOf } from './api/client.ts';
import { asProblem, type Problem } from './api/problem.ts';
import { createRate } from './rate.ts';
import { eventsOf } from './sse.ts';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;

export class RunStream {
  progress = $state.raw<Progress | null>(null);
  /** Items per second, of the last seconds; null while unknown. */
  rate = $state<number | null>(null);
  lost = $state(false);
  ended = $state(false);
  /** Why it is not followed any more. */
  problem = $state.raw<Problem | null>(null);

  /** @param onEnd with the final state. @returns ends it */
  follow(runId: string, onEnd: () => void): () => void {
    const gone = new AbortController();
    const rate = createRate();
    const listen = async () => {
      for (let wait = FIRST_WAIT_MS; !gone.signal.aborted && !this.ended; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
        try {
          const params = { path: { syncId: runId } };
          const asked = api.GET('/api/v1/sync/stream/{syncId}', { params, parseAs: 'stream', signal: gone.signal });
          const { data } = await responseOf(asked);
          if (data === undefined || data === null) return;
          for await (const { event, text } of eventsOf(data as unknown as ReadableStream<Uint8Array>)) {
            wait = FIRST_WAIT_MS;
            this.lost = false;
            this.progress = JSON.parse(text) as Progress;
            this.rate = rate(this.progress.current_step, this.progress.records_processed, Date.now());
            if (event === 'end') {
              this.ended = true;
              onEnd();
              return;
            }
          }
        } catch (error) {
          if (gone.signal.aborted) return;
          // What is not there or not allowed does not come back by asking again.
          const problem = asProblem(error);
          if (['missing', 'forbidden', 'signed-out'].includes(problem.kind)) {
            this.problem = problem;
            return;
          }
        }
        this.lost = true;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    };
    void listen();
    return () => gone.abort();
  }
}
