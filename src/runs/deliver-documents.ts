/** The part of a run that brings documents to a service on another machine: no run says "success" about what is not there. */
import type { DocumentDestination } from '../engine/files/settings.ts';
import type { Clock } from '../ports/clock.ts';
import type { DocumentContent } from '../ports/document-content.ts';
import type { DocumentDeliveries } from '../ports/document-deliveries.ts';
import type { ConnectionKey } from '../ports/document-records.ts';
import type { DocumentWork } from '../ports/document-work.ts';
import type { RemoteDocuments } from '../ports/remote-documents.ts';
import type { createDocumentSteps } from './document-steps.ts';
import { createTaskHandler } from './document-task.ts';

export interface DestinationOptions {
  readonly key: ConnectionKey;
  readonly work: DocumentWork;
  readonly deliveries: DocumentDeliveries;
  readonly remote: RemoteDocuments;
  readonly clock: Clock;
  /** Documents of the organisation at one time, in all processes together. */
  readonly atMost: number;
  open(): Promise<{ perform: ReturnType<typeof createDocumentSteps>; content: DocumentContent }>;
}

/** Others are at work on documents of this connection as well: a look at them so often. */
const LOOK_MS = 200;
/** In a row: the other machine is away, and the rest can wait for the next try. */
const ENOUGH_FAILURES = 6;

export function createDestination(options: DestinationOptions): DocumentDestination {
  const { key, work, deliveries, remote, clock, atMost } = options;
  return {
    probe: (signal) => remote.probe(signal),

    async deliver({ refused, signal, onDone }) {
      await deliveries.askForUnsent(key, refused);
      const { perform, content } = await options.open();
      let failures = 0;
      const handle = createTaskHandler(
        {
          clock,
          work,
          perform,
          onEnd() {
            failures = 0;
            onDone(1);
          },
          onError: (_, { code }) => {
            if (code === 'remote_unavailable' || code === 'remote_credentials') failures++;
          },
        },
        signal,
      );
      const atWork = new Set<Promise<void>>();
      try {
        for (;;) {
          signal.throwIfAborted();
          const isAway = failures >= ENOUGH_FAILURES;
          if (isAway && atWork.size === 0) {
            const { refused: left, waiting, due } = await deliveries.counts(key);
            return { refused: left, waiting: waiting + due };
          }
          const take = isAway ? 0 : atMost - atWork.size;
          for (const task of await work.claim(key.organizationId, atMost, take, key.connectionId)) {
            const done: Promise<void> = handle(task).finally(() => atWork.delete(done));
            atWork.add(done);
          }
          if (atWork.size > 0) {
            await Promise.race(atWork);
            continue;
          }
          const counts = await deliveries.counts(key);
          if (counts.due === 0) return counts;
          await clock.sleep(LOOK_MS, signal);
        }
      } finally {
        await Promise.allSettled(atWork);
        await content.close();
      }
    },
  };
}
