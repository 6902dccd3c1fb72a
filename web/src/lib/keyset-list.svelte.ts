/** A long list that the server gives page by page; each page says where the next one begins. */
import { AnswerOrder } from './answer-order.ts';
import { asProblem, type Problem } from './api/problem.ts';

export interface KeysetPage<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export class KeysetList<T> {
  /** Grows in place: copying a hundred thousand rows for each page would be felt. `count` tells that it grew. */
  readonly items: T[] = [];
  count = $state(0);
  /** Grows when what is shown was replaced. */
  version = $state(0);
  /** False: nothing has come yet. */
  loaded = $state(false);
  busy = $state(false);
  problem = $state.raw<Problem | null>(null);
  #next = $state<string | null>(null);
  #ask: (after: string | null) => Promise<KeysetPage<T>>;
  #turn = 0;
  readonly #renewals = new AnswerOrder();
  #loading: Promise<void> = Promise.resolve();
  #keys = new Set<string>();
  readonly keyOf: (item: T) => string;

  constructor(keyOf: (item: T) => string, ask: (after: string | null) => Promise<KeysetPage<T>>) {
    this.keyOf = keyOf;
    this.#ask = ask;
  }

  /** All that has come, for lists that are drawn whole. */
  get shown(): readonly T[] {
    return this.version < 0 ? [] : this.items.slice(0, this.count);
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
  /** The same part of the list as it is by now; what is shown stays until then. What cannot be had is left as it is. */
  async renew(): Promise<void> {
    if (!this.loaded || this.busy) return;
    const turn = this.#turn;
    const wanted = this.count;
    const renewal = this.#renewals.ask();
    const fresh = new Map<string, T>();
    let next: string | null = null;
    try {
      do {
        const page: KeysetPage<T> = await this.#ask(next);
        for (const item of page.items) fresh.set(this.keyOf(item), item);
        next = page.next;
      } while (next !== null && fresh.size < wanted);
    } catch {
      return;
    }
    // Somebody asked for something else, or for more, meanwhile.
    if (turn !== this.#turn || this.busy || this.count !== wanted) return;
    if (!this.#renewals.accepts(renewal)) return;
    this.items.length = 0;
    for (const item of fresh.values()) this.items.push(item);
    this.#keys = new Set(fresh.keys());
    this.count = this.items.length;
    this.#next = next;
    this.version++;
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
