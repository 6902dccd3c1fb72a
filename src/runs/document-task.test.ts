import { expect, test } from 'vitest';
import { SyncError } from '../domain/errors.ts';
import type { DocumentTask, DocumentWork } from '../ports/document-work.ts';
import { createTaskHandler } from './document-task.ts';

const task = { organizationId: 'org', document: null, attempts: 1, delays: 0 } as unknown as DocumentTask;

function setUp(failures: number) {
  const asked: string[] = [];
  const waits: number[] = [];
  const answer = (what: string) => async () => {
    asked.push(what);
    if (asked.length <= failures) throw new SyncError('database_unavailable');
  };
  const handle = (ended: AbortSignal) =>
    createTaskHandler(
      {
        clock: {
          now: () => 0,
          sleep: async (ms) => {
            waits.push(ms);
          },
        },
        work: { tryAgain: answer('tryAgain'), giveBack: answer('giveBack') } as unknown as DocumentWork,
        perform: () => Promise.reject(new SyncError('database_unavailable')),
      },
      ended,
    )(task);
  return { asked, waits, handle };
}

test('a task whose end the database did not take is given back as soon as the database answers', async () => {
  const { asked, waits, handle } = setUp(3);
  await handle(new AbortController().signal);
  expect(asked).toEqual(['tryAgain', 'tryAgain', 'tryAgain', 'tryAgain']);
  expect(waits).toEqual([1000, 2000, 4000]);
});

test('a process that stops does not wait for its database', async () => {
  const { asked, waits, handle } = setUp(9);
  await handle(AbortSignal.abort());
  expect(asked).toEqual(['giveBack']);
  expect(waits).toEqual([]);
});
