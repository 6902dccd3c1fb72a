/** What every route does that starts a run: ask the queue, write down who asked, follow it to its end. */
import type { FastifyRequest } from 'fastify';
import { SyncError } from '../domain/errors.ts';
import type { RunMode } from '../domain/run.ts';
import type { Enqueued } from '../ports/run-queue.ts';
import type { RunRecord } from '../ports/run-store.ts';
import type { Connection } from '../runs/connections.ts';
import type { Access } from './access.ts';
import { HttpError } from './errors.ts';
import type { ApiServices } from './services.ts';

/** @throws SyncError `connection_busy`, `connection_paused`, `queue_full` */
export async function askForRun(
  services: ApiServices,
  access: Access,
  request: FastifyRequest,
  connection: Connection,
  what: {
    readonly mode: RunMode;
    readonly unit?: string | null;
    readonly heldSetId?: string | null;
    /** The plan that the run keeps to. */
    readonly planId?: string | null;
    /** What failed is tried again only where its time has come. */
    readonly onlyDue?: boolean;
    readonly whenBusy?: 'queue';
  },
): Promise<Enqueued> {
  if (connection.dryRun) {
    throw new HttpError(409, 'dry_run', 'This connection is configured for dry runs: use "chartsync plan".');
  }
  const { mode, unit = null, heldSetId = null, planId = null, onlyDue = false } = what;
  const { organizationId, id } = connection;
  const deed = {
    organizationId,
    action: 'sync.start',
    subject: { kind: 'connection', id },
    details: {
      mode,
      ...(unit === null ? {} : { [connection.connector === 'idexx' ? 'dates' : 'patient']: unit }),
      ...(heldSetId === null ? {} : { set: heldSetId }),
      ...(planId === null ? {} : { plan: planId }),
    },
  };
  const run = { organizationId, connectionId: id, mode, trigger: 'api' as const, unit, heldSetId, planId, onlyDue };
  const enqueued = await access.audited(
    request,
    deed,
    () => services.queue.enqueue(run, { whenBusy: what.whenBusy ?? 'refuse' }),
    (started) => ({ details: started === null ? {} : { run: started.runId } }),
  );
  // Only a guarded request, which this is not, can come too late.
  if (enqueued === null) throw new SyncError('unexpected');
  return enqueued;
}

/** Waits for the end of a run, as long as the caller does. */
export async function endOf(services: ApiServices, request: FastifyRequest, runId: string): Promise<RunRecord> {
  const gone = new AbortController();
  const onClose = () => gone.abort(new SyncError('cancelled', { detail: 'Nobody waits for the answer any more.' }));
  request.raw.socket.once('close', onClose);
  try {
    const run = await services.watch.untilEnd(runId, gone.signal);
    if (run === null) throw new HttpError(404, 'not_found', 'Sync not found');
    return run;
  } finally {
    request.raw.socket.off('close', onClose);
  }
}
