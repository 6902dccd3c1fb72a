/** Performs inspections in this process; what is known of them is in the store, for all. */
import { SyncError, toSyncError } from '../domain/errors.ts';
import type { Inspection, InspectionKind, InspectionOptions } from '../domain/inspection.ts';
import { createPlannedItems } from '../domain/planned-items.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { InspectionStore } from '../ports/inspection-store.ts';
import type { Connection } from './connections.ts';
import { type InspectionWork, inspect } from './inspect-connection.ts';

export interface Inspections {
  /** @returns its id; it goes on by itself. Null: one of its kind runs already, or this process has enough to do */
  begin(request: {
    readonly connection: Connection;
    readonly kind: InspectionKind;
    readonly options: InspectionOptions;
    readonly askedBy: string;
    readonly repaired: ReadonlySet<string> | null;
    /** Called at its end, whatever that is. */
    readonly onEnd?: (end: Pick<Inspection, 'state' | 'error'>) => void;
  }): Promise<string | null>;
  readonly store: InspectionStore;
  /** Ends those at work. */
  stop(): Promise<void>;
}

const BEAT_MS = 1000;
/** They read whole sources: runs come first. */
const AT_ONCE = 4;
const LONGEST_MS = 6 * 3600_000;

export function createInspections(options: {
  readonly store: InspectionStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly storesOf: InspectionWork['storesOf'];
  readonly contents: InspectionWork['contents'];
  readonly connections: InspectionWork['connections'];
}): Inspections {
  const { store, clock, random, storesOf, contents, connections } = options;
  const ended = new AbortController();
  const working = new Set<Promise<void>>();

  async function perform(id: string, request: Parameters<Inspections['begin']>[0]): Promise<void> {
    const { connection, kind } = request;
    const { organizationId } = connection;
    const stop = new AbortController();
    const over = new AbortController();
    let checked = 0;
    const heart = (async () => {
      for (;;) {
        try {
          await clock.sleep(BEAT_MS, over.signal);
        } catch {
          return;
        }
        try {
          if (!(await store.beat(organizationId, id, checked))) stop.abort(new SyncError('cancelled'));
        } catch (error) {
          // It may pass; when it does not, the others take us for gone.
          toSyncError(error);
        }
      }
    })();
    const signal = AbortSignal.any([ended.signal, stop.signal, AbortSignal.timeout(LONGEST_MS)]);
    const planned = createPlannedItems();
    let end: Pick<Inspection, 'result' | 'error'> & { state: 'done' | 'failed' | 'cancelled' };
    try {
      const result = await inspect({
        connection,
        kind,
        options: request.options,
        repaired: request.repaired,
        storesOf,
        contents,
        connections,
        planned,
        signal,
        advance: (items) => {
          checked = items;
        },
      });
      end = { state: 'done', result, error: null };
    } catch (thrown) {
      const failure = toSyncError(signal.aborted ? reasonOf(signal) : thrown);
      const { code, message, remedy } = failure;
      end = { state: code === 'cancelled' ? 'cancelled' : 'failed', result: null, error: { code, message, remedy } };
    }
    over.abort();
    await heart;
    const items = kind === 'plan' && end.state === 'done' ? planned.bytes() : null;
    await store.finish(organizationId, id, { ...end, checked, planned: items }).catch((error) => toSyncError(error));
    request.onEnd?.(end);
  }

  return {
    store,
    async begin(request) {
      if (working.size >= AT_ONCE || ended.signal.aborted) return null;
      const id = `inspection_${random.uuid()}`;
      const { organizationId, id: connectionId } = request.connection;
      const { kind, askedBy } = request;
      if (!(await store.begin({ id, organizationId, connectionId, kind, options: request.options, askedBy })))
        return null;
      const work: Promise<void> = perform(id, request).finally(() => working.delete(work));
      working.add(work);
      return id;
    },
    async stop() {
      ended.abort(new SyncError('handed_back'));
      await Promise.allSettled(working);
    },
  };
}

function reasonOf(signal: AbortSignal): unknown {
  return signal.reason instanceof SyncError ? signal.reason : new SyncError('run_timeout');
}
