/** Pieces of work that are done side by side and told as done in the order in which they were begun. */
export class Lanes {
  readonly #most: number;
  readonly #running = new Set<Promise<void>>();
  /** Begun and not yet told as done, in order. */
  readonly #open: { finished: boolean; readonly done: () => void }[] = [];
  #failure: { readonly error: unknown } | null = null;

  /** @param most at once */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Waits until there is room, begins the work and returns.
   *
   * @param done called when this piece and all before it are finished
   * @throws what an earlier piece threw; this one is not begun then
   */
  async start(work: () => Promise<void>, done: () => void): Promise<void> {
    while (this.#running.size >= this.#most && this.#failure === null) await Promise.race(this.#running);
    this.#throwFailure();
    const entry = { finished: false, done };
    this.#open.push(entry);
    const running = this.#follow(work, entry);
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }

  /** Waits until nothing is at work. @throws what a piece threw */
  async idle(): Promise<void> {
    await this.settled();
    this.#throwFailure();
  }

  /** Like `idle`, but never throws. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #follow(work: () => Promise<void>, entry: { finished: boolean }): Promise<void> {
    try {
      await work();
      entry.finished = true;
      while (this.#open[0]?.finished === true) this.#open.shift()?.done();
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
