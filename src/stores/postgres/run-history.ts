/** `RunHistory` on PostgreSQL. */
import { sql } from 'kysely';
import type { RecordsProcessed, RunDay, RunHistory } from '../../ports/run-history.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';
import { type RunRow, runRecord } from './run-store.ts';

const DURATIONS = 5;

export function createRunHistory(database: Database): RunHistory {
  const db = database.kysely;
  return {
    byIds: (runIds) =>
      ask(async () => {
        const { rows } = await sql<RunRow>`
          SELECT * FROM sync_runs WHERE id = ANY (${[...runIds]}::text[])`.execute(db);
        return rows.map(runRecord);
      }),
    recent: (organizationId, limit, connector) =>
      ask(async () => {
        const { rows } = await sql<RunRow>`
          SELECT * FROM sync_runs
          WHERE organization_id = ${organizationId} AND (${connector ?? null}::text IS NULL OR connector = ${connector ?? null})
          ORDER BY started_at DESC, id DESC LIMIT ${limit}`.execute(db);
        return rows.map(runRecord);
      }),
    open: (organizationIds) =>
      ask(async () => {
        const { rows } = await sql<RunRow>`
          SELECT * FROM sync_runs
          WHERE organization_id = ANY (${[...organizationIds]}::text[]) AND finished_at IS NULL
          ORDER BY queued_at, id`.execute(db);
        return rows.map(runRecord);
      }),
    statistics: (organizationId, connector) =>
      ask(async () => {
        const { rows } = await sql<{
          total: number;
          successful: number;
          failed: number;
          last: Date | null;
          success: Date | null;
          average: number | null;
        }>`
          SELECT count(*)::int AS total,
                 (count(*) FILTER (WHERE state = 'completed' AND outcome <> 'failed'))::int AS successful,
                 (count(*) FILTER (WHERE state = 'failed'))::int AS failed,
                 max(started_at) AS last,
                 max(started_at) FILTER (WHERE state = 'completed' AND outcome <> 'failed') AS success,
                 (avg(extract(epoch FROM finished_at - started_at)) FILTER (WHERE state <> 'cancelled'))::float8 AS average
          FROM sync_runs
          WHERE organization_id = ${organizationId} AND finished_at IS NOT NULL
            AND (${connector ?? null}::text IS NULL OR connector = ${connector ?? null})`.execute(db);
        const row = rows[0]!;
        return {
          total: row.total,
          successful: row.successful,
          failed: row.failed,
          lastAt: row.last?.toISOString() ?? null,
          lastSuccessfulAt: row.success?.toISOString() ?? null,
          averageSeconds: row.average === null ? null : Math.round(row.average * 1000) / 1000,
        };
      }),
    durations: (organizationId, connectionId, mode) =>
      ask(async () => {
        const { rows } = await sql<{ seconds: number }>`
          SELECT extract(epoch FROM finished_at - started_at)::float8 AS seconds FROM sync_runs
          WHERE organization_id = ${organizationId} AND connection_id = ${connectionId} AND mode = ${mode}
            AND unit IS NULL AND state = 'completed'
          ORDER BY started_at DESC LIMIT ${DURATIONS}`.execute(db);
        return rows.map((row) => row.seconds);
      }),
    lastOfEach: (organizationId, unit) =>
      ask(async () => {
        const { rows } = await sql<RunRow>`
          SELECT r.* FROM connections AS c CROSS JOIN LATERAL (
            SELECT * FROM sync_runs AS s
            WHERE s.organization_id = c.organization_id AND s.connection_id = c.id AND s.finished_at IS NOT NULL
              AND ${unit === undefined ? sql`true` : sql`(s.unit IS NULL OR s.unit = ${unit})`}
            ORDER BY s.started_at DESC LIMIT 1) AS r
          WHERE c.organization_id = ${organizationId}`.execute(db);
        return rows.map(runRecord);
      }),
    processed: (organizationId, runIds) =>
      ask(async () => {
        if (runIds.length === 0) return new Map();
        const { rows } = await sql<RecordsProcessed & { runId: string }>`
          SELECT u.run_id AS "runId", coalesce(sum(n.items) FILTER (WHERE u.unit = 'patients'), 0)::float8 AS patients,
                 coalesce(sum(n.items) FILTER (WHERE u.unit IN ('individual_appointments', 'group_appointments')), 0)::float8
                   AS appointments
          FROM sync_run_units AS u CROSS JOIN LATERAL (
            SELECT sum(c.value::bigint) AS items FROM jsonb_each_text(u.counts) AS c
            WHERE c.key IN ('added', 'updated', 'moved', 'removed', 'same')) AS n
          WHERE u.organization_id = ${organizationId} AND u.run_id = ANY (${[...runIds]}::text[])
          GROUP BY u.run_id`.execute(db);
        return new Map(rows.map(({ runId, patients, appointments }) => [runId, { patients, appointments }]));
      }),
    days: (organizationId, timeZone, days) =>
      ask(async () => {
        const { rows } = await sql<RunDay>`
          WITH today AS (SELECT (now() AT TIME ZONE ${timeZone})::date AS date),
          wanted AS (
            SELECT generate_series(date - ${days - 1}::int, date, interval '1 day')::date AS date FROM today),
          done AS (
            SELECT (started_at AT TIME ZONE ${timeZone})::date AS date, state, counts FROM sync_runs
            WHERE organization_id = ${organizationId} AND finished_at IS NOT NULL
              AND started_at >= (SELECT min(date) FROM wanted)::timestamp AT TIME ZONE ${timeZone})
          SELECT to_char(w.date, 'YYYY-MM-DD') AS date, count(d.state)::int AS runs,
                 (count(*) FILTER (WHERE d.state = 'failed'))::int AS "failedRuns",
                 coalesce(sum(coalesce((d.counts ->> 'added')::bigint, 0) + coalesce((d.counts ->> 'updated')::bigint, 0)
                   + coalesce((d.counts ->> 'moved')::bigint, 0) + coalesce((d.counts ->> 'removed')::bigint, 0)), 0)::float8
                   AS items,
                 coalesce(sum((d.counts ->> 'failed')::bigint), 0)::float8 AS failures
          FROM wanted AS w LEFT JOIN done AS d USING (date) GROUP BY w.date ORDER BY w.date`.execute(db);
        return rows;
      }),
    position: (organizationId, runId) =>
      ask(async () => {
        const { rows } = await sql<{ place: number }>`
          SELECT place FROM (
            SELECT id, row_number() OVER (ORDER BY priority DESC, queued_at, id)::int AS place
            FROM sync_runs WHERE organization_id = ${organizationId} AND state = 'queued') AS q
          WHERE id = ${runId}`.execute(db);
        return rows[0]?.place ?? null;
      }),
  };
}
