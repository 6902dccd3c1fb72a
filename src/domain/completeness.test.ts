import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Absence, AbsenceKind, StoredItem } from './change-set.ts';
import { CompleteRead, judgeRead, PartialRead, type ReadEvidence, Removal } from './completeness.ts';
import { storedReference } from './reference.ts';

const WHOLE: ReadEvidence = {
  startedAt: 1000,
  finishedAt: 2000,
  ended: true,
  itemsRead: 5,
  itemsExpected: 5,
  share: { before: 'm', after: 'm' },
  resumed: false,
};

function absence(kind: AbsenceKind, missingSince: number | null = null): Absence<StoredItem> {
  const stored = {
    unit: 'u',
    reference: storedReference('r'),
    fingerprint: 'f',
    documentUuid: 'd',
    missingSince,
    kept: false,
  };
  return { kind: 'absent', absence: kind, stored };
}

function complete(evidence: Partial<ReadEvidence> = {}): CompleteRead {
  const read = judgeRead({ ...WHOLE, ...evidence });
  if (!read.complete) throw new Error(read.reason);
  return read;
}

test.each<[string, Partial<ReadEvidence>]>([
  ['did not end', { ended: false }],
  ['was resumed', { resumed: true }],
  ['delivered fewer than counted', { itemsRead: 4 }],
  ['delivered more than counted', { itemsRead: 6 }],
  ['had no share before', { share: { before: null, after: 'm' } }],
  ['had no share after', { share: { before: 'm', after: null } }],
  ['had no share at all', { share: { before: null, after: null } }],
  ['had another share after', { share: { before: 'm', after: 'n' } }],
])('a read that %s is partial, and tells why in a sentence', (_, flaw) => {
  const read = judgeRead({ ...WHOLE, ...flaw });
  expect(read).toBeInstanceOf(PartialRead);
  expect(read.complete).toBe(false);
  expect((read as PartialRead).reason).toMatch(/^[A-Z].*\.$/);
  // There is no way to ask it for a removal.
  expect('judge' in read).toBe(false);
});

test('a read is complete only when nothing at all is wrong with it', () => {
  const marker = fc.constantFrom(null, 'm', 'n');
  const evidence = fc.record({
    startedAt: fc.nat(),
    finishedAt: fc.nat(),
    ended: fc.boolean(),
    itemsRead: fc.nat(3),
    itemsExpected: fc.nat(3),
    share: fc.oneof(fc.constant('not-applicable' as const), fc.record({ before: marker, after: marker })),
    resumed: fc.boolean(),
  });
  fc.assert(
    fc.property(evidence, (e) => {
      const share = e.share === 'not-applicable' || (e.share.before !== null && e.share.before === e.share.after);
      expect(judgeRead(e).complete).toBe(e.ended && !e.resumed && e.itemsRead === e.itemsExpected && share);
    }),
  );
});

test('an item that is merely missing goes only when an earlier complete read missed it too', () => {
  const read = complete();
  expect(read.judge(absence('missing'))).toMatchObject({ verdict: 'wait' });
  expect(read.judge(absence('missing', 999))).toMatchObject({ verdict: 'remove' });
  // Marked by this very read, or by one that overlapped it.
  expect(read.judge(absence('missing', 1000))).toMatchObject({ verdict: 'wait' });
  expect(read.judge(absence('missing', 1500))).toMatchObject({ verdict: 'wait' });
});

test('one read alone never removes an item that is merely missing', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (startedAt, later) => {
      const read = complete({ startedAt });
      // Whatever a read marks, it marks after it started.
      expect(read.judge(absence('missing', startedAt + later)).verdict).toBe('wait');
    }),
  );
});

test.each(['deleted', 'reassigned'] as const)('an item that is %s goes at once, with the proof', (kind) => {
  const judgement = complete().judge(absence(kind));
  expect(judgement).toMatchObject({ verdict: 'remove', removal: { absence: kind, evidence: WHOLE } });
});

test('nobody else can make a removal or a complete read', () => {
  const forged = Symbol('complete read') as never;
  expect(() => new Removal(forged, absence('deleted').stored, 'deleted', WHOLE)).toThrow(TypeError);
  expect(() => new CompleteRead(forged, WHOLE)).toThrow(TypeError);
});
