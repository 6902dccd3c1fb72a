/**
 * What a plan showed, item by item, for the run that is started with it: a run does nothing that is not in here.
 *
 * Of each item only eight bytes of a hash are kept: a first copy has a million of them. Two different items are the same in these
 * bytes about once in 10^13 plans of that size.
 */
import { createHash } from 'node:crypto';

/** `bring`: a file that is known already and not here yet. */
export type Deed = 'add' | 'move' | 'update' | 'inspect' | 'remove' | 'bring';

export interface PlannedItem {
  /** `hold`: the removals of this unit wait for a person; it has no reference. */
  readonly what: Deed | 'hold';
  readonly unit: string;
  readonly reference: string;
}

export interface PlannedItems {
  has(item: PlannedItem): boolean;
}

export interface PlannedItemsWriter {
  add(item: PlannedItem): void;
  /** In an order of their own: equal plans have equal bytes. */
  bytes(): Buffer;
}

const BYTES = 8;

export function createPlannedItems(): PlannedItemsWriter {
  const keys: bigint[] = [];
  return {
    add(item) {
      keys.push(keyOf(item));
    },
    bytes() {
      const sorted = BigUint64Array.from(keys).sort();
      const bytes = Buffer.alloc(sorted.length * BYTES);
      sorted.forEach((key, i) => {
        bytes.writeBigUInt64BE(key, i * BYTES);
      });
      return bytes;
    },
  };
}

export function readPlannedItems(bytes: Buffer): PlannedItems {
  return {
    has(item) {
      const key = keyOf(item);
      let low = 0;
      let high = bytes.length / BYTES;
      while (low < high) {
        const middle = (low + high) >>> 1;
        const found = bytes.readBigUInt64BE(middle * BYTES);
        if (found === key) return true;
        if (found < key) low = middle + 1;
        else high = middle;
      }
      return false;
    },
  };
}

function keyOf({ what, unit, reference }: PlannedItem): bigint {
  return createHash('sha256')
    .update(JSON.stringify([what, unit, reference]))
    .digest()
    .readBigUInt64BE();
}
