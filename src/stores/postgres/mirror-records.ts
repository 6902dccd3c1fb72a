/** `MirrorRecords` on PostgreSQL. The marks are written by triggers, see `migrations/0014_remote_documents.sql`. */
import { sql, type Transaction } from 'kysely';
import type { ConnectionKey } from '../../ports/document-records.ts';
import type { MirroredDocument, MirroredFileset, MirrorRecords } from '../../ports/table-mirror.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import { streamRows } from './stream-rows.ts';
import type { Tables } from './tables.ts';

/** As one JSON object for each row: the columns are many, and their order is of no interest. */
const DOCUMENT = `json_build_object(
  'documentUuid', d."silknoteDocumentUuid", 'patientUuid', d."patientUuid", 'clientFileId', d."clientFileId",
  'originalName', d."originalName", 'reference', d."vsrxReference", 'storedPath', d."storedPath", 'status', d.status,
  'category', d.category, 'mimeType', d."mimeType", 'sizeBytes', d."sizeBytes",
  'pageCount', coalesce(d."pageCount", r.page_count), 'documentDate', coalesce(d."documentDate", r.document_date),
  'uploadDate', ${utc('d."uploadDate"')}, 'processedAt', ${utc('d."processedAt"')}, 'title', d.title,
  'author', d.author, 'sourceSystem', d."sourceSystem", 'createdAt', ${utc('d."createdAt"')},
  'updatedAt', ${utc('d."updatedAt"')})`;
const FILESET = `json_build_object(
  'patientUuid', f."silknotePatientUuid", 'ownerUuid', f."silknoteUserUuid", 'activatedUse', f."activatedUse",
  'activatedUseTime', ${utc('f."activatedUseTime"')}, 'patientName', f."patientName", 'patientDob', f."patientDob",
  'gender', f.gender, 'errors', f.errors::text, 'syncLog', f."syncLog", 'createdAt', ${utc('f."createdAt"')},
  'updatedAt', ${utc('f."updatedAt"')})`;
/** A patient of whom nothing was ever copied, and who was never activated, is only known: those can be everybody. */
const IS_MIRRORED = `(NOT c.only_known OR EXISTS (
  SELECT 1 FROM silknote_patient_filesets AS k
  WHERE k."organizationId" = c.organization_id AND k."silknotePatientUuid" = c.unit
    AND (k."activatedUse" OR k."activatedUseTime" IS NOT NULL)))`;
/** Live documents of the patients that the connection fills. */
const DOCUMENTS = `silknote_documents AS d
  JOIN connection_filesets AS c ON c.organization_id = d."organizationId" AND c.unit = d."patientUuid"
  LEFT JOIN document_renditions AS r ON r.organization_id = d."organizationId" AND r.sha256 = d.sha256
  WHERE c.organization_id = $1 AND c.connection_id = $2 AND d."deletedAt" IS NULL AND d.sha256 IS NOT NULL
    AND ${IS_MIRRORED}`;

