/** `Upkeep` on PostgreSQL. */
import { sql } from 'kysely';
import type { Upkeep } from '../../ports/upkeep.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';

export function createUpkeep({ kysely }: Database): Upkeep {
  return {
    claim: (task, everyMs) =>
      ask(async () => {
        const { numAffectedRows } = await sql`
          INSERT INTO upkeep AS u (task) VALUES (${task})
          ON CONFLICT (task) DO UPDATE SET started_at = now(), finished_at = NULL
            WHERE u.started_at < now() - ${everyMs} * interval '1 millisecond'`.execute(kysely);
        return numAffectedRows === 1n;
      }),
    done: (task, code) =>
      ask(async () => {
        await sql`UPDATE upkeep SET finished_at = now(), code = ${code} WHERE task = ${task}`.execute(kysely);
      }),
    states: () =>
      ask(async () => {
        const rows = await kysely.selectFrom('upkeep').selectAll().orderBy('task').execute();
        return rows.map((row) => ({
          task: row.task,
          startedAt: row.started_at.toISOString(),
          finishedAt: row.finished_at?.toISOString() ?? null,
          code: row.code,
        }));
      }),
  };
}
