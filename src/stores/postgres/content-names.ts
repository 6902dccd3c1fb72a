/** `ContentNames` on PostgreSQL. */
import { type RawBuilder, sql, type Transaction } from 'kysely';
import type { ContentNames, NamedBy, NamedContent } from '../../ports/content-names.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';
import { askForDocuments } from './document-asks.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

/** Scans without text, for example, all have the same one. */
const MOST_OF_A_PART = 50;

export function createContentNames(database: Database): ContentNames {
  return {
    named: (organizationId, by) =>
      ask(async () => {
        const { rows } = await namedBy(organizationId, by).execute(database.kysely);
        return rows.map(namedContent);
      }),

    contentIsBack: (organizationId, sha256) => database.transaction((trx) => workAgainOn(trx, organizationId, sha256)),

    wanting: (organizationId, patientUuid) =>
      ask(async () => {
        const failed = sql`IN ('blob_missing', 'blob_corrupt')`;
        const { rows } = await sql<{ sha256: string; size: string }>`
          SELECT DISTINCT d.sha256, d."sizeBytes" AS size FROM silknote_documents AS d
          WHERE d."organizationId" = ${organizationId} AND d."deletedAt" IS NULL AND d.sha256 IS NOT NULL
            AND (${patientUuid}::text IS NULL OR d."patientUuid" = ${patientUuid})
            AND ((d.status = 'error' AND d."errorCode" ${failed}) OR d."silknoteDocumentUuid" IN (
              SELECT m.document_uuid FROM document_groups AS g
              JOIN document_group_members AS m ON m.organization_id = g.organization_id AND m.group_id = g.id
              WHERE g.organization_id = ${organizationId} AND g.code ${failed}))
          ORDER BY d.sha256`.execute(database.kysely);
        return rows.map(({ sha256, size }) => ({ sha256, size: Number(size) }));
      }),

    mergeAgain: (organizationId, groupId, pdfSha256) =>
      database.transaction(async (trx) => {
        const { numAffectedRows } = await sql`
          UPDATE document_groups
          SET change = nextval('document_group_changes'), attempts = 0, next_try_at = now(), code = NULL
          WHERE organization_id = ${organizationId} AND id = ${groupId} AND pdf_sha256 = ${pdfSha256}`.execute(trx);
        return (numAffectedRows ?? 0n) > 0n;
      }),

    forget: (organizationId, sha256) =>
      database.transaction(async (trx) => {
        // Whoever names it holds the row first, and proves that it is stored.
        const { numAffectedRows } = await sql`
          UPDATE blobs SET state = 'wanted'
          WHERE organization_id = ${organizationId} AND sha256 = ${sha256} AND "references" = 0 AND state = 'stored'
            AND NOT EXISTS (SELECT 1 FROM silknote_documents
                            WHERE "organizationId" = ${organizationId} AND sha256 = ${sha256}
                              AND "deletedAt" IS NULL)`.execute(trx);
        return (numAffectedRows ?? 0n) > 0n;
      }),
  };
}

/** Of documents and groups that have failed for the lack of this content. @returns how many documents */
export async function workAgainOn(trx: Trx, organizationId: string, sha256: string): Promise<number> {
  const documents = await failedDocuments(trx, organizationId, sha256);
  await sql`
    UPDATE silknote_documents SET status = 'queued', stage = NULL, "errorCode" = NULL
    WHERE "organizationId" = ${organizationId} AND "silknoteDocumentUuid" = ANY (${documents}::text[])`.execute(trx);
  await sql`
    UPDATE document_groups AS g
    SET change = nextval('document_group_changes'), attempts = 0, next_try_at = now(), code = NULL
    WHERE g.organization_id = ${organizationId} AND g.code IN ('blob_missing', 'blob_corrupt') AND g.id IN (
      SELECT m.group_id FROM document_group_members AS m
      JOIN silknote_documents AS d
        ON d."organizationId" = m.organization_id AND d."silknoteDocumentUuid" = m.document_uuid
      WHERE m.organization_id = ${organizationId} AND d."deletedAt" IS NULL AND d.sha256 = ${sha256})`.execute(trx);
  const asks = documents.map((documentUuid) => ({ documentUuid }));
  await askForDocuments(trx, organizationId, 'process', asks);
  return documents.length;
}

