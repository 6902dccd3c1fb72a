import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import type { RunHistory } from '../ports/run-history.ts';
import type { RunRecord } from '../ports/run-store.ts';
import { systemClock } from '../stores/system-clock.ts';
import { createRunWatch } from './run-watch.ts';

const ended = { id: 'run', finishedAt: '2026-03-03T09:00:00.000Z' } as RunRecord;
const open = { id: 'run', finishedAt: null } as RunRecord;
const watching = (run: RunRecord) =>
  createRunWatch({ history: { byIds: async () => [run] } as unknown as RunHistory, clock: systemClock, everyMs: 5 });

test('nothing is kept of those who have waited for an end', async () => {
  const watch = watching(ended);
  for (let i = 0; i < 20; i++) await watch.untilEnd('run', new AbortController().signal);
  expect(getEventListeners(watch.closed, 'abort')).toHaveLength(0);
});

test('whoever waits hears that the process stops, also when it has done so already', async () => {
  const watch = watching(open);
  const waiting = watch.untilEnd('run');
  watch.close();
  await expect(waiting).rejects.toMatchObject({ code: 'handed_back' });
  await expect(watch.untilEnd('run')).rejects.toMatchObject({ code: 'handed_back' });
});
