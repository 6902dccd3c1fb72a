/** What has just happened, said once in a place that screen readers listen to. */
import { asProblem } from './api/problem.ts';
import { words } from './words.ts';

const SHOWN_MS = 8000;
/** An answer that takes longer is said to be on its way: else a person would ask a second time. */
const SLOW_MS = 500;
/** For so long a second click is the same one; later somebody means it. */
const SAME_CLICK_MS = 10_000;

class Notices {
  text = $state('');
  bad = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Since when something is under way; null: nothing is. */
  #since: number | null = null;

  say(text: string): void {
    this.#show(text, false);
  }
  /** One thing after the other: a double click does nothing twice. @returns whether it worked; when not, it is said why */
  async during(work: () => Promise<string | undefined>): Promise<boolean> {
    const begun = Date.now();
    if (this.#since !== null && begun - this.#since < SAME_CLICK_MS) {
      this.#wait();
      return false;
    }
    this.#since = begun;
    const slow = setTimeout(() => this.#wait(), SLOW_MS);
    try {
      const done = await work();
      if (done !== undefined) this.say(done);
      else if (this.text === words.working) this.clear();
      return true;
    } catch (error) {
      const { title, message, remedy } = asProblem(error);
      this.#show([`${title}: ${message}`, remedy].filter(Boolean).join(' '), true);
      return false;
    } finally {
      clearTimeout(slow);
      if (this.#since === begun) this.#since = null;
    }
  }
  clear(): void {
    this.text = '';
  }
  /** What went wrong, to be shown somewhere else: behind an open dialog nobody can read it. */
  take(): string {
    const text = this.bad ? this.text : '';
    if (this.bad) this.clear();
    return text;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.text = words.working;
    this.bad = false;
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
