/** Removes a patient with all documents, within a transaction: hidden at once, everything else by the usual durable work. */
import { sql, type Transaction } from 'kysely';
import { countReferences } from './blob-references.ts';
import { askForDocuments } from './document-asks.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

/** @returns how many documents were removed; null: there never was such a patient */
export async function removePatient(trx: Trx, organizationId: string, patientUuid: string): Promise<number | null> {
  const { rows: filesets } = await sql<{ gone: boolean }>`
    SELECT "deletedAt" IS NOT NULL AS gone FROM silknote_patient_filesets
    WHERE "organizationId" = ${organizationId} AND "silknotePatientUuid" = ${patientUuid} FOR UPDATE`.execute(trx);
  if (filesets[0] === undefined) return null;
  const { rows: live } = await sql<{ uuid: string }>`
    SELECT "silknoteDocumentUuid" AS uuid FROM silknote_documents
    WHERE "organizationId" = ${organizationId} AND "patientUuid" = ${patientUuid} AND "deletedAt" IS NULL
    ORDER BY 1 FOR UPDATE`.execute(trx);
  const uuids = live.map((row) => row.uuid);
  const { rows } = await sql<{ uuid: string; sha256: string | null }>`
    UPDATE silknote_documents
    SET "deletedAt" = now(), "deletedReason" = 'person', "updatedAt" = now()
    WHERE "organizationId" = ${organizationId} AND "silknoteDocumentUuid" = ANY (${uuids}::text[])
    RETURNING "silknoteDocumentUuid" AS uuid, sha256`.execute(trx);
  const { rows: groups } = await sql<{ sha256: string | null }>`
    DELETE FROM document_groups WHERE organization_id = ${organizationId} AND patient_uuid = ${patientUuid}
    RETURNING pdf_sha256 AS sha256`.execute(trx);
  // Those that were removed before, too.
  await sql`
    UPDATE silknote_documents SET "groupingStatus" = 'ungrouped'
    WHERE "organizationId" = ${organizationId} AND "patientUuid" = ${patientUuid}
      AND "groupingStatus" = 'grouped'`.execute(trx);
  const deltas = new Map<string, number>();
  for (const { sha256 } of [...rows, ...groups]) {
    if (sha256 !== null) deltas.set(sha256, (deltas.get(sha256) ?? 0) - 1);
  }
  await countReferences(trx, organizationId, deltas);
  // What was derived from the documents goes with them. Who the patient is stays: a removal can be taken back.
  await sql`
    UPDATE silknote_patient_filesets
    SET "deletedAt" = coalesce("deletedAt", now()), "activatedUse" = false, "caseSummaryJson" = NULL,
        "vectorStoreJson" = NULL, "updatedAt" = now()
    WHERE "organizationId" = ${organizationId} AND "silknotePatientUuid" = ${patientUuid}`.execute(trx);
  if (!filesets[0].gone) {
    await sql`
      INSERT INTO document_events (organization_id, patient_uuid, kind)
      VALUES (${organizationId}, ${patientUuid}, 'patient_deleted')`.execute(trx);
  }
  await askForDocuments(
    trx,
    organizationId,
    'unindex',
    rows.map(({ uuid }) => ({ documentUuid: uuid })),
  );
  return rows.length;
}
