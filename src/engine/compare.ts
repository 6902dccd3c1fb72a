/**
 * Merge join of a source and a store, both ordered by (unit, reference) in byte order: constant memory at any size.
 *
 * It only observes. What may be removed is decided by `domain/completeness.ts` when the read is known to be complete.
 */
import type { Change, SourceItem, StoredItem } from '../domain/change-set.ts';
import { SyncError } from '../domain/errors.ts';
import { compareBytes, compareKeys } from '../domain/reference.ts';

export interface Compared {
  readonly sourceItems: number;
  /** Source items that are not flagged as deleted. */
  readonly liveItems: number;
  readonly storedItems: number;
  readonly same: number;
}

export interface CompareOptions<S extends SourceItem, T extends StoredItem> {
  readonly source: AsyncIterable<S>;
  readonly stored: AsyncIterable<T>;
  /** Called for items on both sides whose source item is not flagged as deleted. Default: by fingerprint. */
  readonly classify?: (item: S, stored: T) => 'same' | 'update' | 'inspect';
  /** Called in order, for everything but plain `same`; the next item waits for a returned promise. */
  readonly emit: (change: Exclude<Change<S, T>, { kind: 'same' }>) => Promise<void> | void;
  /** Called for items that agree and need nothing, e.g. to notice that a missing one is back. */
  readonly seen?: (stored: T) => Promise<void> | void;
  readonly signal?: AbortSignal;
}

/** @throws SyncError `source_order` when a side is out of order or names an item twice */
export async function compare<S extends SourceItem, T extends StoredItem>(
  options: CompareOptions<S, T>,
): Promise<Compared> {
  const classify =
    options.classify ?? ((item, stored) => (item.fingerprint === stored.fingerprint ? 'same' : 'update'));
  const source = ordered(options.source);
  const stored = ordered(options.stored);
  const counts = { sourceItems: 0, liveItems: 0, storedItems: 0, same: 0 };

  async function emit(change: Exclude<Change<S, T>, { kind: 'same' }>): Promise<void> {
    const pending = options.emit(change);
    if (pending) await pending;
  }

  try {
    let s = await source.next();
    let t = await stored.next();
    while (s !== null || t !== null) {
      options.signal?.throwIfAborted();
      const order = s === null ? 1 : t === null ? -1 : compareKeys(s, t);
      if (s !== null && order <= 0) {
        counts.sourceItems++;
        if (!s.deleted) counts.liveItems++;
      }
      if (t !== null && order >= 0) counts.storedItems++;

      if (s !== null && (t === null || order < 0)) {
        // A flagged item that we never stored needs nothing.
        if (!s.deleted) await emit({ kind: 'add', item: s });
        s = await source.next();
      } else if (t !== null && (s === null || order > 0)) {
        await emit({ kind: 'absent', absence: 'missing', stored: t });
        t = await stored.next();
      } else if (s !== null && t !== null) {
        if (s.deleted) {
          await emit({ kind: 'absent', absence: 'deleted', stored: t });
        } else {
          const kind = classify(s, t);
          if (kind === 'same') {
            counts.same++;
            const pending = options.seen?.(t);
            if (pending) await pending;
          } else {
            await emit({ kind, item: s, stored: t });
          }
        }
        s = await source.next();
        t = await stored.next();
      }
    }
    return counts;
  } finally {
    try {
      await source.close();
    } finally {
      await stored.close();
    }
  }
}

interface Ordered<K> {
  next(): Promise<K | null>;
  close(): Promise<void>;
}

/** A disordered side would pass items by and make them look absent: refuse it. */
function ordered<K extends { readonly unit: string; readonly reference: string }>(items: AsyncIterable<K>): Ordered<K> {
  const iterator = items[Symbol.asyncIterator]();
  let last: K | null = null;
  let ended = false;
  return {
    async next() {
      const result = await iterator.next();
      if (result.done) {
        ended = true;
        return null;
      }
      const item = result.value;
      if (last !== null && !follows(last, item)) throw new SyncError('source_order');
      last = item;
      return item;
    },
    async close() {
      if (!ended) await iterator.return?.();
    },
  };
}

function follows(
  a: { readonly unit: string; readonly reference: string },
  b: { readonly unit: string; readonly reference: string },
): boolean {
  return a.unit === b.unit ? compareBytes(a.reference, b.reference) < 0 : compareBytes(a.unit, b.unit) < 0;
}
