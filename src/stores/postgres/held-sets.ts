/** Removals that the deletion guard held back until a person decides. */
import { type Selectable, sql, type Transaction } from 'kysely';
import { RECORD_STREAMS } from '../../domain/clinic.ts';
import type { ReadEvidence } from '../../domain/completeness.ts';
import { CONSULTATION_UNIT } from '../../domain/consultations.ts';
import type { Random } from '../../ports/clock.ts';
import type { HeldItem, HeldSet, RunStore } from '../../ports/run-store.ts';
import { STREAM_TABLES } from './clinic-rows.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import { holdFence } from './fence.ts';
import type { Tables } from './tables.ts';

type HeldSetStore = Pick<
  RunStore,
  'holdRemovals' | 'heldSets' | 'heldSet' | 'decideHeldSet' | 'decideHeldItems' | 'completeHeldSet'
>;
type Decision = Parameters<RunStore['decideHeldSet']>[2];

export function createHeldSetStore(database: Database, random: Random): HeldSetStore {
  return {
    holdRemovals: (fence, held, at) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        // Two calls at once would both find no pending set.
        await sql`
          SELECT 1 FROM connections WHERE organization_id = ${fence.organizationId} AND id = ${fence.connectionId}
          FOR NO KEY UPDATE`.execute(trx);
        const pending = await trx
          .selectFrom('held_sets')
          .select('id')
          .where('organization_id', '=', fence.organizationId)
          .where('connection_id', '=', fence.connectionId)
          .where('unit', held.unit === null ? 'is' : '=', held.unit)
          .where('state', '=', 'pending')
          .forUpdate()
          .executeTakeFirst();
        if (pending !== undefined) {
          const items = await trx
            .selectFrom('held_items')
            .select(['document_uuid', 'reference', 'absence'])
            .where('organization_id', '=', fence.organizationId)
            .where('set_id', '=', pending.id)
            .execute();
          const before = new Set(items.map((item) => `${item.document_uuid} ${item.absence} ${item.reference}`));
          const equal =
            before.size === held.items.length &&
            held.items.every((item) => before.has(`${item.documentUuid} ${item.absence} ${item.reference}`));
          if (equal && before.size > 0) return pending.id;
          await trx
            .updateTable('held_sets')
            .set({ state: 'superseded', decided_at: new Date(at) })
            .where('organization_id', '=', fence.organizationId)
            .where('id', '=', pending.id)
            .execute();
        }
        if (held.items.length === 0) return null;
        const id = `held_${random.uuid()}`;
        await trx
          .insertInto('held_sets')
          .values({
            id,
            organization_id: fence.organizationId,
            connection_id: fence.connectionId,
            run_id: fence.runId,
            unit: held.unit,
            reason: held.reason,
            evidence: JSON.stringify(held.evidence),
            created_at: new Date(at),
          })
          .execute();
        const column = <T>(pick: (item: (typeof held.items)[number]) => T) => held.items.map(pick);
        await sql`
          INSERT INTO held_items (organization_id, set_id, document_uuid, unit, reference, absence)
          SELECT ${fence.organizationId}, ${id}, i.uuid, i.unit, i.reference, i.absence
          FROM unnest(${column((i) => i.documentUuid)}::text[], ${column((i) => i.unit)}::text[],
                      ${column((i) => i.reference)}::text[], ${column((i) => i.absence)}::text[])
            AS i (uuid, unit, reference, absence)`.execute(trx);
        return id;
      }),

    async heldSets(organizationId, connectionId) {
      try {
        const { rows } = await sql<HeldSetRow>`
          SELECT s.*, (SELECT count(*) FROM held_items AS i WHERE i.set_id = s.id) AS item_count
          FROM held_sets AS s
          WHERE s.organization_id = ${organizationId}
            AND (${connectionId ?? null}::text IS NULL OR s.connection_id = ${connectionId ?? null})
          ORDER BY s.created_at DESC, s.id`.execute(database.kysely);
        return rows.map(heldSet);
      } catch (error) {
        throw databaseError(error);
      }
    },

    async heldSet(organizationId, setId) {
      try {
        const { rows } = await sql<HeldSetRow>`
          SELECT s.*, (SELECT count(*) FROM held_items AS i WHERE i.set_id = s.id) AS item_count
          FROM held_sets AS s WHERE s.organization_id = ${organizationId} AND s.id = ${setId}`.execute(database.kysely);
        const row = rows[0];
        if (row === undefined) return null;
        const items = await database.kysely
          .selectFrom('held_items')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .where('set_id', '=', setId)
          .orderBy(sql`unit COLLATE "C"`)
          .orderBy(sql`reference COLLATE "C"`)
          .execute();
        return {
          set: heldSet(row),
          items: items.map(heldItem),
        };
      } catch (error) {
        throw databaseError(error);
      }
    },

    decideHeldSet: (organizationId, setId, decision, at) =>
      database.transaction((trx) => decide(trx, organizationId, setId, decision, at)),

    decideHeldItems: (organizationId, setId, documentUuids, decision, at) =>
      database.transaction(async (trx) => {
        const chosen = [...new Set(documentUuids)];
        const { rows } = await sql<{ items: number; chosen: number }>`
          WITH s AS (
            SELECT id FROM held_sets
            WHERE organization_id = ${organizationId} AND id = ${setId} AND state = 'pending' FOR UPDATE)
          SELECT count(*)::int AS items, (count(*) FILTER (WHERE i.document_uuid = ANY(${chosen}::text[])))::int AS chosen
          FROM s JOIN held_items AS i ON i.organization_id = ${organizationId} AND i.set_id = s.id`.execute(trx);
        const { items = 0, chosen: found = 0 } = rows[0] ?? {};
        if (chosen.length === 0 || found !== chosen.length) return null;
        if (found === items) return (await decide(trx, organizationId, setId, decision, at)) ? setId : null;
        const id = `held_${random.uuid()}`;
        // Decided from its first moment: only one set of a connection may be pending.
        await sql`
          INSERT INTO held_sets (id, organization_id, connection_id, run_id, unit, state, reason, evidence, created_at)
          SELECT ${id}, organization_id, connection_id, run_id, unit, 'superseded', reason, evidence, created_at
          FROM held_sets WHERE organization_id = ${organizationId} AND id = ${setId}`.execute(trx);
        await trx
          .updateTable('held_items')
          .set({ set_id: id })
          .where('organization_id', '=', organizationId)
          .where('set_id', '=', setId)
          .where(sql<boolean>`document_uuid = ANY(${chosen}::text[])`)
          .execute();
        await decide(trx, organizationId, id, decision, at, 'superseded');
        return id;
      }),

    completeHeldSet: (fence, setId, results) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        const set = await trx
          .updateTable('held_sets')
          .set({ state: 'applied' })
          .where('organization_id', '=', fence.organizationId)
          .where('connection_id', '=', fence.connectionId)
          .where('id', '=', setId)
          .where('state', '=', 'approved')
          .executeTakeFirst();
        if (set.numUpdatedRows === 0n) return;
        await sql`
          UPDATE held_items AS i SET state = r.state
          FROM unnest(${results.map((r) => r.documentUuid)}::text[], ${results.map((r) => r.state)}::text[])
            AS r (uuid, state)
          WHERE i.organization_id = ${fence.organizationId} AND i.set_id = ${setId} AND i.document_uuid = r.uuid`.execute(
          trx,
        );
      }),
  };
}

