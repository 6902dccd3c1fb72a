/** `DocumentDeliveries` on PostgreSQL. */
import { sql, type Transaction } from 'kysely';
import { SyncError } from '../../domain/errors.ts';
import type { Delivery, DeliveryCounts, DeliverySubject, DocumentDeliveries } from '../../ports/document-deliveries.ts';
import type { DocumentTask } from '../../ports/document-work.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';
import { streamRows } from './stream-rows.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

interface DeliveryRow {
  patient_uuid: string;
  reference: string;
  document_uuid: string;
  sha256: string;
  remote_uuid: string | null;
}

export function createDocumentDeliveries(database: Database): DocumentDeliveries {
  const db = database.kysely;

  return {
    subject: (task) =>
      ask(async () => {
        const { rows } = await sql<DeliverySubject & { uploaded: Date | null }>`
          SELECT d."connectionId" AS "connectionId", d."vsrxReference" AS reference, d.title, d."uploadDate" AS uploaded,
                 d."sourcePath" AS "sourcePath", nullif(f."silknoteUserUuid", '') AS "ownerUuid"
          FROM silknote_documents AS d JOIN silknote_patient_filesets AS f
            ON f."organizationId" = d."organizationId" AND f."silknotePatientUuid" = d."patientUuid"
          WHERE d."organizationId" = ${task.organizationId} AND d."silknoteDocumentUuid" = ${task.documentUuid}
            AND d."connectionId" IS NOT NULL AND d."vsrxReference" IS NOT NULL`.execute(db);
        const [row] = rows;
        if (row === undefined) return null;
        const { uploaded, ...subject } = row;
        return { ...subject, uploadedAt: uploaded?.toISOString() ?? null };
      }),

    ofDocument: (document, connectionId) =>
      ask(async () => {
        const rows = await db
          .selectFrom('document_deliveries')
          .select(['patient_uuid', 'reference', 'document_uuid', 'sha256', 'remote_uuid'])
          .where('organization_id', '=', document.organizationId)
          .where('connection_id', '=', connectionId)
          .where('document_uuid', '=', document.documentUuid)
          .orderBy('patient_uuid')
          .orderBy('reference')
          .execute();
        return rows.map(deliveryOf);
      }),

    take: (task, connectionId, place) =>
      database.transaction(async (trx) => {
        await holdTask(trx, task);
        const key = sql`organization_id = ${task.organizationId} AND connection_id = ${connectionId}
          AND patient_uuid = ${place.patientUuid} AND reference = ${place.reference}`;
        const { rows } = await sql<DeliveryRow & { busy: boolean }>`
          SELECT d.patient_uuid, d.reference, d.document_uuid, d.sha256, d.remote_uuid,
                 d.document_uuid <> ${task.documentUuid} AND EXISTS (
                   SELECT 1 FROM document_outbox AS o WHERE o.organization_id = d.organization_id
                     AND o.document_uuid = d.document_uuid AND o.state = 'working' AND o.lease = d.lease) AS busy
          FROM document_deliveries AS d WHERE ${key} FOR UPDATE`.execute(trx);
        const [row] = rows;
        if (row === undefined) return null;
        if (row.busy) return 'busy';
        await sql`
          UPDATE document_deliveries SET document_uuid = ${task.documentUuid}, lease = ${task.lease}::bigint
          WHERE ${key}`.execute(trx);
        return deliveryOf({ ...row, document_uuid: task.documentUuid });
      }),

    note: (task, connectionId, delivery) =>
      database.transaction(async (trx) => {
        await holdTask(trx, task);
        const sent = delivery.remoteUuid === null ? sql`NULL` : sql`now()`;
        const { numAffectedRows } = await sql`
          INSERT INTO document_deliveries AS d
            (organization_id, connection_id, patient_uuid, reference, document_uuid, sha256, remote_uuid, lease, sent_at)
          VALUES (${task.organizationId}, ${connectionId}, ${delivery.patientUuid}, ${delivery.reference},
                  ${task.documentUuid}, ${delivery.sha256}, ${delivery.remoteUuid}, ${task.lease}::bigint, ${sent})
          ON CONFLICT (organization_id, connection_id, patient_uuid, reference) DO UPDATE
            SET sha256 = excluded.sha256, remote_uuid = excluded.remote_uuid, lease = excluded.lease,
                sent_at = excluded.sent_at
            WHERE d.document_uuid = excluded.document_uuid`.execute(trx);
        if (numAffectedRows !== 1n) throw new SyncError('lease_lost');
      }),

    drop: (task, connectionId, place) =>
      database.transaction(async (trx) => {
        await holdTask(trx, task);
        await sql`
          DELETE FROM document_deliveries
          WHERE organization_id = ${task.organizationId} AND connection_id = ${connectionId}
            AND patient_uuid = ${place.patientUuid} AND reference = ${place.reference}
            AND document_uuid = ${task.documentUuid}`.execute(trx);
      }),

    async *wanted(key, patientUuid, signal) {
      const text = `
        SELECT "patientUuid", "vsrxReference", "silknoteDocumentUuid", sha256 FROM silknote_documents
        WHERE "organizationId" = $1 AND "connectionId" = $2 AND ($3::text IS NULL OR "patientUuid" = $3)
          AND "deletedAt" IS NULL AND sha256 IS NOT NULL
        ORDER BY "patientUuid" COLLATE "C", "vsrxReference" COLLATE "C"`;
      type Tuple = [string, string, string, string];
      const values = [key.organizationId, key.connectionId, patientUuid];
      for await (const rows of streamRows<Tuple>(database, text, values, signal)) {
        for (const [patient, reference, documentUuid, sha256] of rows) {
          yield { patientUuid: patient, reference, documentUuid, sha256 };
        }
      }
    },

    async *list(key, patientUuid, signal) {
      const text = `
        SELECT patient_uuid, reference, document_uuid, sha256, remote_uuid FROM document_deliveries
        WHERE organization_id = $1 AND connection_id = $2 AND ($3::text IS NULL OR patient_uuid = $3)
        ORDER BY patient_uuid COLLATE "C", reference`;
      type Tuple = [string, string, string, string, string | null];
      const values = [key.organizationId, key.connectionId, patientUuid];
      for await (const rows of streamRows<Tuple>(database, text, values, signal)) {
        for (const [patient, reference, documentUuid, sha256, remoteUuid] of rows) {
          yield { patientUuid: patient, reference, documentUuid, sha256, remoteUuid };
        }
      }
    },

    forget: (key, place) =>
      ask(async () => {
        await sql`
          UPDATE document_deliveries SET remote_uuid = NULL, sent_at = NULL
          WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
            AND patient_uuid = ${place.patientUuid} AND reference = ${place.reference}`.execute(db);
      }),

    counts: ({ organizationId, connectionId }) =>
      ask(async () => {
        const { rows } = await sql<DeliveryCounts>`
          SELECT (SELECT count(*)::int FROM ${ofConnection(organizationId, connectionId)}
                  AND (o.state = 'working' OR o.next_try_at <= now() + interval '2 seconds')) AS due,
                 (SELECT count(*)::int FROM ${ofConnection(organizationId, connectionId)}
                  AND o.state = 'waiting' AND o.next_try_at > now() + interval '2 seconds') AS waiting,
                 (SELECT count(*)::int FROM silknote_documents
                  WHERE "organizationId" = ${organizationId} AND "connectionId" = ${connectionId}
                    AND "deletedAt" IS NULL AND status = 'error')
                 -- Removals that nobody knows the end of.
                 + (SELECT count(*)::int FROM document_deliveries AS v
                    WHERE v.organization_id = ${organizationId} AND v.connection_id = ${connectionId} AND v.remote_uuid IS NULL
                      AND NOT EXISTS (SELECT 1 FROM document_outbox AS o
                                      WHERE o.organization_id = v.organization_id AND o.document_uuid = v.document_uuid)
                      AND NOT EXISTS (SELECT 1 FROM silknote_documents AS d
                                      WHERE d."organizationId" = v.organization_id
                                        AND d."silknoteDocumentUuid" = v.document_uuid AND d."deletedAt" IS NULL
                                        AND d."patientUuid" = v.patient_uuid AND d."vsrxReference" = v.reference)) AS refused`.execute(
          db,
        );
        return rows[0] ?? { due: 0, waiting: 0, refused: 0 };
      }),

    askForUnsent: ({ organizationId, connectionId }, refused) =>
      database.transaction(async (trx) => {
        const { numAffectedRows } = await sql`
          INSERT INTO document_outbox (organization_id, document_uuid, patient_uuid, task)
          SELECT d."organizationId", d."silknoteDocumentUuid", d."patientUuid", 'process' FROM silknote_documents AS d
          WHERE d."organizationId" = ${organizationId} AND d."connectionId" = ${connectionId} AND d."deletedAt" IS NULL
            AND d.sha256 IS NOT NULL AND (${refused} OR d.status <> 'error') AND NOT EXISTS (
              SELECT 1 FROM document_deliveries AS v
              WHERE v.organization_id = d."organizationId" AND v.connection_id = d."connectionId"
                AND v.patient_uuid = d."patientUuid" AND v.reference = d."vsrxReference"
                AND v.document_uuid = d."silknoteDocumentUuid" AND v.sha256 = d.sha256 AND v.remote_uuid IS NOT NULL)
          ORDER BY d."silknoteDocumentUuid"
          ON CONFLICT (organization_id, document_uuid) DO NOTHING`.execute(trx);
        return Number(numAffectedRows ?? 0n);
      }),
  };
}

function ofConnection(organizationId: string, connectionId: string) {
  return sql`document_outbox AS o WHERE o.organization_id = ${organizationId} AND EXISTS (
    SELECT 1 FROM silknote_documents AS d WHERE d."silknoteDocumentUuid" = o.document_uuid
      AND d."organizationId" = o.organization_id AND d."connectionId" = ${connectionId})`;
}

function deliveryOf(row: DeliveryRow): Delivery {
  return {
    patientUuid: row.patient_uuid,
    reference: row.reference,
    documentUuid: row.document_uuid,
    sha256: row.sha256,
    remoteUuid: row.remote_uuid,
  };
}

async function holdTask(trx: Trx, task: DocumentTask): Promise<void> {
  const { rows } = await sql`
    SELECT 1 FROM document_outbox WHERE organization_id = ${task.organizationId}
      AND document_uuid = ${task.documentUuid} AND lease = ${task.lease}::bigint FOR UPDATE`.execute(trx);
  if (rows.length === 0) throw new SyncError('lease_lost');
}
