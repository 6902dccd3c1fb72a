/** Whether a place that a document is to have is free, within the transaction that gives it. */
import { sql, type Transaction } from 'kysely';
import type { Upload } from '../../ports/document-desk.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

interface SourceItem {
  readonly connectionId: string | null;
  readonly patientUuid: string;
  /** Where its source lists it. */
  readonly unit: string;
  readonly reference: string | null;
}

/** A document that comes to a removed patient, or comes back to it, brings the patient back: it must not be where nobody looks. */
export async function lockFileset(trx: Trx, organizationId: string, patientUuid: string): Promise<boolean> {
  const { rows } = await sql<{ gone: boolean }>`
    SELECT "deletedAt" IS NOT NULL AS gone FROM silknote_patient_filesets
    WHERE "organizationId" = ${organizationId} AND "silknotePatientUuid" = ${patientUuid} FOR NO KEY UPDATE`.execute(
    trx,
  );
  if (rows[0]?.gone === true) {
    await sql`
      UPDATE silknote_patient_filesets SET "deletedAt" = NULL
      WHERE "organizationId" = ${organizationId} AND "silknotePatientUuid" = ${patientUuid}`.execute(trx);
  }
  return rows.length > 0;
}

export async function sameReference(
  trx: Trx,
  organizationId: string,
  patientUuid: string,
  { reference, clientFileId }: Pick<Upload, 'reference' | 'clientFileId'>,
): Promise<{ uuid: string; sha256: string | null } | null> {
  if (reference === null && clientFileId === null) return null;
  const { rows } = await sql<{ uuid: string; sha256: string | null }>`
    SELECT "silknoteDocumentUuid" AS uuid, sha256 FROM silknote_documents
    WHERE "organizationId" = ${organizationId} AND "deletedAt" IS NULL
      -- One that was migrated is still the one that is brought again to its former fileset.
      AND ("patientUuid" = ${patientUuid} OR ("sourceUnit" IS NOT NULL AND unit = ${patientUuid}))
      AND CASE WHEN ${reference}::text IS NULL THEN "clientFileId" = ${clientFileId}
               ELSE "vsrxReference" = ${reference} END
    ORDER BY "createdAt" LIMIT 1`.execute(trx);
  return rows[0] ?? null;
}

/**
 * The filesets that a document is in, and that its source lists it in: before the document itself, like everybody who brings
 * documents there.
 */
export async function lockPlaces(trx: Trx, organizationId: string, documentUuid: string): Promise<void> {
  await sql`
    SELECT 1 FROM silknote_patient_filesets AS f
    WHERE f."organizationId" = ${organizationId} AND f."silknotePatientUuid" IN (
      SELECT unnest(ARRAY[d."patientUuid"::text, d.unit::text]) FROM silknote_documents AS d
      WHERE d."organizationId" = ${organizationId} AND d."silknoteDocumentUuid" = ${documentUuid})
    ORDER BY f."silknotePatientUuid" FOR NO KEY UPDATE`.execute(trx);
}

/** Whether the source has brought the item of a migrated document, which was removed, again to where it lists it. */
export async function sameSourceItem(
  trx: Trx,
  organizationId: string,
  { connectionId, patientUuid, unit, reference }: SourceItem,
): Promise<boolean> {
  if (connectionId === null || unit === patientUuid) return false;
  const { rows } = await sql`
    SELECT 1 FROM silknote_documents
    WHERE "organizationId" = ${organizationId} AND "connectionId" = ${connectionId} AND unit = ${unit}
      AND "vsrxReference" = ${reference} AND "deletedAt" IS NULL LIMIT 1`.execute(trx);
  return rows.length > 0;
}
