/**
 * The deletion guard: too many removals at once are more likely an accident of the source than somebody's wish.
 *
 * Pure. It weighs a run's removals, all proven by a complete read, and says whether a person must look at them first.
 */
export interface GuardLimits {
  /** More removals than this in one run are held. */
  readonly maxCount: number;
  /** More than this share of the stored items, in percent, is held … */
  readonly maxPercent: number;
  /** … unless there are at most this many: in a small fileset one removal is already a large share. */
  readonly minCount: number;
}

export interface GuardInput {
  readonly removals: number;
  /** Items stored for the scope of the run, before removals. */
  readonly stored: number;
  /** Live items in the source now, and at the previous complete read of the same scope (null: there was none). */
  readonly inSource: number;
  readonly inSourceBefore: number | null;
}

export type GuardVerdict =
  | { readonly verdict: 'allow' }
  /** The reason is a sentence for the person who decides. */
  | { readonly verdict: 'hold'; readonly reason: string };

export function guard(input: GuardInput, limits: GuardLimits): GuardVerdict {
  const { removals, stored, inSource, inSourceBefore } = input;
  if (removals === 0) return { verdict: 'allow' };
  if (inSource === 0 && stored > 1) return hold(`The source shows no items at all, and ${stored} are stored.`);
  if (removals > limits.maxCount) {
    return hold(`${removals} deletions in one run are more than the limit of ${limits.maxCount}.`);
  }
  if (removals <= limits.minCount) return { verdict: 'allow' };
  const percent = (removals / Math.max(stored, 1)) * 100;
  if (percent > limits.maxPercent) {
    return hold(
      `Deletions of ${removals} of ${stored} stored items (${percent.toFixed(1)} %) are more than ${limits.maxPercent} %.`,
    );
  }
  if (inSourceBefore !== null && inSourceBefore > 0) {
    const lost = inSourceBefore - inSource;
    const lostPercent = (lost / inSourceBefore) * 100;
    if (lost > limits.minCount && lostPercent > limits.maxPercent) {
      return hold(
        `The source lost ${lost} of ${inSourceBefore} items (${lostPercent.toFixed(1)} %) since the last complete read.`,
      );
    }
  }
  return { verdict: 'allow' };
}

function hold(reason: string): GuardVerdict {
  return { verdict: 'hold', reason };
}
