import { answerOf, api, type LogLine } from '#lib/api/client.ts';
import { asProblem, type Problem } from '#lib/api/problem.ts';

const EVERY_MS = 1000;
const PAGE = 500;
/** The last lines are written a moment after the end; those of a process that crashed never. */
const LATE_LOOKS = 10;

/** The log of one run: what is there, and what comes while it is open. */
export class RunLogLines {
  lines = $state.raw<readonly LogLine[]>([]);
  problem = $state.raw<Problem | null>(null);
  asked = $state(false);
  #runId: string;

  constructor(runId: string) {
    this.#runId = runId;
  }

  /** @param isOpen looked at before each wait: what is written at the end is still asked for. @returns ends it */
  follow(isOpen: () => boolean): () => void {
    let gone = false;
    let late = LATE_LOOKS;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      const open = isOpen();
      try {
        const found = await this.#more();
        this.problem = null;
        if (!gone && (open || found === PAGE)) timer = setTimeout(look, found === PAGE ? 0 : EVERY_MS);
        else if (!gone && !this.lines.some(({ event }) => event === 'ended') && late-- > 0)
          timer = setTimeout(look, EVERY_MS);
      } catch (error) {
        this.problem = asProblem(error);
        if (!gone && this.problem.kind === 'offline') timer = setTimeout(look, EVERY_MS * 5);
      }
      this.asked = true;
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }

  async #more(): Promise<number> {
    const params = { path: { syncId: this.#runId }, query: { after: this.lines.at(-1)?.id ?? 0, limit: PAGE } };
    const { lines } = await answerOf(api.GET('/api/v1/sync/run/{syncId}/log', { params }));
    // Two questions may be on their way at once when the run ends.
    const last = this.lines.at(-1)?.id ?? 0;
    const fresh = lines.filter(({ id }) => id > last);
    if (fresh.length > 0) this.lines = [...this.lines, ...fresh];
    return lines.length;
  }
}
