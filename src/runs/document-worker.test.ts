import { expect, test } from 'vitest';
import type { DocumentTask, DocumentWork } from '../ports/document-work.ts';
import { systemClock } from '../stores/system-clock.ts';
import { startDocumentWorker } from './document-worker.ts';

const READING = 2;

test('a task that was read makes room for the next one while it is indexed, whoever tells of it', async () => {
  const waiting = Array.from({ length: 6 }, (_, n) => ({ organizationId: 'org', lease: `${n}` }) as DocumentTask);
  const begun: string[] = [];
  const followed: boolean[] = [];
  const indexed = Promise.withResolvers<void>();
  const all = Promise.withResolvers<void>();
  const worker = startDocumentWorker({
    work: {
      askForRefused: async () => 0,
      due: async () => (waiting.length > 0 ? ['org'] : []),
      claim: async (_: string, __: number, take: number) => waiting.splice(0, take),
      finish: async () => undefined,
    } as unknown as DocumentWork,
    programs: async () => new Set(),
    clock: systemClock,
    perOrganization: READING,
    perProcess: 24,
    reading: READING,
    async perform(task) {
      begun.push(task.lease);
      const copy = { ...task };
      // As the steps do, after a turn: claims come first.
      await Promise.resolve();
      worker.wasRead(copy);
      followed.push(worker.othersFollow(copy));
      if (begun.length === 6) all.resolve();
      await indexed.promise;
      return { status: 'complete' };
    },
  });
  await all.promise;
  expect(begun).toEqual(['0', '1', '2', '3', '4', '5']);
  // Nobody is being read any more when the last one was.
  expect(followed.at(-1)).toBe(false);
  indexed.resolve();
  await worker.stop();
});
