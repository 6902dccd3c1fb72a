/** `InspectionStore` on PostgreSQL. */
import { sql } from 'kysely';
import { SyncError } from '../../domain/errors.ts';
import type { Inspection, InspectionKind } from '../../domain/inspection.ts';
import type { InspectionStore } from '../../ports/inspection-store.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';

/** Of each kind and connection: enough for a trend. */
const KEPT = 50;
/** Of so many plans of a connection all items are kept: a plan that others have followed is hardly started any more. */
const KEPT_WHOLE = 5;

export function createInspectionStore(database: Database): InspectionStore {
  const { kysely } = database;

  /** What nobody works on any more does not run. */
  async function endSilent(organizationId: string): Promise<void> {
    const { code, message, remedy } = new SyncError('handed_back');
    await sql`
      UPDATE inspections SET state = 'failed', finished_at = now(), error = ${JSON.stringify({ code, message, remedy })}
      WHERE organization_id = ${organizationId} AND state = 'running' AND seen_at < now() - interval '30 seconds'`.execute(
      kysely,
    );
  }

  return {
    begin: ({ id, organizationId, connectionId, kind, options, askedBy }) =>
      ask(
        (async () => {
          await endSilent(organizationId);
          const { numInsertedOrUpdatedRows: rows } = await kysely
            .insertInto('inspections')
            .values({
              id,
              organization_id: organizationId,
              connection_id: connectionId,
              kind,
              options: JSON.stringify(options),
              asked_by: askedBy,
            })
            .onConflict((conflict) => conflict.doNothing())
            .executeTakeFirst();
          if (rows === 0n) return false;
          await sql`
            DELETE FROM inspections
            WHERE organization_id = ${organizationId} AND connection_id = ${connectionId} AND kind = ${kind}
              AND state <> 'running' AND id NOT IN (
                SELECT id FROM inspections
                WHERE organization_id = ${organizationId} AND connection_id = ${connectionId} AND kind = ${kind}
                ORDER BY started_at DESC LIMIT ${KEPT})`.execute(kysely);
          return true;
        })(),
      ),
    async beat(organizationId, id, checked) {
      const row = await ask(
        kysely
          .updateTable('inspections')
          .set({ seen_at: sql<Date>`now()`, checked })
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
          .where('state', '=', 'running')
          .returning('cancel')
          .executeTakeFirst(),
      );
      return row !== undefined && !row.cancel;
    },
    finish: (organizationId, id, { state, result, error, checked, planned }) =>
      database.transaction(async (trx) => {
        const { numUpdatedRows } = await trx
          .updateTable('inspections')
          .set({
            state,
            checked,
            finished_at: sql<Date>`now()`,
            result: result === null ? null : JSON.stringify(result),
            error: error === null ? null : JSON.stringify(error),
          })
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
          .where('state', '=', 'running')
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return false;
        if (planned === null) return true;
        await trx
          .insertInto('planned_items')
          .values({ organization_id: organizationId, inspection_id: id, items: planned })
          .execute();
        await sql`
          DELETE FROM planned_items WHERE organization_id = ${organizationId} AND inspection_id IN (
            SELECT i.id FROM inspections AS i JOIN inspections AS own
              ON own.organization_id = i.organization_id AND own.connection_id = i.connection_id
            WHERE own.organization_id = ${organizationId} AND own.id = ${id} AND i.kind = 'plan' AND i.state = 'done'
            ORDER BY i.started_at DESC, i.id OFFSET ${KEPT_WHOLE})`.execute(trx);
        return true;
      }),
    async cancel(organizationId, id) {
      const { numUpdatedRows } = await ask(
        kysely
          .updateTable('inspections')
          .set({ cancel: true })
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
          .where('state', '=', 'running')
          .executeTakeFirst(),
      );
      return numUpdatedRows > 0n;
    },
    async find(organizationId, id) {
      await ask(endSilent(organizationId));
      const row = await ask(
        kysely
          .selectFrom('inspections')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
          .executeTakeFirst(),
      );
      return row === undefined ? null : inspection(row);
    },
    async planned({ organizationId, connectionId }, id) {
      const row = await ask(
        kysely
          .selectFrom('planned_items as p')
          .innerJoin('inspections as i', (join) =>
            join.onRef('i.id', '=', 'p.inspection_id').onRef('i.organization_id', '=', 'p.organization_id'),
          )
          .select('p.items')
          .where('p.organization_id', '=', organizationId)
          .where('i.connection_id', '=', connectionId)
          .where('p.inspection_id', '=', id)
          .executeTakeFirst(),
      );
      return row?.items ?? null;
    },
    async list({ organizationId, connectionId }, kind: InspectionKind | null, limit) {
      await ask(endSilent(organizationId));
      const rows = await ask(
        kysely
          .selectFrom('inspections')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .where('connection_id', '=', connectionId)
          .$if(kind !== null, (query) => query.where('kind', '=', kind as InspectionKind))
          .orderBy('started_at', 'desc')
          .orderBy('id')
          .limit(limit)
          .execute(),
      );
      return rows.map(inspection);
    },
  };
}

interface Row {
  id: string;
  organization_id: string;
  connection_id: string;
  kind: InspectionKind;
  options: unknown;
  state: Inspection['state'];
  asked_by: string;
  started_at: Date;
  finished_at: Date | null;
  checked: string;
  result: unknown;
  error: unknown;
}

function inspection(row: Row): Inspection {
  return {
    id: row.id,
    organizationId: row.organization_id,
    connectionId: row.connection_id,
    kind: row.kind,
    options: row.options as Inspection['options'],
    state: row.state,
    askedBy: row.asked_by,
    startedAt: row.started_at.toISOString(),
    finishedAt: row.finished_at?.toISOString() ?? null,
    checked: Number(row.checked),
    result: row.result as Inspection['result'],
    error: row.error as Inspection['error'],
  };
}