/** @param from the state that the set must be in. @returns false when it is not */
async function decide(
  trx: Transaction<Tables>,
  organizationId: string,
  setId: string,
  decision: Decision,
  at: number,
  from: 'pending' | 'superseded' = 'pending',
): Promise<boolean> {
  const result = await trx
    .updateTable('held_sets')
    .set({
      state: decision.approve ? 'approved' : 'rejected',
      decided_at: new Date(at),
      decided_by: decision.by,
      note: decision.note,
    })
    .where('organization_id', '=', organizationId)
    .where('id', '=', setId)
    .where('state', '=', from)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) return false;
  if (!decision.approve) {
    await sql`
      UPDATE silknote_documents AS d SET "keptSince" = ${new Date(at)}
      FROM held_items AS i
      WHERE i.organization_id = ${organizationId} AND i.set_id = ${setId}
        AND d."organizationId" = ${organizationId} AND d."silknoteDocumentUuid" = i.document_uuid
        AND d."deletedAt" IS NULL`.execute(trx);
    await keepRecords(trx, organizationId, setId, at);
    await keepAppointments(trx, organizationId, setId, at);
    await keepConsultations(trx, organizationId, setId, at);
    await trx
      .updateTable('held_items')
      .set({ state: 'kept' })
      .where('organization_id', '=', organizationId)
      .where('set_id', '=', setId)
      .execute();
  }
  return true;
}

