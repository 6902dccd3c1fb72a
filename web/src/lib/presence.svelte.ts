/** Whether somebody is at the page. Nothing is asked for without a person: else a session would never be idle. */
const AWAY_MS = 30 * 60_000;
const LOOK_MS = 10_000;

class Presence {
  /** Nobody has been here for long: what is shown is old, and whoever passes by should not see it. */
  away = $state(false);
  #last = Date.now();
  #returning = false;
  readonly #callbacks = new Set<() => Promise<unknown>>();

  constructor() {
    for (const event of ['pointerdown', 'keydown', 'focus', 'pointermove']) {
      addEventListener(event, () => this.#here(), { passive: true });
    }
    setInterval(() => {
      if (Date.now() - this.#last >= AWAY_MS) this.away = true;
    }, LOOK_MS);
  }

  /** Somebody is here and can see the page. */
  get attentive(): boolean {
    return !this.away && document.visibilityState === 'visible';
  }
  /** Done before the page is shown again to somebody who comes back. @returns ends it */
  onReturn(callback: () => Promise<unknown>): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  #here(): void {
    this.#last = Date.now();
    if (!this.away || this.#returning) return;
    this.#returning = true;
    void Promise.allSettled([...this.#callbacks].map((callback) => callback())).then(() => {
      this.#returning = false;
      this.away = false;
    });
  }
}

export const presence = new Presence();
