/** `UnreadDocuments` on PostgreSQL. */
import { type RawBuilder, sql } from 'kysely';
import { NO_TEXT_CODES, type NotSearched, type UnreadDocuments } from '../../ports/unread-documents.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';
import { askForDocuments } from './document-asks.ts';
import { keptHere } from './kept-here.ts';

/** In one transaction: each of them tells those who follow its patient. */
const AGAIN_AT_ONCE = 500;

/** Of a document `d` with its rendition `r`. */
const NO_TEXT = sql`d.status = 'complete' AND r.text_pages = 0`;
/** The rest of it is found. */
const PARTLY = sql`
  d.status = 'complete' AND r.text_pages IS DISTINCT FROM 0 AND r.warnings && '{ocr_missing,ocr_failed}'`;
const NO_TEXT_CODE = sql<string>`
  CASE WHEN 'ocr_missing' = ANY (r.warnings) THEN 'ocr_missing' WHEN 'ocr_failed' = ANY (r.warnings) THEN 'ocr_failed'
       ELSE 'no_text' END`;

export interface UnreadDocumentsOptions {
  /** `organization/connection`: these documents are read on another machine. */
  readonly elsewhere?: readonly string[];
}

export function createUnreadDocuments(database: Database, options: UnreadDocumentsOptions = {}): UnreadDocuments {
  const db = database.kysely;
  const isHere = keptHere(options.elsewhere ?? []);
  const run = <Row>(query: RawBuilder<Row>): Promise<readonly Row[]> => ask(async () => (await query.execute(db)).rows);

  return {
    async summary(organizationId) {
      const rows = await run(sql<{ status: string; code: string | null; n: number }>`
        SELECT status, NULL AS code, count(*)::int AS n FROM silknote_documents AS d
        WHERE "organizationId" = ${organizationId} AND status IN ('queued', 'processing') AND "deletedAt" IS NULL
          AND sha256 IS NOT NULL AND ${isHere}
        GROUP BY 1
        UNION ALL
        SELECT 'error', coalesce("errorCode", 'unexpected'), count(*)::int FROM silknote_documents AS d
        WHERE "organizationId" = ${organizationId} AND status = 'error' AND "deletedAt" IS NULL AND sha256 IS NOT NULL
          AND ${isHere}
        GROUP BY 2
        UNION ALL
        SELECT 'complete', code, count(*)::int FROM (${withoutText(organizationId, isHere)}) AS w
        GROUP BY 2
        ORDER BY n DESC, code`);
      const of = (status: string) => rows.find((row) => row.status === status)?.n ?? 0;
      return {
        waiting: of('queued'),
        processing: of('processing'),
        causes: rows.flatMap(({ status, code, n }) =>
          code === null ? [] : [{ code, failed: status === 'error', documents: n }],
        ),
      };
    },

    async ofPatient(organizationId, patientUuid) {
      const [row] = await run(sql<NotSearched>`
        SELECT count(*) FILTER (WHERE h.here AND d.status IN ('queued', 'processing'))::int AS waiting,
               count(*) FILTER (WHERE h.here AND d.status = 'error')::int AS failed,
               count(*) FILTER (WHERE h.here AND ${NO_TEXT})::int AS "withoutText",
               count(*) FILTER (WHERE h.here AND ${PARTLY})::int AS partly,
               count(*) FILTER (WHERE NOT h.here)::int AS elsewhere
        FROM silknote_documents AS d
        CROSS JOIN LATERAL (SELECT ${isHere} AS here) AS h
        LEFT JOIN document_renditions AS r ON r.organization_id = d."organizationId" AND r.sha256 = d.sha256
        WHERE d."organizationId" = ${organizationId} AND d."patientUuid" = ${patientUuid} AND d."deletedAt" IS NULL
          AND d.sha256 IS NOT NULL`);
      return row ?? { waiting: 0, failed: 0, withoutText: 0, partly: 0, elsewhere: 0 };
    },

    async list(organizationId, { code, limit, after }) {
      const rows = await run(sql<UnreadRow>`
        SELECT d."silknoteDocumentUuid" AS uuid, d."patientUuid" AS patient, d."originalName" AS name, d.status,
               f."patientName" AS "patientName", d."processedAt" AS at,
               CASE WHEN d.status = 'error' THEN coalesce(d."errorCode", 'unexpected') ELSE ${NO_TEXT_CODE} END AS code,
               CASE WHEN d.status = 'error' AND r.code = d."errorCode" THEN r.reason END AS reason, r.warnings
        FROM (${unread(organizationId, code, isHere)}) AS u
        JOIN silknote_documents AS d ON d."silknoteDocumentUuid" = u.uuid AND d."organizationId" = ${organizationId}
        LEFT JOIN document_renditions AS r ON r.organization_id = d."organizationId" AND r.sha256 = d.sha256
        LEFT JOIN silknote_patient_filesets AS f
          ON f."organizationId" = d."organizationId" AND f."silknotePatientUuid" = d."patientUuid"
        WHERE d."silknoteDocumentUuid" COLLATE "C" > ${after ?? ''}
        ORDER BY d."silknoteDocumentUuid" COLLATE "C" LIMIT ${limit + 1}`);
      const page = rows.slice(0, limit);
      return {
        documents: page.map((row) => ({
          documentUuid: row.uuid,
          patientUuid: row.patient,
          patientName: row.patientName,
          originalName: row.name,
          code: row.code,
          failed: row.status === 'error',
          reason: row.reason,
          warnings: row.warnings ?? [],
          processedAt: row.at?.toISOString() ?? null,
        })),
        next: rows.length > limit ? (page.at(-1)?.uuid ?? null) : null,
      };
    },

    async readAgain(organizationId, code) {
      let asked = 0;
      // Once through all of them: what fails again at once is not asked for in circles.
      for (let after: string | null = ''; after !== null; ) {
        const from: string = after;
        const uuids = await database.transaction(async (trx) => {
          const { rows } = await sql<{ uuid: string; sha256: string }>`
            UPDATE silknote_documents AS d SET status = 'queued', stage = NULL, "errorCode" = NULL
            FROM (SELECT uuid FROM (${unread(organizationId, code, isHere)}) AS u WHERE uuid COLLATE "C" > ${from}
                  ORDER BY uuid COLLATE "C" LIMIT ${AGAIN_AT_ONCE}) AS u
            WHERE d."organizationId" = ${organizationId} AND d."silknoteDocumentUuid" = u.uuid AND d."deletedAt" IS NULL
            RETURNING d."silknoteDocumentUuid" AS uuid, d.sha256`.execute(trx);
          await sql`
            UPDATE document_renditions SET processor_version = 0
            WHERE organization_id = ${organizationId}
              AND sha256 = ANY (${[...new Set(rows.map((row) => row.sha256))].sort()}::text[])`.execute(trx);
          const asks = rows.map((row) => ({ documentUuid: row.uuid }));
          await askForDocuments(trx, organizationId, 'process', asks, { canWait: true });
          return rows.map((row) => row.uuid);
        });
        asked += uuids.length;
        after = uuids.sort().at(-1) ?? null;
      }
      return asked;
    },
  };
}

