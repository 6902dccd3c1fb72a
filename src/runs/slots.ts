/** How many things one process does at one time. Whoever waits for a place comes before whoever only asks for a free one. */
export interface Slots {
  /** Waits for a place. @returns gives it back */
  take(): Promise<() => void>;
  /** @returns gives it back; null when there is none */
  tryTake(): (() => void) | null;
  /** Somebody waits. */
  readonly wanted: boolean;
}

/** @param onWanted called when somebody begins to wait */
export function createSlots(count: number, onWanted: () => void): Slots {
  let free = count;
  const waiting: (() => void)[] = [];

  function give(): () => void {
    let given = true;
    return () => {
      if (!given) return;
      given = false;
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    };
  }

  return {
    get wanted() {
      return waiting.length > 0;
    },
    async take() {
      if (free > 0) free--;
      else {
        const turn = Promise.withResolvers<void>();
        waiting.push(turn.resolve);
        onWanted();
        await turn.promise;
      }
      return give();
    },
    tryTake() {
      if (free === 0) return null;
      free--;
      return give();
    },
  };
}
