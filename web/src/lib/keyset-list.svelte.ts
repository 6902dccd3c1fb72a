/** A long list that the server gives page by page; each page says where the next one begins. */
import { asProblem, type Problem } from './api/problem.ts';

export interface KeysetPage<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export class KeysetList<T> {
  /** Grows in place: copying a hundred thousand rows for each page would be felt. `count` tells that it grew. */
  readonly items: T[] = [];
  count = $state(0);
  /** False: nothing has come yet. */
  loaded = $state(false);
  busy = $state(false);
  problem = $state.raw<Problem | null>(null);
  #next = $state<string | null>(null);
  #ask: (after: string | null) => Promise<KeysetPage<T>>;
  #turn = 0;
  #loading: Promise<void> = Promise.resolve();
  #keys = new Set<string>();
  readonly keyOf: (item: T) => string;

  constructor(keyOf: (item: T) => string, ask: (after: string | null) => Promise<KeysetPage<T>>) {
    this.keyOf = keyOf;
    this.#ask = ask;
  }

  get complete(): boolean {
    return this.loaded && this.#next === null;
  }

  /** From the beginning, as after another question. */
  async restart(): Promise<void> {
    this.#turn++;
    this.items.length = 0;
    this.#keys.clear();
    this.count = 0;
    this.loaded = false;
    this.busy = false;
    await this.#load(null);
  }
  async more(): Promise<void> {
    if (!this.busy && this.#next !== null && this.problem === null) await this.#load(this.#next);
  }
  async again(): Promise<void> {
    await (this.loaded ? this.#load(this.#next) : this.restart());
  }
  /** All pages that are left; ends early when one cannot be had. */
  async rest(): Promise<void> {
    while (this.problem === null && (this.busy || this.#next !== null)) {
      await (this.busy ? this.#loading : this.more());
    }
  }

  #load(after: string | null): Promise<void> {
    this.#loading = this.#read(after);
    return this.#loading;
  }

  async #read(after: string | null): Promise<void> {
    const turn = this.#turn;
    this.busy = true;
    this.problem = null;
    try {
      const { items, next } = await this.#ask(after);
      // Somebody asked for something else meanwhile.
      if (turn !== this.#turn) return;
      for (const item of items) {
        // What moves down the list while it is read comes a second time.
        const key = this.keyOf(item);
        if (this.#keys.has(key)) continue;
        this.#keys.add(key);
        this.items.push(item);
      }
      this.count = this.items.length;
      this.#next = next;
      this.loaded = true;
    } catch (error) {
      if (turn === this.#turn) this.problem = asProblem(error);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }
}
