/** `RunLog` on PostgreSQL: lines are collected for a moment and written together. */
import { sql } from 'kysely';
import { type ErrorCode, toSyncError } from '../../domain/errors.ts';
import type { RunEvent, RunLog, RunLogLine } from '../../ports/run-log.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';

const EVERY_MS = 300;
/** More is lost while the database is away: memory is for runs. */
const WAITING = 10_000;

export function createRunLog(database: Database): RunLog {
  let waiting: RunLogLine[] = [];
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> = Promise.resolve();

  function flush(): Promise<void> {
    timer = null;
    const lines = waiting;
    waiting = [];
    if (lines.length === 0) return writing;
    const rows = lines.map(({ at, counts, ...line }, n) => ({
      ...line,
      n,
      at: new Date(at).toISOString(),
      counts: counts ?? null,
    }));
    writing = writing
      // A run may have been removed meanwhile, and its log with it.
      .then(() =>
        sql`
          INSERT INTO run_log_lines (organization_id, run_id, at, event, code, unit, reference, step, counts)
          SELECT l."organizationId", l."runId", l.at, l.event, l.code, l.unit, l.reference, l.step, l.counts
          FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
            AS l ("organizationId" text, "runId" text, at timestamptz, event text, code text, unit text, reference text,
                  step text, counts jsonb, n integer)
          JOIN sync_runs AS r ON r.id = l."runId" AND r.organization_id = l."organizationId"
          -- Their ids are their order.
          ORDER BY l.n`.execute(database.kysely),
      )
      .then(
        () => undefined,
        (error) => void toSyncError(error),
      );
    return writing;
  }

  return {
    write(lines) {
      if (waiting.length + lines.length > WAITING) return;
      waiting.push(...lines);
      timer ??= setTimeout(() => void flush(), EVERY_MS).unref();
    },
    async read(organizationId, runId, after, limit) {
      try {
        const rows = await database.kysely
          .selectFrom('run_log_lines')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .where('run_id', '=', runId)
          .where('id', '>', String(after))
          .orderBy('id')
          .limit(limit)
          .execute();
        return rows.map((row) => ({
          id: Number(row.id),
          at: row.at.getTime(),
          event: row.event as RunEvent,
          code: row.code as ErrorCode | null,
          unit: row.unit,
          reference: row.reference,
          ...(row.step === null ? {} : { step: row.step }),
          ...(row.counts === null ? {} : { counts: row.counts as Record<string, number> }),
        }));
      } catch (error) {
        throw databaseError(error);
      }
    },
    async close() {
      if (timer !== null) clearTimeout(timer);
      await flush();
    },
  };
}
