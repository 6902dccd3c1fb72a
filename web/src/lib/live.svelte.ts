/** Something of the server that is asked for again and again while somebody looks at it. */
import { asProblem, type Problem } from './api/problem.ts';

/** Without a person at the page nothing is asked: else a session would never be idle. */
const IDLE_MS = 30 * 60_000;

let lastInput = Date.now();
for (const event of ['pointerdown', 'keydown', 'focus', 'pointermove']) {
  addEventListener(event, () => (lastInput = Date.now()), { passive: true });
}

export class Live<T> {
  data = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);
  #ask: () => Promise<T>;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
    void this.refresh();
  }

  async refresh(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      this.data = await this.#ask();
      this.problem = null;
    } catch (error) {
      this.problem = asProblem(error);
    } finally {
      this.busy = false;
    }
  }

  /** @param everyMs looked at before each wait. @returns ends it */
  watch(everyMs: () => number): () => void {
    let timer: ReturnType<typeof setTimeout>;
    const look = async () => {
      const present = document.visibilityState === 'visible' && Date.now() - lastInput < IDLE_MS;
      if (present) await this.refresh();
      timer = setTimeout(look, everyMs());
    };
    timer = setTimeout(look, everyMs());
    const now = () => void this.refresh();
    addEventListener('online', now);
    return () => {
      clearTimeout(timer);
      removeEventListener('online', now);
    };
  }
}
