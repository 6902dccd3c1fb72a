/** `RunLists` on PostgreSQL. */
import { type RawBuilder, sql } from 'kysely';
import type { Outcome } from '../../domain/run.ts';
import type { Page } from '../../ports/clinic-reports.ts';
import type { FailureCause, FailureQuestion, RunLists } from '../../ports/run-lists.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';
import { openFailure } from './failures.ts';
import { type HeldSetRow, heldItem, heldSet } from './held-sets.ts';
import { type UnitRow, unitOf } from './unit-rows.ts';

/** What went wrong comes first: it is what people look for. */
const RANK = sql<string>`CASE u.outcome WHEN 'failed' THEN 0 WHEN 'partial' THEN 1 ELSE 2 END`;
const SETS = sql`
  SELECT s.*, (SELECT count(*) FROM held_items AS i
               WHERE i.organization_id = s.organization_id AND i.set_id = s.id) AS item_count
  FROM held_sets AS s`;
const NUMBER = /^\d{1,18}$/;

export function createRunLists(database: Database): RunLists {
  const db = database.kysely;
  return {
    failures: (question) =>
      ask(async () => {
        const [after = '0'] = question.after ?? [];
        const { rows } = await sql<Parameters<typeof openFailure>[0] & { connection_id: string }>`
          SELECT * FROM sync_failures AS f WHERE ${failuresOf(question)} AND id > ${after}::bigint
          ORDER BY id LIMIT ${question.limit + 1}`.execute(db);
        return pageOf(
          rows.map((row) => ({ ...openFailure(row), connectionId: row.connection_id })),
          question.limit,
          ({ id }) => [id],
        );
      }),

    failureCauses: (question) =>
      ask(async () => {
        const { rows } = await sql<FailureCause>`
          SELECT code, (array_agg(message ORDER BY id))[1] AS message, count(*)::int AS items
          FROM sync_failures AS f WHERE ${failuresOf(question)}
          GROUP BY code ORDER BY items DESC, code`.execute(db);
        return rows;
      }),

    decideFailures: (organizationId, failureIds, decision) =>
      database.transaction(async (trx) => {
        const retry = decision === 'retry';
        // An id that is not a number names nothing; PostgreSQL would refuse to compare it.
        const ids = failureIds.filter((id) => NUMBER.test(id));
        const { numAffectedRows } = await sql`
          UPDATE sync_failures
          SET state = ${retry ? 'waiting' : 'skipped'},
              next_retry_at = CASE WHEN ${retry}::boolean THEN now() END
          WHERE organization_id = ${organizationId} AND id = ANY(${ids}::bigint[])`.execute(trx);
        return Number(numAffectedRows ?? 0n);
      }),

    retryFailures: (organizationId, connectionId, runId = null) =>
      database.transaction(async (trx) => {
        const waiting = sql`f.organization_id = ${organizationId} AND f.connection_id = ${connectionId}
          AND f.state = 'waiting'`;
        // A failure names the last run that met it. Units of files remember every failure that a run met, those of records its code.
        const ofRun = sql`AND f.id IN (
          SELECT f.id FROM sync_failures AS f WHERE ${waiting} AND f.run_id = ${runId}
          UNION
          SELECT f.id FROM sync_failures AS f JOIN met USING (unit, reference) WHERE ${waiting})`;
        const { numAffectedRows } = await sql`
          WITH met AS MATERIALIZED (
            SELECT u.unit, e ->> 'reference' AS reference FROM sync_run_units AS u, jsonb_array_elements(u.errors) AS e
            WHERE u.organization_id = ${organizationId} AND u.run_id = ${runId})
          -- Due also by the clock of a process that is behind that of the database.
          UPDATE sync_failures AS f SET next_retry_at = least(f.next_retry_at, now() - interval '5 minutes')
          WHERE ${waiting} ${runId === null ? sql`` : ofRun}`.execute(trx);
        return Number(numAffectedRows ?? 0n);
      }),

    heldSets: ({ organizationId, state, limit, after }) =>
      ask(async () => {
        const [at, id = ''] = after ?? [];
        const border = new Date(Number(at ?? 0));
        const open = sql`s.state IN ('pending', 'approved')`;
        const { rows } = await sql<HeldSetRow>`
          ${SETS}
          WHERE s.organization_id = ${organizationId}
            ${state === 'all' ? sql`` : state === 'open' ? sql`AND ${open}` : sql`AND NOT ${open}`}
            ${after === null ? sql`` : sql`AND (s.created_at < ${border} OR (s.created_at = ${border} AND s.id > ${id}))`}
          ORDER BY s.created_at DESC, s.id LIMIT ${limit + 1}`.execute(db);
        return pageOf(rows.map(heldSet), limit, (set) => [String(Date.parse(set.createdAt)), set.id]);
      }),

    heldSet: (organizationId, setId) =>
      ask(async () => {
        const { rows } = await sql<HeldSetRow>`
          ${SETS} WHERE s.organization_id = ${organizationId} AND s.id = ${setId}`.execute(db);
        return rows[0] === undefined ? null : heldSet(rows[0]);
      }),

    heldItems: ({ organizationId, setId, limit, after }) =>
      ask(async () => {
        const [unit = '', reference = '', documentUuid = ''] = after ?? [];
        const key = sql`(i.unit COLLATE "C", i.reference COLLATE "C", i.document_uuid COLLATE "C")`;
        const { rows } = await sql<Parameters<typeof heldItem>[0]>`
          SELECT i.document_uuid, i.unit, i.reference, i.absence, i.state FROM held_items AS i
          WHERE i.organization_id = ${organizationId} AND i.set_id = ${setId}
            ${after === null ? sql`` : sql`AND ${key} > (${unit}, ${reference}, ${documentUuid})`}
          ORDER BY i.unit COLLATE "C", i.reference COLLATE "C", i.document_uuid COLLATE "C" LIMIT ${limit + 1}`.execute(
          db,
        );
        return pageOf(rows.map(heldItem), limit, (last) => [last.unit, last.reference, last.documentUuid]);
      }),

    heldItem: (organizationId, setId, documentUuid) =>
      ask(async () => {
        const { rows } = await sql<Parameters<typeof heldItem>[0]>`
          SELECT i.document_uuid, i.unit, i.reference, i.absence, i.state FROM held_items AS i
          WHERE i.organization_id = ${organizationId} AND i.set_id = ${setId} AND i.document_uuid = ${documentUuid}
          LIMIT 1`.execute(db);
        return rows[0] === undefined ? null : heldItem(rows[0]);
      }),

    units: ({ organizationId, runId, limit, after }) =>
      ask(async () => {
        const [rank = '', unit = ''] = after ?? [];
        const { rows } = await sql<UnitRow>`
          SELECT u.unit, u.outcome, u.counts, u.errors, u.finished_at FROM sync_run_units AS u
          WHERE u.organization_id = ${organizationId} AND u.run_id = ${runId}
            ${after === null ? sql`` : sql`AND (${RANK}, u.unit COLLATE "C") > (${rank}::integer, ${unit})`}
          ORDER BY ${RANK}, u.unit COLLATE "C" LIMIT ${limit + 1}`.execute(db);
        return pageOf(rows.map(unitOf), limit, (last) => [String(RANKS[last.outcome]), last.unit]);
      }),

    unitCount: (organizationId, runId) =>
      ask(async () => {
        const { rows } = await sql<{ total: number }>`
          SELECT count(*)::int AS total FROM sync_run_units
          WHERE organization_id = ${organizationId} AND run_id = ${runId}`.execute(db);
        return rows[0]?.total ?? 0;
      }),

    unitCauses: (organizationId, runId) =>
      ask(async () => {
        const { rows } = await sql<FailureCause>`
          SELECT e ->> 'code' AS code, min(e ->> 'message') AS message, count(*)::int AS items
          FROM sync_run_units AS u, jsonb_array_elements(u.errors) AS e
          WHERE u.organization_id = ${organizationId} AND u.run_id = ${runId} AND u.outcome <> 'success'
          GROUP BY 1 ORDER BY items DESC, code`.execute(db);
        return rows;
      }),
  };
}

const RANKS = { failed: 0, partial: 1, success: 2 } as const satisfies Record<Outcome, number>;

function failuresOf({ organizationId, connectionIds, code, runId }: FailureQuestion): RawBuilder<unknown> {
  const conditions = [
    sql`f.organization_id = ${organizationId}`,
    sql`f.connection_id = ANY(${connectionIds}::text[])`,
    ...(code === undefined ? [] : [sql`f.code = ${code}`]),
    ...(runId === undefined ? [] : [sql`f.run_id = ${runId}`]),
  ];
  return sql.join(conditions, sql` AND `);
}

/** @param items one more than a page, when there are more */
function pageOf<T>(items: readonly T[], limit: number, keyOf: (last: T) => readonly string[]): Page<T> {
  const page = items.slice(0, limit);
  const last = page.at(-1);
  return { items: page, next: last === undefined || items.length <= limit ? null : keyOf(last) };
}