/** In the order in which everybody locks documents. */
async function failedDocuments(trx: Trx, organizationId: string, sha256: string): Promise<string[]> {
  const { rows } = await sql<{ uuid: string }>`
    SELECT "silknoteDocumentUuid" AS uuid FROM silknote_documents
    WHERE "organizationId" = ${organizationId} AND sha256 = ${sha256} AND "deletedAt" IS NULL
      AND status = 'error' AND "errorCode" IN ('blob_missing', 'blob_corrupt')
    ORDER BY "silknoteDocumentUuid" FOR UPDATE`.execute(trx);
  return rows.map(({ uuid }) => uuid);
}

interface NamedRow {
  sha256: string;
  size: string;
  role: NamedContent['role'];
  patientUuid: string;
  groupId: string | null;
  documentUuid: string | null;
  connectionId: string | null;
  reference: string | null;
  path: string | null;
  content: string | null;
  contentSize: string | null;
  isReadAgain: boolean;
}

function namedBy(organizationId: string, { patientUuid, sha256, madeOf }: NamedBy): RawBuilder<NamedRow> {
  const among = (column: RawBuilder<unknown>, hashes: readonly string[] | undefined) =>
    hashes === undefined ? sql`true` : sql`${column} = ANY (${[...hashes]}::text[])`;
  const ofPatient = (column: RawBuilder<unknown>) =>
    patientUuid === undefined ? sql`true` : sql`${column} = ${patientUuid}`;
  const document = sql`
    d."patientUuid" AS patient, NULL::text AS "group", d."silknoteDocumentUuid" AS uuid, d."connectionId" AS connection,
    d."vsrxReference" AS reference, d."sourcePath" AS path, d.sha256 AS content, d."sizeBytes" AS content_size,
    d.status NOT IN ('complete', 'error') AS open`;
  return sql<NamedRow>`
    SELECT sha256, size, role, patient AS "patientUuid", "group" AS "groupId", uuid AS "documentUuid",
           connection AS "connectionId", reference, path, content, content_size AS "contentSize",
           open AND asked AS "isReadAgain"
    FROM (
      SELECT n.*, row_number() OVER (PARTITION BY sha256, role ORDER BY uuid, "group") AS place
      FROM (
        SELECT d.sha256, d."sizeBytes" AS size, 'original' AS role, false AS asked, ${document}
        FROM silknote_documents AS d
        WHERE d."organizationId" = ${organizationId} AND d."deletedAt" IS NULL AND d.sha256 IS NOT NULL
          AND ${ofPatient(sql`d."patientUuid"`)} AND ${among(sql`d.sha256`, sha256)}
        UNION ALL
        SELECT p.sha256, p.size, 'part', r.processor_version = 0, ${document}
        FROM document_renditions AS r
        CROSS JOIN LATERAL (VALUES (r.pdf_sha256, r.pdf_size), (r.pages_sha256, r.pages_size),
                                   (r.thumbnail_sha256, r.thumbnail_size)) AS p (sha256, size)
        JOIN silknote_documents AS d
          ON d."organizationId" = r.organization_id AND d.sha256 = r.sha256 AND d."deletedAt" IS NULL
        WHERE r.organization_id = ${organizationId} AND ${ofPatient(sql`d."patientUuid"`)}
          AND ${among(sql`r.sha256`, madeOf)} AND p.sha256 IS NOT NULL AND ${among(sql`p.sha256`, sha256)}
        UNION ALL
        SELECT pdf_sha256, pdf_size, 'group', false, patient_uuid, id, NULL, NULL, NULL, NULL, NULL, NULL, false
        FROM document_groups
        WHERE organization_id = ${organizationId} AND pdf_sha256 IS NOT NULL AND ${ofPatient(sql`patient_uuid`)}
          AND ${among(sql`pdf_sha256`, sha256)}) AS n) AS placed
    WHERE role <> 'part' OR place <= ${MOST_OF_A_PART}
    ORDER BY sha256 COLLATE "C", array_position(ARRAY['original', 'part', 'group'], role), place`;
}

function namedContent(row: NamedRow): NamedContent {
  const { sha256, patientUuid, role } = row;
  const content = { sha256, size: Number(row.size), patientUuid };
  if (role === 'group') return { ...content, role, groupId: row.groupId ?? '' };
  const { connectionId, reference, path, isReadAgain } = row;
  const original = { sha256: row.content ?? '', size: Number(row.contentSize) };
  const document = { documentUuid: row.documentUuid ?? '', connectionId, reference, path, original, isReadAgain };
  return { ...content, role, document };
}
