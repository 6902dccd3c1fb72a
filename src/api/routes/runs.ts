/** `/api/v1/sync`: what runs are doing. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { RunRecord } from '../../ports/run-store.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, Cancelled, Progress, refusals, SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

/** As `RunStore` makes them; anything else is not worth a question to the database, which refuses some characters. */
const RUN_ID = /^[\w-]{1,160}$/;

const SyncId = Type.Object({ syncId: Type.String({ maxLength: 160, description: 'Id of a run.' }) });

export function runRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get<{ Params: { syncId: string } }>(
    '/api/v1/sync/progress/:syncId',
    {
      schema: {
        summary: 'Progress of a run',
        operationId: 'syncProgress',
        tags: ['runs'],
        headers: SelectOrganization,
        params: SyncId,
        response: { 200: Progress, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      return progressOf(await runOf(services, organizationId, request.params.syncId));
    },
  );
  app.delete<{ Params: { syncId: string } }>(
    '/api/v1/sync/cancel/:syncId',
    {
      schema: {
        summary: 'Cancel a run',
        description: 'The run stops within seconds; what it has done is kept.',
        operationId: 'cancelSync',
        tags: ['runs'],
        headers: SelectOrganization,
        params: SyncId,
        response: { 200: Cancelled, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:run');
      const run = await runOf(services, organizationId, request.params.syncId);
      const deed = { organizationId, action: 'sync.cancel', subject: { kind: 'run', id: run.id } };
      const asked = await access.audited(request, deed, () => services.runs.requestCancel(organizationId, run.id));
      // A run of this process need not wait for its next heartbeat to hear it.
      if (asked) services.sync.cancel(run.id);
      return asked
        ? { message: 'Sync cancellation requested', sync_id: run.id }
        : {
            message: 'Sync already completed',
            sync_id: run.id,
            status: (await runOf(services, organizationId, run.id)).state,
          };
    },
  );
}

async function runOf(services: ApiServices, organizationId: string, syncId: string): Promise<RunRecord> {
  const run = RUN_ID.test(syncId) ? await services.runs.run(organizationId, syncId) : null;
  if (run === null) throw new HttpError(404, 'not_found', 'Sync not found');
  return run;
}

function progressOf(run: RunRecord): Record<string, unknown> {
  return {
    sync_id: run.id,
    organization_id: run.organizationId,
    connection_id: run.connectionId,
    status: run.state === 'queued' ? 'starting' : run.state,
    progress_percentage: run.percentage,
    current_step: run.step ?? 'Starting',
    total_steps: run.totalSteps,
    completed_steps: run.completedSteps,
    started_at: run.startedAt,
    completed_at: run.finishedAt,
    estimated_completion: estimate(run),
    records_processed: run.itemsProcessed,
    records_total: run.itemsTotal,
    current_operation: run.step,
    partial_success: run.outcome === 'partial',
    counts: run.counts,
    errors: run.error === null ? [] : [run.error],
  };
}

/** From the speed of the present step; null while that says nothing. */
function estimate(run: RunRecord): string | null {
  if (run.finishedAt !== null || run.percentage < 1) return null;
  const started = Date.parse(run.startedAt);
  return new Date(started + ((Date.now() - started) / run.percentage) * 100).toISOString();
}
