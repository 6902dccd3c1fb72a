/** `/api/idexx/status`: how the clinics of an organisation at IDEXX Neo are as a whole, by the words of the service that came before. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { usualWindow } from '../../engine/schedule/sync-book.ts';
import type { RunRecord } from '../../ports/run-store.ts';
import { type BookConnection, isBookConnection } from '../../runs/connections.ts';
import type { Access } from '../access.ts';
import { isPartial } from '../book-answers.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const Answer = Type.Object(
  {
    last_scrape: Type.Union([
      Type.Object({
        type: Type.Enum(['schedule', 'consultation']),
        status: Type.String({ description: 'in_progress, completed, partial, failed or cancelled.' }),
        timestamp: Type.String({ format: 'date-time' }),
        records_scraped: Type.Integer({ minimum: 0 }),
        errors: Type.Optional(Type.Array(Type.String())),
      }),
      Type.Null(),
    ]),
    system_status: Type.Enum(['healthy', 'degraded', 'error'], {
      description:
        'error: a connection is paused, or the book of a date is past its limit of alarm; degraded: a date is old, or the last run was not a whole success.',
    }),
    uptime_seconds: Type.Integer({ minimum: 0 }),
  },
  { description: "The newest run of the caller's clinics, and how they are." },
);

export function idexxStatusRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const answer = async (request: FastifyRequest) => {
    const organizationId = await access.authorize(request, 'sync:read');
    const own = services.connections.filter(isBookConnection).filter((c) => c.organizationId === organizationId);
    const runs = await Promise.all(own.map((c) => services.runs.runs({ organizationId, connectionId: c.id }, 1)));
    const last = runs.flat().sort((a, b) => Date.parse(b.startedAt) - Date.parse(a.startedAt))[0];
    return {
      last_scrape: last === undefined ? null : scrapeOf(last),
      system_status: await worstOf(services, own, runs.flat()),
      uptime_seconds: Math.floor(process.uptime()),
    };
  };
  for (const [path, operationId] of [
    ['/api/idexx/status', 'idexxStatus'],
    ['/api/idexx/sync-status', 'idexxSyncStatus'],
  ] as const) {
    app.get(
      path,
      {
        schema: {
          tags: ['idexx'],
          headers: SelectOrganization,
          summary: 'How the clinics at IDEXX Neo are',
          description: 'Two names for one answer.',
          operationId,
          response: { 200: Answer, ...refusals(...ACCESS_REFUSALS) },
        },
      },
      answer,
    );
  }
}

function scrapeOf(run: RunRecord) {
  const { added, updated, moved, same } = run.counts;
  const ended = run.state === 'completed' && isPartial(run) ? 'partial' : run.state;
  return {
    type: run.mode === 'consultations' ? ('consultation' as const) : ('schedule' as const),
    status: run.finishedAt === null ? 'in_progress' : ended,
    timestamp: run.finishedAt ?? run.startedAt,
    records_scraped: added + updated + moved + same,
    ...(run.error === null ? {} : { errors: [run.error.message] }),
  };
}

async function worstOf(
  services: ApiServices,
  own: readonly BookConnection[],
  newest: readonly RunRecord[],
): Promise<'healthy' | 'degraded' | 'error'> {
  const states = (await services.schedules.states()).filter((s) =>
    own.some((c) => c.organizationId === s.organizationId && c.id === s.connectionId),
  );
  const days = await Promise.all(
    own.map(({ organizationId, settings }) =>
      services.book.freshness({ organizationId, clinicId: settings.clinicId }, usualWindow(settings, Date.now())),
    ),
  );
  const all = days.flat();
  // A clinic that was never read has no dates that could be old.
  const neverRead = days.some((of) => of.length === 0);
  if (neverRead || states.some((s) => s.paused) || all.some((day) => day.freshness === 'alarm')) return 'error';
  const isDoubtful = newest.some((run) => run.state === 'failed' || isPartial(run));
  return isDoubtful || all.some((day) => day.freshness !== 'fresh') ? 'degraded' : 'healthy';
}
