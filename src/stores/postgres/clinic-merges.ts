/** Which patients of a source were merged into which, along a whole chain. */
import { sql } from 'kysely';
import type { MergeHistory } from '../../ports/clinic-reports.ts';
import type { Database } from './database.ts';

const MOST = 500;

interface Row {
  /** Null: nobody was merged. */
  id: string | null;
  reference: string;
  merged_at: Date | null;
  into_reference: string;
  into_id: string | null;
  survivor: string;
  survivor_id: string | null;
}

/** @returns null: there is no such patient */
export async function findMerges(
  { kysely }: Database,
  organizationId: string,
  patientId: string,
): Promise<MergeHistory | null> {
  const { rows } = await sql<Row>`
    WITH last AS (
      SELECT connection_id, coalesce(survivor, cliniko_patient_id) AS survivor FROM patients
      WHERE organization_id = ${organizationId} AND id = ${patientId}::uuid)
    SELECT m.id, m.cliniko_patient_id AS reference, m.merged_at, m.merged_into AS into_reference, i.id AS into_id,
           l.survivor, s.id AS survivor_id
    FROM last AS l
    LEFT JOIN patients AS s ON s.organization_id = ${organizationId} AND s.connection_id = l.connection_id
      AND s.cliniko_patient_id = l.survivor
    LEFT JOIN patients AS m ON m.organization_id = ${organizationId} AND m.connection_id = l.connection_id
      AND m.survivor = l.survivor AND m.merged_into IS NOT NULL
    LEFT JOIN patients AS i ON i.organization_id = ${organizationId} AND i.connection_id = l.connection_id
      AND i.cliniko_patient_id = m.merged_into
    ORDER BY m.merged_at DESC NULLS LAST, m.id LIMIT ${MOST}`.execute(kysely);
  const [first] = rows;
  if (first === undefined) return null;
  return {
    survivor: { id: first.survivor_id, reference: first.survivor },
    merged: rows.flatMap(({ id, reference, merged_at, into_reference, into_id }) =>
      id === null
        ? []
        : [
            {
              id,
              reference,
              mergedAt: merged_at?.toISOString() ?? null,
              into: { id: into_id, reference: into_reference },
            },
          ],
    ),
  };
}
