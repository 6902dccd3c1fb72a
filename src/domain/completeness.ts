/**
 * Completeness as a type.
 *
 * A removal can only be made by a {@link CompleteRead}, and a complete read only from evidence that proves it. Code
 * that holds a {@link PartialRead} has no way to express a deletion. (Rule 1 of every system we replace was broken
 * here: an empty or failed query made documents vanish.)
 */
import type { Absence, AbsenceKind, StoredItem } from './change-set.ts';

export interface ReadEvidence {
  /** Epoch ms. */
  readonly startedAt: number;
  readonly finishedAt: number;
  /** The stream ended by itself, without an error or an abort. */
  readonly ended: boolean;
  /** Items delivered, and what the source counted in the same snapshot. */
  readonly itemsRead: number;
  readonly itemsExpected: number;
  /**
   * What proved the file share to be mounted, before and after the read; both must be equal.
   * `not-applicable` for sources without files.
   */
  readonly share: { readonly before: string | null; readonly after: string | null } | 'not-applicable';
  /** The read continued another one, so its parts belong to different moments. */
  readonly resumed: boolean;
}

const proof: unique symbol = Symbol('complete read');

/** The order to remove one stored item. Only {@link CompleteRead.judge} makes one. */
export class Removal<T extends StoredItem = StoredItem> {
  readonly stored: T;
  readonly absence: AbsenceKind;
  readonly evidence: ReadEvidence;

  constructor(token: typeof proof, stored: T, absence: AbsenceKind, evidence: ReadEvidence) {
    if (token !== proof) throw new TypeError('A removal needs a complete read.');
    this.stored = stored;
    this.absence = absence;
    this.evidence = evidence;
  }
}

export type Judgement<T extends StoredItem> =
  | { readonly verdict: 'remove'; readonly removal: Removal<T> }
  /** Missing for the first time: remembered, removed only when the next complete read misses it too. */
  | { readonly verdict: 'wait'; readonly stored: T };

export class CompleteRead {
  readonly complete = true;
  readonly evidence: ReadEvidence;

  constructor(token: typeof proof, evidence: ReadEvidence) {
    if (token !== proof) throw new TypeError('Use judgeRead.');
    this.evidence = evidence;
  }

  /**
   * An item flagged as deleted, kept under another unit, or unknown to the source that was asked for it, may go at once. An item that is merely missing must have
   * been missed by an earlier complete read too, which ended before this one started.
   */
  judge<T extends StoredItem>(absence: Absence<T>): Judgement<T> {
    const { stored } = absence;
    const missedBefore = stored.missingSince !== null && stored.missingSince < this.evidence.startedAt;
    if (absence.absence === 'missing' && !missedBefore) return { verdict: 'wait', stored };
    return { verdict: 'remove', removal: new Removal(proof, stored, absence.absence, this.evidence) };
  }
}

export class PartialRead {
  readonly complete = false;
  readonly evidence: ReadEvidence;
  readonly reason: string;

  constructor(evidence: ReadEvidence, reason: string) {
    this.evidence = evidence;
    this.reason = reason;
  }
}

/** Weighs the evidence of a read. The reason of a partial read is a sentence for people. */
export function judgeRead(evidence: ReadEvidence): CompleteRead | PartialRead {
  const reason = whyPartial(evidence);
  return reason ? new PartialRead(evidence, reason) : new CompleteRead(proof, evidence);
}

function whyPartial(e: ReadEvidence): string | null {
  if (!e.ended) return 'The read did not reach its end.';
  if (e.resumed) return 'The read was resumed from another one.';
  if (e.itemsRead !== e.itemsExpected) {
    return `The source counted ${e.itemsExpected} items and delivered ${e.itemsRead}.`;
  }
  if (e.share !== 'not-applicable') {
    if (e.share.before === null) return 'The file share was not there before the read.';
    if (e.share.after === null) return 'The file share was not there after the read.';
    if (e.share.before !== e.share.after) return 'The file share changed its marker during the read.';
  }
  return null;
}
