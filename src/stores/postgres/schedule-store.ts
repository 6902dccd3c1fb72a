/** `ScheduleStore` on PostgreSQL. */
import { sql } from 'kysely';
import type { FileMode } from '../../domain/run.ts';
import type { ScheduleStore } from '../../ports/schedule-store.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';

export function createScheduleStore(database: Database): ScheduleStore {
  return {
    async state(key) {
      try {
        const connection = await database.kysely
          .selectFrom('connections')
          .select(['state', 'consecutive_failures'])
          .where('organization_id', '=', key.organizationId)
          .where('id', '=', key.connectionId)
          .executeTakeFirst();
        const { rows } = await sql<{ mode: string; started: Date; completed: Date | null }>`
          SELECT mode, max(started_at) AS started, max(started_at) FILTER (WHERE state = 'completed') AS completed
          FROM sync_runs
          WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId} AND unit IS NULL
            AND mode IN ('quick', 'deep', 'checksum')
          GROUP BY mode`.execute(database.kysely);
        const lastCompletedByMode: Partial<Record<FileMode, number>> = {};
        for (const row of rows) if (row.completed) lastCompletedByMode[row.mode as FileMode] = row.completed.getTime();
        const starts = rows.map((row) => row.started.getTime());
        return {
          lastStartedAt: starts.length === 0 ? null : Math.max(...starts),
          lastCompletedByMode,
          consecutiveFailures: connection?.consecutive_failures ?? 0,
          paused: connection?.state !== 'active',
        };
      } catch (error) {
        throw databaseError(error);
      }
    },
  };
}
