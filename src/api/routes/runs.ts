/** `/api/v1/sync`: what runs are doing. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { RunRecord } from '../../ports/run-store.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import type { ApiServices } from '../services.ts';

export function runRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get<{ Params: { syncId: string } }>(
    '/api/v1/sync/progress/:syncId',
    {
      schema: {
        summary: 'Progress of a run',
        params: Type.Object({ syncId: Type.String({ maxLength: 160 }) }),
      },
    },
    async (request) => {
      const run = await services.runs.run(access.organizationOf(request), request.params.syncId);
      if (run === null) throw new HttpError(404, 'not_found', 'Sync not found');
      return progressOf(run);
    },
  );
  app.delete<{ Params: { syncId: string } }>(
    '/api/v1/sync/cancel/:syncId',
    {
      schema: {
        summary: 'Cancel a run',
        params: Type.Object({ syncId: Type.String({ maxLength: 160 }) }),
      },
    },
    async (request) => {
      const organizationId = access.organizationOf(request);
      const run = await services.runs.run(organizationId, request.params.syncId);
      if (run === null) throw new HttpError(404, 'not_found', 'Sync not found');
      const asked = await services.runs.requestCancel(organizationId, run.id);
      return asked
        ? { message: 'Sync cancellation requested', sync_id: run.id }
        : { message: 'Sync already completed', sync_id: run.id, status: run.state };
    },
  );
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