function utc(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

export function createMirrorRecords(database: Database): MirrorRecords {
  async function query<T>(text: string, values: unknown[]): Promise<T[]> {
    try {
      return (await database.pool.query(text, values)).rows as T[];
    } catch (error) {
      throw databaseError(error);
    }
  }
  const ofKey = ({ organizationId, connectionId }: ConnectionKey) => [organizationId, connectionId];

  return {
    configure: (keys) =>
      database.transaction(async (trx) => {
        const organizations = keys.map((key) => key.organizationId);
        const connections = keys.map((key) => key.connectionId);
        const wanted = sql`unnest(${organizations}::text[], ${connections}::text[]) AS k (organization_id, connection_id)`;
        await sql`
          DELETE FROM table_mirrors AS m WHERE NOT EXISTS (
            SELECT 1 FROM ${wanted} WHERE k.organization_id = m.organization_id AND k.connection_id = m.connection_id)`.execute(
          trx,
        );
        const { rows } = await sql<{ organization_id: string; connection_id: string }>`
          INSERT INTO table_mirrors (organization_id, connection_id)
          SELECT k.organization_id, k.connection_id FROM ${wanted} ORDER BY 1, 2
          ON CONFLICT DO NOTHING RETURNING organization_id, connection_id`.execute(trx);
        for (const { organization_id: organizationId, connection_id: connectionId } of rows) {
          await markAll(trx, { organizationId, connectionId });
        }
      }),

    async next(key, limit) {
      const marks = await query<{ id: string; document: string | null; patient: string }>(
        `SELECT id, document_uuid AS document, patient_uuid AS patient FROM mirror_marks
         WHERE organization_id = $1 AND connection_id = $2 ORDER BY id LIMIT $3`,
        [...ofKey(key), limit],
      );
      if (marks.length === 0) return { ids: [], batch: { filesets: [], documents: [], gone: [] } };
      const asked = [...new Set(marks.flatMap(({ document }) => document ?? []))].sort();
      // Read after the marks: never older than what they stand for. A document needs the fileset that it is in by now.
      const documents = await query<{ document: MirroredDocument }>(
        `SELECT ${DOCUMENT} AS document FROM ${DOCUMENTS} AND d."silknoteDocumentUuid" = ANY ($3::text[])`,
        [...ofKey(key), asked],
      );
      const present = new Set(documents.map(({ document }) => document.documentUuid));
      const patients = new Set([
        ...marks.map(({ patient }) => patient),
        ...documents.map((d) => d.document.patientUuid),
      ]);
      const filesets = await query<{ fileset: MirroredFileset }>(
        `SELECT ${FILESET} AS fileset FROM silknote_patient_filesets AS f
         JOIN connection_filesets AS c ON c.organization_id = f."organizationId" AND c.unit = f."silknotePatientUuid"
         WHERE c.organization_id = $1 AND c.connection_id = $2 AND f."silknotePatientUuid" = ANY ($3::text[])
           AND ${IS_MIRRORED}`,
        [...ofKey(key), [...patients]],
      );
      return {
        ids: marks.map(({ id }) => id),
        batch: {
          filesets: filesets.map(({ fileset }) => fileset),
          documents: documents.map(({ document }) => document),
          gone: asked.filter((uuid) => !present.has(uuid)),
        },
      };
    },

    async done(key, ids, replaced) {
      await query(
        'DELETE FROM mirror_marks WHERE organization_id = $1 AND connection_id = $2 AND id = ANY ($3::bigint[])',
        [...ofKey(key), [...ids]],
      );
      await query(
        `UPDATE table_mirrors SET caught_up_at = now(), code = NULL, lacks_characters = lacks_characters OR $3
         WHERE organization_id = $1 AND connection_id = $2`,
        [...ofKey(key), replaced],
      );
    },

    writeAnew: (key) =>
      database.transaction(async (trx) => {
        const { numAffectedRows } = await sql`
          UPDATE table_mirrors SET lacks_characters = false
          WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
            AND lacks_characters`.execute(trx);
        if (numAffectedRows !== 1n) return false;
        await markAll(trx, key);
        return true;
      }),

    async failed(key, code) {
      await query('UPDATE table_mirrors SET code = $3 WHERE organization_id = $1 AND connection_id = $2', [
        ...ofKey(key),
        code,
      ]);
    },

    async lag(key) {
      const [row] = await query<{ pending: number; oldest: Date | null; code: string | null; lacks: boolean | null }>(
        `SELECT count(k.id)::int AS pending, min(k.at) AS oldest, max(m.code) AS code, bool_or(m.lacks_characters) AS lacks
         FROM table_mirrors AS m LEFT JOIN mirror_marks AS k
           ON k.organization_id = m.organization_id AND k.connection_id = m.connection_id
         WHERE m.organization_id = $1 AND m.connection_id = $2`,
        ofKey(key),
      );
      return {
        pending: row?.pending ?? 0,
        oldestAt: row?.oldest?.toISOString() ?? null,
        code: row?.code ?? null,
        lacksCharacters: row?.lacks ?? false,
      };
    },

    async *documents(key, signal) {
      const text = `SELECT ${DOCUMENT} FROM ${DOCUMENTS} ORDER BY d."silknoteDocumentUuid" COLLATE "C"`;
      for await (const rows of streamRows<[MirroredDocument]>(database, text, ofKey(key), signal)) {
        for (const [document] of rows) yield document;
      }
    },

    async removed(key, documentUuids) {
      const rows = await query<{ uuid: string }>(
        `SELECT "silknoteDocumentUuid" AS uuid FROM silknote_documents
         WHERE "organizationId" = $1 AND "deletedAt" IS NOT NULL AND "silknoteDocumentUuid" = ANY ($2::text[])`,
        [key.organizationId, [...documentUuids]],
      );
      return new Set(rows.map(({ uuid }) => uuid));
    },

    async markAgain(key, documents) {
      if (documents.length === 0) return;
      await query(
        `INSERT INTO mirror_marks (organization_id, connection_id, document_uuid, patient_uuid)
         SELECT $1, $2, k.document, k.patient FROM unnest($3::text[], $4::text[]) AS k (document, patient)`,
        [...ofKey(key), documents.map((d) => d.documentUuid), documents.map((d) => d.patientUuid)],
      );
    },
  };
}

/** Everything that the copy shall have: filesets first, since documents need theirs. */
async function markAll(trx: Transaction<Tables>, { organizationId, connectionId }: ConnectionKey): Promise<void> {
  await sql`
    INSERT INTO mirror_marks (organization_id, connection_id, patient_uuid)
    SELECT ${organizationId}, ${connectionId}, unit FROM connection_filesets
    WHERE organization_id = ${organizationId} AND connection_id = ${connectionId} ORDER BY unit`.execute(trx);
  await sql`
    INSERT INTO mirror_marks (organization_id, connection_id, document_uuid, patient_uuid)
    SELECT ${organizationId}, ${connectionId}, d."silknoteDocumentUuid", d."patientUuid"
    FROM connection_filesets AS c JOIN silknote_documents AS d
      ON d."organizationId" = c.organization_id AND d."patientUuid" = c.unit AND d."deletedAt" IS NULL
    WHERE c.organization_id = ${organizationId} AND c.connection_id = ${connectionId}
    ORDER BY d."patientUuid", d."silknoteDocumentUuid"`.execute(trx);
}
