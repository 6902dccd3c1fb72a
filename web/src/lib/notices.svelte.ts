/** What has just happened, said once in a place that screen readers listen to. */
import { asProblem } from './api/problem.ts';

const SHOWN_MS = 8000;

class Notices {
  text = $state('');
  bad = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(text: string): void {
    this.#show(text, false);
  }
  /** @returns whether it worked; when not, it is said why */
  async during(work: () => Promise<string | undefined>): Promise<boolean> {
    try {
      const done = await work();
      if (done !== undefined) this.say(done);
      return true;
    } catch (error) {
      const { title, message, remedy } = asProblem(error);
      this.#show([`${title}: ${message}`, remedy].filter(Boolean).join(' '), true);
      return false;
    }
  }
  clear(): void {
    this.text = '';
  }

  #show(text: string, bad: boolean): void {
    clearTimeout(this.#timer);
    this.text = text;
    this.bad = bad;
    // What went wrong stays until it is read.
    if (!bad) this.#timer = setTimeout(() => this.clear(), SHOWN_MS);
  }
}

export const notices = new Notices();
