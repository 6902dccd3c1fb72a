/** `/api/v1/audit`: who did what in an organisation, whether the log is whole, and all of it as a file. */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { AuditVerdict } from '../../domain/audit-chain.ts';
import type { AuditRecord, AuditResult } from '../../domain/audit-entry.ts';
import type { AuditFilter } from '../../ports/audit-log.ts';
import type { Access } from '../access.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const moment = (description: string) => Type.Optional(Type.String({ format: 'date-time', description }));
const PERIOD = { since: moment('From then on.'), until: moment('Before then.') };

const Page = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: 'Default 100.' })),
    before: Type.Optional(Type.Integer({ minimum: 1, description: 'Only entries with smaller ids: the next page.' })),
    action: Type.Optional(
      Type.String({ maxLength: 64, description: 'Such as key.create; key. stands for all that begin so.' }),
    ),
    actor: Type.Optional(Type.String({ maxLength: 300, description: 'Id of who did it.' })),
    subject: Type.Optional(Type.String({ maxLength: 200, description: 'Id of what it was done to.' })),
    result: Type.Optional(Type.Enum(['ok', 'refused', 'failed'])),
    ...PERIOD,
  },
  { additionalProperties: false },
);

const Period = Type.Object(PERIOD, { additionalProperties: false });

const VERDICT_MS = 10_000;

interface PeriodQuery {
  since?: string;
  until?: string;
}
interface PageQuery extends PeriodQuery {
  limit?: number;
  before?: number;
  action?: string;
  actor?: string;
  subject?: string;
  result?: AuditResult;
}

const Entry = Type.Object({
  id: Type.Integer(),
  at: Type.String({ format: 'date-time' }),
  actor: Type.Object({ kind: Type.String(), id: Type.String() }),
  action: Type.String(),
  subject: Type.Union([Type.Object({ kind: Type.String(), id: Type.String() }), Type.Null()]),
  result: Type.Enum(['ok', 'refused', 'failed']),
  request_id: Type.Union([Type.String(), Type.Null()]),
  details: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])),
  hash: Type.String({ description: 'Covers the entry and the one before it.' }),
});

const Verdict = Type.Object(
  {
    intact: Type.Boolean(),
    checked_at: Type.String({ format: 'date-time', description: 'Ten seconds ago at most.' }),
    entries: Type.Integer({ minimum: 0, description: 'Of the whole installation: it has one chain.' }),
    end: Type.Object(
      { id: Type.Integer(), hash: Type.String() },
      { description: 'Kept elsewhere, it proves later that the log was not written anew.' },
    ),
    problems: Type.Array(
      Type.Object({
        kind: Type.Enum(['changed', 'unlinked', 'missing', 'end', 'beginning']),
        id: Type.Integer({ description: 'Of the first entry concerned.' }),
      }),
      { description: 'The first hundred.' },
    ),
  },
  { description: 'The chain was computed again.' },
);

export function auditRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = { tags: ['audit'], headers: SelectOrganization };
  let last: { readonly at: number; readonly verdict: Promise<AuditVerdict> } | null = null;

  app.get<{ Querystring: PageQuery }>(
    '/api/v1/audit',
    {
      schema: {
        ...common,
        summary: 'The audit log of the organisation',
        description: 'Ids only: no names, no contents.',
        operationId: 'audit',
        querystring: Page,
        response: {
          200: Type.Object({ entries: Type.Array(Entry) }, { description: 'Newest first.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'audit:read');
      const { limit = 100, before, since, until, ...about } = request.query;
      const filter: AuditFilter = { ...about, ...periodOf({ since, until }) };
      // Read before the reading itself is written down: else every page would begin with itself.
      const entries = await services.audit.page(organizationId, limit, before, filter);
      await access.note(request, { organizationId, action: 'audit.read', details: { entries: entries.length } });
      return { entries: entries.map(answer) };
    },
  );

  app.get(
    '/api/v1/audit/verify',
    {
      schema: {
        ...common,
        summary: 'Is the audit log whole?',
        description: 'Computes the chain again, as "chartsync audit verify" does.',
        operationId: 'verifyAudit',
        response: { 200: Verdict, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'audit:read');
      const now = Date.now();
      // It reads the whole log: whoever asks again and again gets the same answer for a while.
      if (last === null || now - last.at > VERDICT_MS) {
        const asked = { at: now, verdict: services.audit.verify() };
        last = asked;
        asked.verdict.catch(() => {
          if (last === asked) last = null;
        });
      }
      const { at, verdict } = last;
      const { entries, end, problems } = await verdict;
      await access.note(request, { organizationId, action: 'audit.verify', details: { problems: problems.length } });
      return { intact: problems.length === 0, checked_at: new Date(at).toISOString(), entries, end, problems };
    },
  );

  app.get<{ Querystring: PeriodQuery }>(
    '/api/v1/audit/export',
    {
      schema: {
        ...common,
        summary: 'The audit log of the organisation as a file',
        description: 'One JSON text per line, oldest first.',
        operationId: 'exportAudit',
        querystring: Period,
        response: {
          200: { description: 'The entries.', content: { 'application/x-ndjson': { schema: Type.String() } } },
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'audit:read');
      await access.note(request, { organizationId, action: 'audit.export' });
      const entries = services.audit.read({ organizationId, ...periodOf(request.query) });
      return reply
        .type('application/x-ndjson')
        .header('content-disposition', 'attachment; filename="audit.ndjson"')
        .send(Readable.from(lines(entries)));
    },
  );
}

async function* lines(entries: AsyncIterable<AuditRecord>): AsyncGenerator<string> {
  for await (const entry of entries) yield `${JSON.stringify(answer(entry))}\n`;
}

function periodOf({ since, until }: { since?: string | undefined; until?: string | undefined }) {
  return {
    ...(since === undefined ? {} : { since: Date.parse(since) }),
    ...(until === undefined ? {} : { until: Date.parse(until) }),
  };
}

function answer({ id, at, actor, action, subject, result, requestId, details, hash }: AuditRecord) {
  return { id, at, actor, action, subject, result, request_id: requestId, details, hash };
}
