import { expect, test } from 'vitest';
import type { BookConnection } from './connections.ts';
import { bookModeDue, fileModeDue } from './modes.ts';

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

test.each([
  ['the first run', {}, 'quick'],
  ['soon after it', { quick: NOW - 1, deep: NOW - 1, checksum: NOW - 1 }, 'quick'],
  ['many quick runs later', { quick: NOW - 1, deep: NOW - HOUR, checksum: NOW - HOUR }, 'deep'],
  ['much later', { quick: NOW - 1, deep: NOW - 1, checksum: NOW - 24 * HOUR }, 'checksum'],
  ['quick runs and never another one', { quick: NOW - 1 }, 'checksum'],
  ['never a deep one', { quick: NOW - 1, checksum: NOW - 1 }, 'deep'],
] as const)('a run of files: %s', (_, completed, mode) => {
  const modes = { deepEveryMs: HOUR, checksumEveryMs: 24 * HOUR };
  expect(fileModeDue({ modes }, state(completed), NOW)).toBe(mode);
  expect(fileModeDue({ modes: { deepEveryMs: null, checksumEveryMs: null } }, state(completed), NOW)).toBe('quick');
});
