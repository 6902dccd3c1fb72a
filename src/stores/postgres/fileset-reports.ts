/** `FilesetReports` on PostgreSQL. */
import { type RawBuilder, sql } from 'kysely';
import type { DocumentRow, Fileset, FilesetReports, RemovedDocument } from '../../ports/fileset-reports.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @param options.releasedMs how long a content stays that nothing needs */
export function createFilesetReports(database: Database, options: { readonly releasedMs: number }): FilesetReports {
  const db = database.kysely;
  const run = async <Row>(query: RawBuilder<Row>): Promise<readonly Row[]> => {
    try {
      return (await query.execute(db)).rows;
    } catch (error) {
      throw databaseError(error);
    }
  };
  const until = (touched: Date | null, references: number) =>
    touched === null || references > 0 ? null : new Date(touched.getTime() + options.releasedMs).toISOString();

  return {
    async filesets({ organizationId, text, withDocuments, removed, limit, after }) {
      const wanted =
        text === null
          ? sql`true`
          : UUID.test(text.toLowerCase())
            ? sql`f."silknotePatientUuid" = ${text.toLowerCase()}`
            : sql`lower(coalesce(f."patientName", '')) LIKE ${`%${escapeLike(text.toLowerCase())}%`}`;
      // The place is that of a fileset, not its name: a name has no business in what programs hand around.
      const from =
        after === null
          ? sql`true`
          : sql`(lower(coalesce(f."patientName", '')), f."silknotePatientUuid") > (
              SELECT lower(coalesce(a."patientName", '')), a."silknotePatientUuid" FROM silknote_patient_filesets AS a
              WHERE a."organizationId" = ${organizationId} AND a."silknotePatientUuid" = ${after})`;
      const rows = await run(
        sql<FilesetRow>`
          ${selectFilesets} WHERE f."organizationId" = ${organizationId} AND ${wanted} AND ${from}
            AND (f."deletedAt" IS NOT NULL) = ${removed} ${withDocuments ? sql`AND ${hasDocuments}` : sql``}
          ORDER BY lower(coalesce(f."patientName", '')), f."silknotePatientUuid" LIMIT ${limit + 1}`,
      );
      const filesets = rows.slice(0, limit).map(filesetOf);
      return { filesets, next: rows.length > limit ? (filesets.at(-1)?.patientUuid ?? null) : null };
    },

    async fileset(organizationId, patientUuid) {
      const [row] = await run(
        sql<FilesetRow>`
          ${selectFilesets} WHERE f."organizationId" = ${organizationId} AND f."silknotePatientUuid" = ${patientUuid}`,
      );
      return row === undefined ? null : filesetOf(row);
    },

    async removed(organizationId, patientUuid, { limit, after }) {
      const [at, uuid] = after ?? [];
      const from =
        at === undefined || uuid === undefined || Number.isNaN(Date.parse(at))
          ? sql`${after === null}::boolean`
          : sql`(date_trunc('milliseconds', d."deletedAt"), d."silknoteDocumentUuid") < (${at}::timestamptz, ${uuid})`;
      const rows = await run(
        sql<RemovedRow>`
          SELECT d."silknoteDocumentUuid" AS uuid, d."originalName" AS name, d."deletedAt" AS removed,
                 d."deletedReason" AS reason, d."deletedByRun" AS run, b.state, b."references" AS refs, b.touched_at AS touched
          FROM silknote_documents AS d
          LEFT JOIN blobs AS b ON b.organization_id = d."organizationId" AND b.sha256 = d.sha256
          WHERE d."organizationId" = ${organizationId} AND d."patientUuid" = ${patientUuid} AND d."deletedAt" IS NOT NULL
            AND ${from}
          ORDER BY date_trunc('milliseconds', d."deletedAt") DESC, d."silknoteDocumentUuid" DESC LIMIT ${limit + 1}`,
      );
      const documents = rows.slice(0, limit).map(
        (row): RemovedDocument => ({
          documentUuid: row.uuid,
          originalName: row.name,
          removedAt: row.removed.toISOString(),
          // Runs say where they know it from.
          reason: row.reason?.replace(/^source:/, '') ?? null,
          runId: row.run,
          restorable: row.state === 'stored',
          contentUntil: until(row.touched, row.refs ?? 0),
        }),
      );
      const last = documents.at(-1);
      return {
        documents,
        next: rows.length > limit && last !== undefined ? [last.removedAt, last.documentUuid] : null,
      };
    },

    async documentRow(organizationId, documentUuid) {
      const [row] = await run(
        sql<DocumentRecordRow>`
          SELECT d."patientUuid" AS patient, d.unit, d."connectionId" AS connection, d."vsrxReference" AS reference,
                 d."sourcePath" AS path, d."originalName" AS name, d.status, d."sizeBytes" AS size, d.sha256,
                 d."createdAt" AS created, d."updatedAt" AS updated, d."deletedAt" AS removed, d."deletedReason" AS reason,
                 b.size AS blob_size, b."references" AS refs, b.state, b.touched_at AS touched
          FROM silknote_documents AS d
          LEFT JOIN blobs AS b ON b.organization_id = d."organizationId" AND b.sha256 = d.sha256
          WHERE d."organizationId" = ${organizationId} AND d."silknoteDocumentUuid" = ${documentUuid}`,
      );
      if (row === undefined) return null;
      const known: DocumentRow = {
        documentUuid,
        patientUuid: row.patient,
        unit: row.unit,
        connectionId: row.connection,
        reference: row.reference,
        path: row.path,
        originalName: row.name,
        status: row.status,
        sizeBytes: row.size === null ? null : Number(row.size),
        sha256: row.sha256,
        createdAt: row.created.toISOString(),
        updatedAt: row.updated.toISOString(),
        removedAt: row.removed?.toISOString() ?? null,
        removedReason: row.reason,
        content:
          row.state === null || row.refs === null
            ? null
            : {
                size: Number(row.blob_size),
                references: row.refs,
                state: row.state,
                until: until(row.touched, row.refs),
              },
      };
      return known;
    },
  };
}

