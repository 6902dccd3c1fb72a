/** `DocumentEvents` on PostgreSQL. Triggers of the tables write them, see `0013_document_service.sql`. */
import { sql } from 'kysely';
import type { DocumentEvent, DocumentEvents, HeardEvents } from '../../ports/document-events.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';

/** A transaction and an event of it. Transactions are numbered when they begin; the place is read when they have ended. */
const PLACE = /^(\d{1,19})-(\d{1,19})$/;
const AT_ONCE = 500;
/**
 * Every transaction of this database before this one has ended, as this statement sees it. Those of other databases of the
 * server write no events, and would hold them all back for as long as they last. What nobody is seen to hold has perhaps ended
 * since the statement began: its events are not seen by it.
 */
const ENDED = sql`(
  SELECT coalesce(min(x.id), pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
  FROM (SELECT pg_snapshot_xip(pg_current_snapshot())::text::bigint AS id) AS x
  WHERE NOT EXISTS (
    SELECT 1 FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'transactionid' AND l.granted AND l.mode = 'ExclusiveLock'
      AND l.transactionid::text::bigint = x.id % 4294967296 AND a.datname <> current_database())
    AND NOT EXISTS (
      SELECT 1 FROM pg_prepared_xacts AS p
      WHERE p.transaction::text::bigint = x.id % 4294967296 AND p.database <> current_database()))`;
const LARGEST = 2n ** 63n - 1n;

interface Row {
  n: number;
  missed: boolean;
  transaction: string | null;
  id: string;
  kind: DocumentEvent['kind'];
  document_uuid: string | null;
  client_file_id: string | null;
  status: string | null;
  stage: string | null;
  error_code: string | null;
  job_id: string | null;
}

export function createDocumentEvents(database: Database): DocumentEvents {
  return {
    async now() {
      // One before: what began together with us, and is still at work, is heard of.
      const { rows } = await ask(sql<{ ended: string }>`SELECT (${ENDED} - 1)::text AS ended`.execute(database.kysely));
      return `${rows[0]?.ended ?? '0'}-${LARGEST}`;
    },
    isPlace: (text) =>
      PLACE.exec(text)
        ?.slice(1)
        .every((part) => BigInt(part) <= LARGEST) ?? false,
    async tell(organizationId, patientUuid, { kind, jobId, status, errorCode }) {
      await ask(
        sql`
          INSERT INTO document_events (organization_id, patient_uuid, kind, job_id, status, error_code)
          VALUES (${organizationId}, ${patientUuid}, ${kind}, ${jobId}, ${status ?? null}, ${errorCode ?? null})`.execute(
          database.kysely,
        ),
      );
    },
    async since(patients) {
      if (patients.length === 0) return [];
      const parts = patients.map(({ place }) => PLACE.exec(place) ?? ['', '0', '0']);
      const { rows } = await ask(
        sql<Row>`
          SELECT p.n::int AS n, p.transaction < f.transaction AS missed, e.*
          FROM unnest(${patients.map((p) => p.organizationId)}::text[], ${patients.map((p) => p.patientUuid)}::text[],
                      ${parts.map((part) => part[1])}::bigint[], ${parts.map((part) => part[2])}::bigint[])
                 WITH ORDINALITY AS p (organization_id, patient_uuid, transaction, id, n)
          CROSS JOIN document_events_forgotten AS f
          LEFT JOIN LATERAL (
            SELECT e.transaction, e.id, e.kind, e.document_uuid, e.client_file_id, e.status, e.stage, e.error_code,
                   e.job_id
            FROM document_events AS e
            WHERE e.organization_id = p.organization_id AND e.patient_uuid = p.patient_uuid
              AND (e.transaction, e.id) > (p.transaction, p.id) AND e.transaction < ${ENDED}
            ORDER BY e.transaction, e.id LIMIT ${AT_ONCE}) AS e ON true
          ORDER BY p.n, e.transaction, e.id`.execute(database.kysely),
      );
      const heard = patients.map(() => ({ events: [] as DocumentEvent[], missed: false }));
      for (const row of rows) {
        const one = heard[row.n - 1];
        if (one === undefined) continue;
        one.missed = row.missed;
        if (row.transaction !== null) one.events.push(eventOf(row));
      }
      return heard satisfies readonly HeardEvents[];
    },
    forget: (before) =>
      database.transaction(async (trx) => {
        // A place names a transaction: all its events go, or none.
        await sql`
          WITH gone AS (
            DELETE FROM document_events
            WHERE transaction <= (SELECT max(transaction) FROM document_events WHERE at < ${new Date(before)})
            RETURNING transaction)
          UPDATE document_events_forgotten AS f
          SET transaction = greatest(f.transaction, (SELECT max(transaction) FROM gone))
          WHERE EXISTS (SELECT 1 FROM gone)`.execute(trx);
      }),
  };
}

function eventOf(row: Row): DocumentEvent {
  return {
    place: `${row.transaction}-${row.id}`,
    kind: row.kind,
    documentUuid: row.document_uuid,
    clientFileId: row.client_file_id,
    status: row.status,
    stage: row.stage,
    errorCode: row.error_code,
    jobId: row.job_id,
  };
}
