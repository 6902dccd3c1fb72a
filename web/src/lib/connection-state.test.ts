import { describe, expect, test } from 'vitest';
import type { Connection, Run } from './api/client.ts';
import { attentionOf, countsText, dueOf, freshnessOf, outcomeOf, stateOf } from './connection-state.ts';

const NOW = Date.parse('2026-03-03T09:00:00Z');
const at = (minutes: number) => new Date(NOW + minutes * 60_000).toISOString();

const run = (counts: Record<string, number>, more: Partial<Run> = {}): Run => ({
  sync_id: 'sync_1',
  connection_id: 'riverside',
  started_at: at(-5),
  completed_at: at(-4),
  status: 'completed',
  records_processed: 0,
  records_success: 0,
  records_failed: 0,
  partial_success: false,
  error: null,
  error_message: null,
  metadata: { sync_type: 'quick', trigger: 'schedule', ...counts },
  ...more,
});

const connection = (more: Partial<Connection> = {}): Connection => ({
  id: 'riverside',
  connector: 'vsrx',
  state: 'active',
  state_reason: null,
  documents: 10,
  appointments: 0,
  patients: 2,
  open_failures: 0,
  held_items: 0,
  last_success_at: at(-4),
  freshness_seconds: 240,
  next_run_at: at(6),
  consecutive_failures: 0,
  running_sync_id: null,
  modes: ['quick'],
  last_run: null,
  ...more,
});

describe('the state of a connection', () => {
  test.each<[string, Partial<Connection>]>([
    ['in step', {}],
    ['in step, with failures', { open_failures: 1 }],
    ['late', { next_run_at: at(-3), open_failures: 1 }],
    ['never synchronised', { last_success_at: null }],
    ['waits for a person', { held_items: 3, open_failures: 1 }],
    ['failing', { consecutive_failures: 2, held_items: 3 }],
    ['running', { running_sync_id: 'sync_1', consecutive_failures: 2 }],
    ['paused', { state: 'paused', running_sync_id: 'sync_1' }],
  ])('%s', (text, more) => {
    expect(stateOf(connection(more), NOW).text).toBe(text);
  });

  test('says how old it is and when the next run is', () => {
    expect(freshnessOf(connection(), NOW)).toBe('4 min old, due in 6 min');
    expect(freshnessOf(connection({ last_success_at: null }), NOW)).toBe('never synchronised, due in 6 min');
    expect(dueOf(at(-1), NOW)).toBe('due now');
    expect(dueOf(at(-10), NOW)).toBe('overdue by 10 min');
    expect(dueOf(null, NOW)).toBe('runs only when asked');
  });
});

describe('what needs a person', () => {
  test('is nothing while all goes by itself', () => {
    expect(
      attentionOf([connection(), connection({ running_sync_id: 'sync_1', next_run_at: at(-60) })], NOW, () => true),
    ).toEqual([]);
  });

  test('comes the worst first, each with a place to go', () => {
    const error = { code: 'source_unreachable', message: 'It does not answer.', remedy: 'Start it.' };
    const items = attentionOf(
      [
        connection({ id: 'a b', open_failures: 2 }),
        connection({ id: 'c', consecutive_failures: 3, last_run: run({}, { status: 'failed', error }) }),
        connection({ id: 'd', state: 'paused', state_reason: 'The server moves.', held_items: 1 }),
      ],
      NOW,
      () => true,
    );
    expect(items.map(({ text, href }) => [text, href])).toEqual([
      ['d is paused', '/connections/d'],
      ['3 runs of c failed in a row', '/connections/c'],
      ['1 deletion of d waits for a decision', '/held'],
      ['2 items of a b failed', '/failures?connection=a%20b'],
    ]);
    expect(items.map(({ detail }) => detail)).toEqual([
      'The server moves.',
      'It does not answer. Start it.',
      null,
      null,
    ]);
  });

  test('offers to those who may only look no more than to look', () => {
    const paused = connection({ state: 'paused', held_items: 1 });
    const actions = (may: boolean) => attentionOf([paused], NOW, () => may).map(({ action }) => action);
    expect(actions(true)).toEqual(['Look, resume', 'Decide']);
    expect(actions(false)).toEqual(['Look', 'Look']);
  });
});

test('what a run did is told without noughts, and what is unchanged only when there is nothing else', () => {
  expect(countsText(run({ added: 12, removed: 0, same: 1840, failed: 1, bytes: 99 }))).toBe('12 added, 1 failed');
  expect(countsText(run({ same: 1840 }))).toBe('1,840 unchanged');
  expect(countsText(run({}))).toBe('nothing to do');
  // What was stopped or failed does not know whether there was anything.
  expect(countsText(run({}, { status: 'cancelled' }))).toBe('nothing done');
  expect(countsText(run({}, { status: 'failed' }))).toBe('nothing done');
  expect(countsText(run({}, { status: 'running', completed_at: null }))).toBe('nothing so far');
});

test.each([
  ['completed', false, 'all done'],
  ['completed', true, 'done in part'],
  ['failed', false, 'failed'],
  ['cancelled', false, 'cancelled'],
  ['running', false, 'running'],
  ['starting', false, 'waiting'],
] as const)('a run that is %s (in part: %s) is called: %s', (status, partial, text) => {
  expect(outcomeOf({ status, partial_success: partial }).text).toBe(text);
});

test('a run that kept to its plan, and therefore stopped, was not cancelled by anybody', () => {
  const error = { code: 'plan_differs', message: 'Not in the plan: 1 to add.', remedy: 'Make a new plan.' };
  expect(outcomeOf({ status: 'cancelled', partial_success: false, error })).toEqual({
    tone: 'warn',
    text: 'stopped, not as planned',
  });
});