/** The same for sets of records, whose unit is their list. */
async function keepRecords(trx: Transaction<Tables>, organizationId: string, setId: string, at: number): Promise<void> {
  const { rows } = await sql<{ unit: string }>`
    SELECT DISTINCT unit FROM held_items WHERE organization_id = ${organizationId} AND set_id = ${setId}`.execute(trx);
  for (const { unit } of rows) {
    const stream = RECORD_STREAMS.find((name) => name === unit);
    if (stream === undefined) continue;
    await sql`
      UPDATE ${sql.table(STREAM_TABLES[stream].table)} AS r SET kept_since = ${new Date(at)}
      FROM held_items AS i
      WHERE i.organization_id = ${organizationId} AND i.set_id = ${setId}
        AND r.organization_id = ${organizationId} AND r.id::text = i.document_uuid AND r.removed_at IS NULL`.execute(
      trx,
    );
  }
}

async function keepAppointments(
  trx: Transaction<Tables>,
  organizationId: string,
  setId: string,
  at: number,
): Promise<void> {
  await sql`
    UPDATE schedule_appointments AS a SET kept_since = ${new Date(at)}
    FROM held_items AS i
    WHERE i.organization_id = ${organizationId} AND i.set_id = ${setId} AND i.unit = 'calendar'
      AND a.organization_id = ${organizationId} AND a.id::text = i.document_uuid AND a.deleted_at IS NULL`.execute(trx);
}

async function keepConsultations(
  trx: Transaction<Tables>,
  organizationId: string,
  setId: string,
  at: number,
): Promise<void> {
  await sql`
    UPDATE consultations AS c SET kept_since = ${new Date(at)}
    FROM held_items AS i
    WHERE i.organization_id = ${organizationId} AND i.set_id = ${setId} AND i.unit = ${CONSULTATION_UNIT}
      AND c.organization_id = ${organizationId} AND c.id::text = i.document_uuid AND c.deleted_at IS NULL`.execute(trx);
}

export interface HeldSetRow {
  id: string;
  organization_id: string;
  connection_id: string;
  run_id: string;
  unit: string | null;
  state: HeldSet['state'];
  reason: string;
  evidence: ReadEvidence;
  created_at: Date;
  decided_at: Date | null;
  decided_by: string | null;
  note: string | null;
  item_count: string;
}

export function heldItem(
  row: Pick<Selectable<Tables['held_items']>, 'document_uuid' | 'unit' | 'reference' | 'absence' | 'state'>,
): HeldItem {
  const { document_uuid: documentUuid, unit, reference, absence, state } = row;
  return { documentUuid, unit, reference, absence, state };
}

export function heldSet(row: HeldSetRow): HeldSet {
  return {
    id: row.id,
    organizationId: row.organization_id,
    connectionId: row.connection_id,
    runId: row.run_id,
    unit: row.unit,
    state: row.state,
    reason: row.reason,
    evidence: row.evidence,
    itemCount: Number(row.item_count),
    createdAt: row.created_at.toISOString(),
    decidedAt: row.decided_at?.toISOString() ?? null,
    decidedBy: row.decided_by,
    note: row.note,
  };
}
