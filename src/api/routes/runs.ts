/** `/api/v1/sync`: one run – its progress, its stream, its end. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { RunRecord } from '../../ports/run-store.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import type { ProgressOf } from '../run-answers.ts';
import { Cancelled, Progress, SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { openEventStream } from '../sse.ts';

/** As `RunStore` makes them; anything else is not worth a question to the database, which refuses some characters. */
const RUN_ID = /^[\w-]{1,160}$/;

const SyncId = Type.Object({ syncId: Type.String({ maxLength: 160, description: 'Id of a run.' }) });

export function runRoutes(app: FastifyInstance, services: ApiServices, access: Access, progressOf: ProgressOf): void {
  for (const [path, operationId] of [
    ['/api/v1/sync/progress/:syncId', 'syncProgress'],
    ['/api/v1/sync/status/:syncId', 'syncStatus'],
  ] as const) {
    app.get<{ Params: { syncId: string } }>(
      path,
      {
        schema: {
          summary: 'Progress of a run',
          description: 'Cheap: may be asked every second. For many watchers the stream is cheaper still.',
          operationId,
          tags: ['runs'],
          headers: SelectOrganization,
          params: SyncId,
          response: { 200: Progress, ...refusals(...ACCESS_REFUSALS) },
        },
      },
      async (request) => {
        const organizations = await access.authorizeAll(request, 'sync:read');
        return progressOf(await runOf(services, organizations, request.params.syncId));
      },
    );
  }

  app.get<{ Params: { syncId: string } }>(
    '/api/v1/sync/stream/:syncId',
    {
      schema: {
        summary: 'Progress of a run as server-sent events',
        description:
          'An event "progress" for each change, "end" with the final state, then the stream is closed. A comment every 15 s. The data are those of the progress route.',
        operationId: 'syncStream',
        tags: ['runs'],
        headers: SelectOrganization,
        params: SyncId,
        response: {
          200: {
            description: 'The stream.',
            content: { 'text/event-stream': { schema: Type.String() } },
          },
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const run = await runOf(services, await access.authorizeAll(request, 'sync:read'), request.params.syncId);
      const stream = openEventStream(request, reply, services.watch.closed);
      let telling: Promise<void> = Promise.resolve();
      const stop = services.watch.follow(run.id, (now) => {
        telling = telling
          .then(async () => {
            const final = now === null || now.finishedAt !== null;
            if (now !== null) stream.send(final ? 'end' : 'progress', await progressOf(now), final);
            if (final) stream.end();
          })
          // The database is away: whoever follows comes back and is told anew.
          .catch(() => stream.end());
      });
      stream.onClose(stop);
      return reply;
    },
  );

  for (const [path, operationId, description] of [
    ['/api/v1/sync/cancel/:syncId', 'cancelSync', 'The run stops within seconds; what it has done is kept.'],
    [
      '/api/v1/sync/force-cancel/:syncId',
      'forceCancelSync',
      'The same as cancel: every run stops within seconds, and one whose process is gone ends at once.',
    ],
  ] as const) {
    app.delete<{ Params: { syncId: string } }>(
      path,
      {
        schema: {
          summary: 'Cancel a run',
          description,
          operationId,
          tags: ['runs'],
          headers: SelectOrganization,
          params: SyncId,
          response: { 200: Cancelled, ...refusals(...ACCESS_REFUSALS) },
        },
      },
      async (request) => {
        const organizations = await access.authorizeAll(request, 'sync:run');
        const run = await runOf(services, organizations, request.params.syncId);
        const { organizationId } = run;
        const deed = { organizationId, action: 'sync.cancel', subject: { kind: 'run', id: run.id } };
        const answer = await access.audited(
          request,
          deed,
          () => services.queue.cancel(organizationId, run.id),
          (result) => ({ details: { answer: result } }),
        );
        // A run of this process need not wait for its next heartbeat to hear it.
        if (answer === 'requested') services.sync.cancel(run.id);
        const common = { sync_id: run.id, previous_status: run.state, timestamp: new Date().toISOString() };
        return answer === 'ended' || answer === null
          ? {
              message: 'Sync already completed',
              ...common,
              status: (await runOf(services, [organizationId], run.id)).state,
            }
          : { message: 'Sync cancellation requested', ...common };
      },
    );
  }
}

/** The id alone names the run: clients of earlier servers send no organisation with it. */
async function runOf(services: ApiServices, organizations: readonly string[], syncId: string): Promise<RunRecord> {
  const [run] = RUN_ID.test(syncId) ? await services.history.byIds([syncId]) : [];
  if (run === undefined || !organizations.includes(run.organizationId))
    throw new HttpError(404, 'not_found', 'Sync not found');
  return run;
}