/** The UUIDs of those of one cause, each by an index of its own. */
function unread(organizationId: string, code: string | null, isHere: RawBuilder<unknown>) {
  const isOfText = code === null || (NO_TEXT_CODES as readonly string[]).includes(code);
  const failed = sql`
    SELECT d."silknoteDocumentUuid" AS uuid FROM silknote_documents AS d
    WHERE d."organizationId" = ${organizationId} AND d.status = 'error' AND d."deletedAt" IS NULL AND d.sha256 IS NOT NULL
      AND ${isHere} AND (${code}::text IS NULL OR coalesce(d."errorCode", 'unexpected') = ${code})`;
  if (!isOfText) return failed;
  return sql`
    ${failed} UNION ALL
    SELECT uuid FROM (${withoutText(organizationId, isHere)}) AS w WHERE ${code}::text IS NULL OR code = ${code}`;
}

/** Of whole documents, and of scanned pages in them. */
function withoutText(organizationId: string, isHere: RawBuilder<unknown>) {
  const those = (which: RawBuilder<unknown>) => sql`
    SELECT d."silknoteDocumentUuid" AS uuid, ${NO_TEXT_CODE} AS code FROM document_renditions AS r
    JOIN silknote_documents AS d
      ON d."organizationId" = r.organization_id AND d.sha256 = r.sha256 AND d."deletedAt" IS NULL
    WHERE r.organization_id = ${organizationId} AND ${which} AND ${isHere}`;
  return sql`${those(NO_TEXT)} UNION ALL ${those(PARTLY)}`;
}

interface UnreadRow {
  uuid: string;
  patient: string;
  patientName: string | null;
  name: string;
  status: string;
  code: string;
  reason: string | null;
  warnings: string[] | null;
  at: Date | null;
}
