/** `AttachmentRecords` on PostgreSQL. */
import { sql } from 'kysely';
import type { AttachmentRecords, WantedAttachment } from '../../ports/attachment-records.ts';
import type { ConnectionKey } from '../../ports/document-records.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';
import { afterRemoval, IS_SYNCHRONISED } from './document-removal.ts';
import { holdFence } from './fence.ts';

interface WantedRow {
  reference: string;
  fingerprint: string;
  unit: string | null;
  name: string | null;
  ready: boolean;
  content_path: string;
  file_name: string | null;
  description: string | null;
  mime_type: string | null;
  size_bytes: number | null;
  created: Date | null;
  modified: Date | null;
  known: WantedAttachment['known'];
}

/** Live attachments with the patient that each belongs to, as `w`. */
function owned(key: ConnectionKey) {
  return sql`
    SELECT t.*, coalesce(s.id, t.patient_id)::text COLLATE "C" AS unit, coalesce(s.name, p.name) AS name
    FROM patient_attachments AS t
    LEFT JOIN patients AS p ON p.organization_id = t.organization_id AND p.connection_id = t.connection_id
      AND p.cliniko_patient_id = t.cliniko_patient_id
    -- Only where the patient at the end is known: until then it stays with the one that was merged.
    LEFT JOIN patients AS s ON s.organization_id = t.organization_id AND s.connection_id = t.connection_id
      AND s.cliniko_patient_id = p.survivor
    WHERE t.organization_id = ${key.organizationId} AND t.connection_id = ${key.connectionId}
      AND t.removed_at IS NULL AND t.archived_at IS NULL`;
}

/** Those of them whose document is not there, or not as it should be. */
function wanting(key: ConnectionKey) {
  return sql`
    (${owned(key)}) AS w
    WHERE NOT EXISTS (
      SELECT 1 FROM silknote_documents AS d
      WHERE d."organizationId" = ${key.organizationId} AND d."connectionId" = ${key.connectionId}
        AND d."vsrxReference" = w.cliniko_attachment_id AND d."patientUuid" COLLATE "C" = w.unit
        AND d."deletedAt" IS NULL AND d."sourceFingerprint" = w.fingerprint)`;
}

