/** Documents with the same content. Shown, never removed by themselves. */
import { type Kysely, sql } from 'kysely';
import type { DuplicateQuestion, Duplicates } from '../../ports/patient-desk.ts';
import type { Tables } from './tables.ts';

interface Row {
  sha256: string;
  /** Empty: of several patients. */
  patient: string;
  size: string | null;
  documents: {
    documentUuid: string;
    patientUuid: string;
    patientName: string | null;
    originalName: string;
    sourceSystem: string;
    reference: string | null;
    uploadedAt: string | null;
  }[];
}

/** More of one content than this are not listed one by one. */
const MOST_DOCUMENTS = 100;

export async function findDuplicates(
  db: Kysely<Tables>,
  { organizationId, patientUuid, acrossPatients, limit, after }: DuplicateQuestion,
): Promise<{ duplicates: Duplicates[]; next: string | null }> {
  const [hash = '', patient = ''] = after?.split(' ') ?? [];
  const { rows } = await sql<Row>`
    WITH live AS (
      SELECT sha256, "patientUuid", "sizeBytes",
             (CASE WHEN ${acrossPatients} THEN '' ELSE "patientUuid" END)::text COLLATE "C" AS patient
      FROM silknote_documents
      WHERE "organizationId" = ${organizationId} AND "deletedAt" IS NULL AND sha256 IS NOT NULL
        AND (${patientUuid}::text IS NULL OR "patientUuid" = ${patientUuid})),
    same AS (
      SELECT sha256, patient, max("sizeBytes") AS size FROM live
      WHERE (sha256, patient) > (${hash}, ${patient})
      GROUP BY sha256, patient
      HAVING count(*) > 1 AND (NOT ${acrossPatients} OR count(DISTINCT "patientUuid") > 1)
      ORDER BY sha256, patient LIMIT ${limit + 1})
    SELECT s.sha256, s.patient, s.size, d.documents
    FROM same AS s CROSS JOIN LATERAL (
      SELECT json_agg(json_build_object(
        'documentUuid', f."silknoteDocumentUuid", 'patientUuid', f."patientUuid", 'patientName', f."patientName",
        'originalName', f."originalName",
        'sourceSystem', f."sourceSystem", 'reference', f."vsrxReference", 'uploadedAt', f."uploadDate")
        ORDER BY f."uploadDate", f."silknoteDocumentUuid") AS documents
      FROM (SELECT i.*, p."patientName" FROM silknote_documents AS i
            LEFT JOIN silknote_patient_filesets AS p
              ON p."organizationId" = i."organizationId" AND p."silknotePatientUuid" = i."patientUuid"
            WHERE i."organizationId" = ${organizationId} AND i.sha256 = s.sha256 AND i."deletedAt" IS NULL
              AND (s.patient = '' OR i."patientUuid" = s.patient)
            ORDER BY i."uploadDate", i."silknoteDocumentUuid" LIMIT ${MOST_DOCUMENTS}) AS f) AS d
    ORDER BY s.sha256, s.patient`.execute(db);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    duplicates: page.map(({ sha256, size, documents }) => ({
      sha256,
      sizeBytes: Number(size ?? 0),
      documents: documents.map((document) => ({
        ...document,
        uploadedAt: document.uploadedAt === null ? null : new Date(document.uploadedAt).toISOString(),
      })),
    })),
    next: rows.length > limit && last !== undefined ? `${last.sha256} ${last.patient}`.trim() : null,
  };
}
