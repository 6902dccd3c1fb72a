/** `/api/v1/sync/run`: what one run did, beside the run before it, and unit by unit. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ERROR_CATALOGUE } from '../../domain/errors.ts';
import type { RunUnit } from '../../ports/reports.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { decodeKey, encodeKey } from '../page-key.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { HistoryEntry, historyEntryOf } from '../run-answers.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { Causes, causeAnswer } from './failures.ts';

const RUN_ID = /^[\w-]{1,160}$/;
const SyncId = Type.Object({ syncId: Type.String({ maxLength: 160, description: 'Id of a run.' }) });
const count = () => Type.Integer({ minimum: 0 });

const Unit = Type.Object({
  unit: Type.String({ description: 'For files: the patient.' }),
  outcome: Type.Enum(['success', 'partial', 'failed']),
  added: count(),
  removed: count(),
  errors: Type.Array(
    Type.Object({
      reference: Type.String({ description: 'Of the item in the source.' }),
      operation: Type.String(),
      code: Type.String(),
      message: Type.String(),
      remedy: Type.String(),
    }),
  ),
  finished_at: Type.String({ format: 'date-time' }),
});

const LOOK_BACK = 100;
const DEFAULT_UNITS = 200;
/** Of a key: the outcome in its order, and the unit. */
const KEY = [/^[012]$/, /./];

const UnitsQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: `Default ${DEFAULT_UNITS}.` })),
    after: Type.Optional(Type.String({ maxLength: 2000, description: '`next` of the page before.' })),
  },
  { additionalProperties: false },
);

interface Params {
  Params: { syncId: string };
}

export function runDetailRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = { tags: ['runs'], headers: SelectOrganization, params: SyncId };
  const runOf = async (organizationId: string, syncId: string) => {
    const run = RUN_ID.test(syncId) ? await services.runs.run(organizationId, syncId) : null;
    if (run === null) throw new HttpError(404, 'not_found', 'Sync not found');
    return run;
  };

  app.get<Params>(
    '/api/v1/sync/run/:syncId',
    {
      schema: {
        ...common,
        summary: 'What a run did, and the run before it',
        operationId: 'syncRun',
        response: {
          200: Type.Object(
            {
              run: HistoryEntry,
              previous: Type.Union([HistoryEntry, Type.Null()], {
                description: 'The ended run of the same connection and kind before it, among its newest hundred.',
              }),
            },
            { description: 'Both.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const run = await runOf(organizationId, request.params.syncId);
      const recent = await services.runs.runs({ organizationId, connectionId: run.connectionId }, LOOK_BACK);
      const previous = recent.find(
        (other) =>
          other.startedAt < run.startedAt &&
          other.finishedAt !== null &&
          other.mode === run.mode &&
          other.unit === run.unit,
      );
      return { run: historyEntryOf(run), previous: previous === undefined ? null : historyEntryOf(previous) };
    },
  );

  app.get<Params & { Querystring: Type.Static<typeof UnitsQuery> }>(
    '/api/v1/sync/run/:syncId/units',
    {
      schema: {
        ...common,
        summary: 'What a run did, unit by unit',
        description: 'Units that it changed or failed on, page by page; all others were found in step.',
        operationId: 'syncRunUnits',
        querystring: UnitsQuery,
        response: {
          200: Type.Object(
            {
              total: count(),
              units: Type.Array(Unit),
              next: Type.Union([Type.String(), Type.Null()], { description: 'For `after`; null on the last page.' }),
              causes: Type.Optional(Causes),
            },
            { description: 'What failed first.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const run = await runOf(organizationId, request.params.syncId);
      const { limit = DEFAULT_UNITS, after } = request.query;
      const from = decodeKey(after, KEY);
      const { runLists } = services;
      const [page, total, causes] = await Promise.all([
        runLists.units({ organizationId, runId: run.id, limit, after: from }),
        runLists.unitCount(organizationId, run.id),
        from === null ? runLists.unitCauses(organizationId, run.id) : null,
      ]);
      const subject = { kind: 'run', id: run.id };
      const details = { units: page.items.length };
      await access.note(request, { organizationId, action: 'units.read', subject, details });
      return {
        total,
        units: page.items.map(answer),
        next: encodeKey(page.next),
        ...(causes === null ? {} : { causes: causes.map(causeAnswer) }),
      };
    },
  );
}

function answer({ unit, outcome, filesAdded, filesDeleted, errors, finishedAt }: RunUnit) {
  return {
    unit,
    outcome,
    added: filesAdded,
    removed: filesDeleted,
    errors: errors.map(({ reference, operation, code, message }) => ({
      reference,
      operation,
      code,
      message,
      remedy: ERROR_CATALOGUE[code].remedy,
    })),
    finished_at: finishedAt,
  };
}