export function createAttachmentRecords(database: Database): AttachmentRecords {
  return {
    wanted: (key, after, limit) =>
      ask(async () => {
        const { rows } = await sql<WantedRow>`
          SELECT w.cliniko_attachment_id AS reference, w.fingerprint, w.unit, w.name, w.ready, w.content_path, w.file_name,
                 w.description, w.mime_type, w.size_bytes, w.source_created_at AS created,
                 coalesce(w.processed_at, w.source_updated_at, w.source_created_at) AS modified,
                 (SELECT jsonb_build_object('sha256', e.sha256, 'sizeBytes', e."sizeBytes", 'mimeType', e."mimeType")
                  FROM silknote_documents AS e
                  WHERE e."organizationId" = ${key.organizationId} AND e."connectionId" = ${key.connectionId}
                    AND e."vsrxReference" = w.cliniko_attachment_id AND e."deletedAt" IS NULL
                    AND e.sha256 IS NOT NULL AND e."sourceSize" = w.size_bytes
                    AND e."sourceModifiedAt" = extract(epoch FROM w.processed_at) * 1000
                  LIMIT 1) AS known
          FROM ${wanting(key)} AND w.cliniko_attachment_id > ${after}
          ORDER BY w.cliniko_attachment_id LIMIT ${limit}`.execute(database.kysely);
        return rows.map(
          (row): WantedAttachment => ({
            reference: row.reference,
            fingerprint: row.fingerprint,
            patientUuid: row.unit,
            patientName: row.name,
            ready: row.ready,
            contentPath: row.content_path,
            fileName: row.file_name,
            description: row.description,
            mimeType: row.mime_type,
            sizeBytes: row.size_bytes,
            createdAt: row.created?.toISOString() ?? null,
            modifiedAt: row.modified?.getTime() ?? 0,
            known: row.known,
          }),
        );
      }),

    unready: (key, limit) =>
      ask(async () => {
        const { rows } = await sql<{ reference: string }>`
          SELECT w.cliniko_attachment_id AS reference FROM ${wanting(key)} AND NOT w.ready
          ORDER BY w.source_created_at DESC LIMIT ${limit}`.execute(database.kysely);
        return rows.map((row) => row.reference);
      }),

    countWanted: (key) =>
      ask(async () => {
        const { rows } = await sql<{ n: number }>`
          SELECT count(*)::int AS n FROM ${wanting(key)}`.execute(database.kysely);
        return rows[0]?.n ?? 0;
      }),

    dropMoved: (fence, at) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        const { rows } = await sql<{ uuid: string; sha256: string | null }>`
          UPDATE silknote_documents AS d
          SET "deletedAt" = ${new Date(at)}, "deletedReason" = 'source:reassigned', "deletedByRun" = ${fence.runId},
              "updatedAt" = ${new Date(at)}
          FROM (${owned(fence)}) AS w
          WHERE d."organizationId" = ${fence.organizationId} AND d."connectionId" = ${fence.connectionId}
            AND d."deletedAt" IS NULL AND d."vsrxReference" = w.cliniko_attachment_id AND ${IS_SYNCHRONISED}
            AND d."patientUuid" COLLATE "C" <> w.unit
            AND EXISTS (
              SELECT 1 FROM silknote_documents AS h
              WHERE h."organizationId" = ${fence.organizationId} AND h."connectionId" = ${fence.connectionId}
                AND h."vsrxReference" = w.cliniko_attachment_id AND h."patientUuid" COLLATE "C" = w.unit
                AND h."deletedAt" IS NULL)
          RETURNING d."silknoteDocumentUuid" AS uuid, d.sha256`.execute(trx);
        await afterRemoval(trx, fence.organizationId, rows);
        return rows.length;
      }),

    describePatients: (fence) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await sql`
          WITH said AS (
            SELECT c.unit, c.given_dob AS dob_before, c.given_gender AS gender_before,
                   coalesce(to_char(p.birth_date, 'DD/MM/YYYY'), c.given_dob) AS dob,
                   coalesce(left(p.sex, 50), c.given_gender) AS gender
            FROM connection_filesets AS c
            JOIN patients AS p ON p.organization_id = c.organization_id AND p.connection_id = c.connection_id
              AND p.id::text = c.unit
            WHERE c.organization_id = ${fence.organizationId} AND c.connection_id = ${fence.connectionId}
              AND (coalesce(to_char(p.birth_date, 'DD/MM/YYYY'), c.given_dob) IS DISTINCT FROM c.given_dob
                OR coalesce(left(p.sex, 50), c.given_gender) IS DISTINCT FROM c.given_gender)),
          told AS (
            UPDATE silknote_patient_filesets AS f
            SET "patientDob" = CASE WHEN f."patientDob" IS NULL OR f."patientDob" = s.dob_before THEN s.dob
                                    ELSE f."patientDob" END,
                gender = CASE WHEN f.gender IS NULL OR f.gender = s.gender_before THEN s.gender ELSE f.gender END
            FROM said AS s
            WHERE f."organizationId" = ${fence.organizationId} AND f."silknotePatientUuid" = s.unit)
          UPDATE connection_filesets AS c SET given_dob = s.dob, given_gender = s.gender
          FROM said AS s
          WHERE c.organization_id = ${fence.organizationId} AND c.connection_id = ${fence.connectionId}
            AND c.unit = s.unit`.execute(trx);
      }),

    clearKept: (fence) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await sql`
          UPDATE silknote_documents AS d SET "keptSince" = NULL
          WHERE d."organizationId" = ${fence.organizationId} AND d."connectionId" = ${fence.connectionId}
            AND d."deletedAt" IS NULL AND d."keptSince" IS NOT NULL
            AND EXISTS (SELECT 1 FROM (${owned(fence)}) AS w
                        WHERE w.cliniko_attachment_id = d."vsrxReference" AND w.kept_since IS NULL)`.execute(trx);
      }),
  };
}