const hasDocuments = sql`EXISTS (
  SELECT 1 FROM silknote_documents AS d WHERE d."organizationId" = f."organizationId"
    AND d."patientUuid" = f."silknotePatientUuid" AND d."deletedAt" IS NULL AND d.sha256 IS NOT NULL)`;

const selectFilesets = sql`
  SELECT f."silknotePatientUuid" AS uuid, f."patientName" AS name, f."patientDob" AS born, f.gender,
         f."activatedUse" AS activated, f."activatedUseTime" AS "activatedAt", f."updatedAt" AS updated,
         f."deletedAt" AS removed,
         (SELECT count(*) FROM silknote_documents AS d WHERE d."organizationId" = f."organizationId"
            AND d."patientUuid" = f."silknotePatientUuid" AND d."deletedAt" IS NULL AND d.sha256 IS NOT NULL) AS documents,
         ARRAY(SELECT c.connection_id FROM connection_filesets AS c
               WHERE c.organization_id = f."organizationId" AND c.unit = f."silknotePatientUuid" ORDER BY 1) AS connections
  FROM silknote_patient_filesets AS f`;

interface FilesetRow {
  uuid: string;
  name: string | null;
  born: string | null;
  gender: string | null;
  activated: boolean;
  activatedAt: Date | null;
  removed: Date | null;
  updated: Date;
  documents: string;
  connections: string[];
}

interface RemovedRow {
  uuid: string;
  name: string;
  removed: Date;
  reason: string | null;
  run: string | null;
  state: 'wanted' | 'stored' | null;
  refs: number | null;
  touched: Date | null;
}

interface DocumentRecordRow {
  patient: string;
  unit: string;
  connection: string | null;
  reference: string | null;
  path: string | null;
  name: string;
  status: string;
  size: string | null;
  sha256: string | null;
  created: Date;
  updated: Date;
  removed: Date | null;
  reason: string | null;
  blob_size: string | null;
  refs: number | null;
  state: 'wanted' | 'stored' | null;
  touched: Date | null;
}

function filesetOf(row: FilesetRow): Fileset {
  return {
    patientUuid: row.uuid,
    name: row.name,
    birthDate: row.born,
    gender: row.gender,
    activated: row.activated,
    activatedAt: row.activatedAt?.toISOString() ?? null,
    documents: Number(row.documents),
    connectionIds: row.connections,
    removedAt: row.removed?.toISOString() ?? null,
    updatedAt: row.updated.toISOString(),
  };
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, (character) => `\\${character}`);
}
