/** What the triggers of the tables do not see: filesets that a connection fills from now on. */
import { sql, type Transaction } from 'kysely';
import type { ConnectionKey } from '../../ports/document-records.ts';
import type { Tables } from './tables.ts';

/** Documents that were brought to these filesets before belong into the copy as well. */
export async function markForMirror(
  trx: Transaction<Tables>,
  { organizationId, connectionId }: ConnectionKey,
  units: readonly string[],
): Promise<void> {
  if (units.length === 0) return;
  await sql`
    INSERT INTO mirror_marks (organization_id, connection_id, document_uuid, patient_uuid)
    SELECT m.organization_id, m.connection_id, NULL, f."silknotePatientUuid"
    FROM table_mirrors AS m JOIN silknote_patient_filesets AS f ON f."organizationId" = m.organization_id
    WHERE m.organization_id = ${organizationId} AND m.connection_id = ${connectionId}
      AND f."silknotePatientUuid" = ANY (${[...units]}::text[])
    UNION ALL
    SELECT m.organization_id, m.connection_id, d."silknoteDocumentUuid", d."patientUuid"
    FROM table_mirrors AS m JOIN silknote_documents AS d ON d."organizationId" = m.organization_id
    WHERE m.organization_id = ${organizationId} AND m.connection_id = ${connectionId} AND d."deletedAt" IS NULL
      AND d."patientUuid" = ANY (${[...units]}::text[])`.execute(trx);
}
