import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Change, SourceItem, StoredItem } from '../domain/change-set.ts';
import { compareKeys, storedReference } from '../domain/reference.ts';
import { type Compared, type CompareOptions, compare } from './compare.ts';

type Emitted = Exclude<Change<SourceItem, StoredItem>, { kind: 'same' }>;

function sourceItem(unit: string, reference: string, more: Partial<SourceItem> = {}): SourceItem {
  return { unit, reference: storedReference(reference), fingerprint: 'v1', deleted: false, ...more };
}

function storedItem(unit: string, reference: string, more: Partial<StoredItem> = {}): StoredItem {
  return {
    unit,
    reference: storedReference(reference),
    fingerprint: 'v1',
    documentUuid: `doc of ${unit} ${reference}`,
    missingSince: null,
    kept: false,
    ...more,
  };
}

/** A stream that tells whether it was closed. */
function stream<T>(items: readonly T[]): AsyncIterable<T> & { closed: boolean } {
  const result = {
    closed: false,
    async *[Symbol.asyncIterator]() {
      try {
        yield* items;
      } finally {
        result.closed = true;
      }
    },
  };
  return result;
}

async function run(
  source: AsyncIterable<SourceItem>,
  stored: AsyncIterable<StoredItem>,
  more: Partial<CompareOptions<SourceItem, StoredItem>> = {},
): Promise<{ counts: Compared; emitted: Emitted[]; seen: StoredItem[] }> {
  const emitted: Emitted[] = [];
  const seen: StoredItem[] = [];
  const counts = await compare({
    source,
    stored,
    emit: (change) => void emitted.push(change),
    seen: (item) => void seen.push(item),
    ...more,
  });
  return { counts, emitted, seen };
}

const unit = fc.constantFrom('a', 'a!', 'A', 'é', '\u{ffff}', '😀');
const reference = fc.constantFrom('id:10', 'id:2', 'ID', '\u{e000}', '😀', '😀a', 'z', '');
const fingerprint = fc.constantFrom('v1', 'v2');
const keyOf = (item: { unit: string; reference: string }) => JSON.stringify([item.unit, item.reference]);

const sources = fc
  .uniqueArray(fc.record({ unit, reference, fingerprint, deleted: fc.boolean() }), { selector: keyOf })
  .map((items) =>
    items
      .map((i) => sourceItem(i.unit, i.reference, { fingerprint: i.fingerprint, deleted: i.deleted }))
      .sort(compareKeys),
  );
const stores = fc
  .uniqueArray(fc.record({ unit, reference, fingerprint }), { selector: keyOf })
  .map((items) => items.map((i) => storedItem(i.unit, i.reference, { fingerprint: i.fingerprint })).sort(compareKeys));

describe('compare', () => {
  test('agrees with a comparison of sets', async () => {
    await fc.assert(
      fc.asyncProperty(sources, stores, async (source, stored) => {
        const inSource = new Map(source.map((item) => [keyOf(item), item]));
        const inStore = new Map(stored.map((item) => [keyOf(item), item]));
        const expected: Record<string, string> = {};
        let same = 0;
        for (const key of new Set([...inSource.keys(), ...inStore.keys()])) {
          const [s, t] = [inSource.get(key), inStore.get(key)];
          if (t === undefined) {
            if (!s!.deleted) expected[key] = 'add';
          } else if (s === undefined) expected[key] = 'absent missing';
          else if (s.deleted) expected[key] = 'absent deleted';
          else if (s.fingerprint === t.fingerprint) same++;
          else expected[key] = 'update';
        }
        const { counts, emitted, seen } = await run(stream(source), stream(stored));
        const keyed = emitted.map((change) => ({
          ...('item' in change ? change.item : change.stored),
          kind: change.kind === 'absent' ? `absent ${change.absence}` : change.kind,
        }));
        expect(Object.fromEntries(keyed.map((change) => [keyOf(change), change.kind]))).toEqual(expected);
        expect(keyed).toEqual(keyed.toSorted(compareKeys));
        expect(seen).toHaveLength(same);
        expect(counts).toEqual({
          sourceItems: source.length,
          liveItems: source.filter((item) => !item.deleted).length,
          storedItems: stored.length,
          same,
        });
      }),
      { numRuns: 500 },
    );
  });

  test('refuses any disorder and any duplicate, on either side', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ unit, reference }), { minLength: 2 }),
        fc.boolean(),
        async (keys, inSource) => {
          const sorted = keys.every((key, i) => i === 0 || compareKeys(keys[i - 1]!, key) < 0);
          const comparing = inSource
            ? run(stream(keys.map((k) => sourceItem(k.unit, k.reference))), stream([]))
            : run(stream([]), stream(keys.map((k) => storedItem(k.unit, k.reference))));
          if (sorted) await comparing;
          else await expect(comparing).rejects.toMatchObject({ code: 'source_order' });
        },
      ),
    );
  });

  test('lets the mode decide what is looked at, flagged items excepted', async () => {
    const source = [sourceItem('u', 'a'), sourceItem('u', 'b', { deleted: true }), sourceItem('u', 'c')];
    const stored = ['a', 'b', 'c'].map((r) => storedItem('u', r));
    const classify = (item: SourceItem) => (item.reference === 'a' ? 'inspect' : 'update');
    const { emitted } = await run(stream(source), stream(stored), { classify });
    expect(emitted.map((change) => change.kind)).toEqual(['inspect', 'absent', 'update']);
  });

  test('waits for each change before it reads on', async () => {
    const order: string[] = [];
    async function* source() {
      for (const name of ['a', 'b']) {
        order.push(`read ${name}`);
        yield sourceItem('u', name);
      }
    }
    await run(source(), stream([]), {
      async emit(change) {
        await Promise.resolve();
        if ('item' in change) order.push(`emitted ${change.item.reference}`);
      },
    });
    expect(order).toEqual(['read a', 'emitted a', 'read b', 'emitted b']);
  });

  test('closes both sides when a side, the receiver or the signal ends it', async () => {
    const items = () => [stream([sourceItem('u', 'a'), sourceItem('u', 'b')]), stream([storedItem('u', 'c')])] as const;
    const failure = new Error('Enough.');
    const stop = new AbortController();
    const endings: Partial<CompareOptions<SourceItem, StoredItem>>[] = [
      { emit: () => Promise.reject(failure) },
      {
        signal: stop.signal,
        emit: () => stop.abort(failure),
      },
    ];
    for (const ending of endings) {
      const [source, stored] = items();
      await expect(run(source, stored, ending)).rejects.toBe(failure);
      expect([source.closed, stored.closed]).toEqual([true, true]);
    }
    const [, stored] = items();
    const broken = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(failure),
        return: () => Promise.reject(new Error('It cannot even be closed.')),
      }),
    };
    const opened = { ...stored, [Symbol.asyncIterator]: () => stored[Symbol.asyncIterator]() };
    await expect(run(opened as never, broken as never)).rejects.toThrow();
    expect(stored.closed).toBe(true);
  });
});
