/**
 * What a comparison of a source with a store can say about one item.
 *
 * `absent` is an observation, not a decision: only a complete read turns it into a removal (see `completeness.ts`).
 */
import type { Reference } from './reference.ts';

/** What both sides of a comparison share. Both streams are ordered by unit, then reference, in byte order. */
export interface Keyed {
  /** What succeeds or fails by itself; VSRX: the patient's UUID in lower case. */
  readonly unit: string;
  readonly reference: Reference;
}

export interface SourceItem extends Keyed {
  /** Equal text = nothing changed in the source's own record of the item. */
  readonly fingerprint: string;
  /** The source keeps the item but flags it as deleted. */
  readonly deleted: boolean;
}

export interface StoredItem extends Keyed {
  readonly fingerprint: string;
  /** Our own identity of the stored item. */
  readonly documentUuid: string;
  /** When an earlier complete read first missed the item (epoch ms); null while it is seen. */
  readonly missingSince: number | null;
  /** A person decided to keep the item although its source lost it. */
  readonly kept: boolean;
}

/** Why we believe that an item is gone from its source. */
export type AbsenceKind =
  /** The source still has the record and flags it as deleted. */
  | 'deleted'
  /** A complete read did not contain it. */
  | 'missing'
  /** A complete read did not contain it, and the source, asked for it by its id, does not know it. */
  | 'gone'
  /** The source now keeps the same reference under another unit. */
  | 'reassigned';

export interface Absence<T extends StoredItem> {
  readonly kind: 'absent';
  readonly absence: AbsenceKind;
  readonly stored: T;
}

export type Change<S extends SourceItem, T extends StoredItem> =
  | { readonly kind: 'add'; readonly item: S }
  /** The source's record differs. Whether it is a move or new content is decided by the hash. */
  | { readonly kind: 'update'; readonly item: S; readonly stored: T }
  /** The records agree, but the mode asks to look at the content as well. */
  | { readonly kind: 'inspect'; readonly item: S; readonly stored: T }
  | { readonly kind: 'same'; readonly item: S; readonly stored: T }
  | Absence<T>;
