/** Chance that a seed decides. */
export interface SeededRandom {
  /** 0 ≤ x < 1 */
  next(): number;
  /** 0 ≤ n < limit, whole */
  below(limit: number): number;
  chance(probability: number): boolean;
  /** Looks like a UUID, is one of a kind within the history. */
  uuid(): string;
}

/** Mulberry32: small, fast, good enough to pick an order. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  let uuids = 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    uuid: () => {
      const unique = (++uuids).toString(16).padStart(8, '0');
      return `${unique}-0000-4000-8000-${below(2 ** 32)
        .toString(16)
        .padStart(12, '0')}`;
    },
  };
}
