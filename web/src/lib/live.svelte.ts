/** Something of the server that is asked for again and again while somebody looks at it. */
import { asProblem, type Problem } from './api/problem.ts';
import { presence } from './presence.svelte.ts';

export class Live<T> {
  data = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);
  #ask: () => Promise<T>;
  #asking: Promise<void> | null = null;
  #again = false;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
    void this.refresh();
  }

  /** Ends when what is shown is from after the call: an answer that was on its way may be of before a change. */
  refresh(): Promise<void> {
    if (this.#asking !== null) this.#again = true;
    else this.#asking = this.#look();
    return this.#asking;
  }

  async #look(): Promise<void> {
    // Not at once: an effect that asks for it would be run anew by what it sets.
    await Promise.resolve();
    this.busy = true;
    do {
      this.#again = false;
      try {
        this.data = await this.#ask();
        this.problem = null;
      } catch (error) {
        this.problem = asProblem(error);
      }
    } while (this.#again);
    this.#asking = null;
    this.busy = false;
  }

  /** @param everyMs looked at before each wait. @returns ends it */
  watch(everyMs: () => number): () => void {
    let timer: ReturnType<typeof setTimeout>;
    const look = async () => {
      if (presence.attentive) await this.refresh();
      timer = setTimeout(look, everyMs());
    };
    timer = setTimeout(look, everyMs());
    const now = () => void this.refresh();
    // Whoever comes back to a tab must not see what was hours ago.
    const seen = () => {
      if (presence.attentive) now();
    };
    addEventListener('online', now);
    document.addEventListener('visibilitychange', seen);
    const returned = presence.onReturn(() => this.refresh());
    return () => {
      clearTimeout(timer);
      removeEventListener('online', now);
      document.removeEventListener('visibilitychange', seen);
      returned();
    };
  }
}
