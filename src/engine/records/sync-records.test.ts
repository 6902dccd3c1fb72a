import { describe, expect, test } from 'vitest';
import type { StreamState } from '../../ports/clinic-records.ts';
import { planOf } from './sync-records.ts';

const NOW = Date.parse('2026-03-04T12:00:00Z');
const MINUTE = 60_000;
const state = (readMs: number): StreamState => ({
  cursor: '2026-03-04T11:00:00.000Z',
  readMs,
  unfinished: null,
  completeItems: 5,
});

describe('what is asked of a list', () => {
  test.each([
    ['ten minutes at least', 0, '2026-03-04T10:50:00.000Z'],
    ['ten minutes when the last read took as long', 10 * MINUTE, '2026-03-04T10:50:00.000Z'],
    ['as long as the last read took', 25 * MINUTE, '2026-03-04T10:35:00.000Z'],
  ])('changes since the start of the last read, and before it %s', (_name, readMs, changedSince) => {
    const plan = planOf('individual_appointments', state(readMs), 'incremental', NOW);
    expect(plan.question).toEqual({ changedSince, createdFrom: null, startsFrom: null });
    expect(plan).toMatchObject({ everything: false, movesCursor: true });
  });

  test('everything when there was no read before', () => {
    const plan = planOf('patients', { ...state(0), cursor: null }, 'incremental', NOW);
    expect(plan).toMatchObject({ everything: true, resumedFrom: null });
    expect(plan.question.changedSince).toBeNull();
  });
});
