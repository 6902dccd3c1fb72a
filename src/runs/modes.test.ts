import { expect, test } from 'vitest';
import type { BookConnection } from './connections.ts';
import { bookModeDue } from './modes.ts';

const HOUR = 3600_000;
const NOW = Date.parse('2026-03-03T12:00:00Z');
const connection = (consultationsEveryMs: number | null) =>
  ({ settings: { consultationsEveryMs } }) as unknown as Pick<BookConnection, 'settings'>;
const state = (lastCompletedByMode: Record<string, number>, lastFailureAt: number | null = null) => ({
  lastCompletedByMode,
  lastFailureAt,
});

test.each([
  ['the calendar comes first', HOUR, state({}), 'calendar'],
  ['then the consultations', HOUR, state({ calendar: NOW }), 'consultations'],
  ['again only when they are due', HOUR, state({ calendar: NOW, consultations: NOW - HOUR + 1 }), 'calendar'],
  ['when they are due', HOUR, state({ calendar: NOW, consultations: NOW - HOUR }), 'consultations'],
  ['never by themselves', null, state({ calendar: NOW }), 'calendar'],
  ['after a failure the calendar', HOUR, state({ calendar: NOW }, NOW - 1000), 'calendar'],
  ['and later once more', HOUR, state({ calendar: NOW }, NOW - HOUR / 4), 'consultations'],
] as const)('%s', (_, every, at, mode) => {
  expect(bookModeDue(connection(every), at, NOW)).toBe(mode);
});
