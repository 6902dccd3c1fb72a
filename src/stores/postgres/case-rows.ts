/** Cases as consultations make them: one for each appointment that somebody was seen for. */
import { sql, type Transaction } from 'kysely';
import type { ClinicKey } from '../../ports/slot-book.ts';
import type { Tables } from './tables.ts';

const SOURCE = 'idexx_neo';

/**
 * Gives each linked consultation its case, and each case the status that its consultations have. A case that an application has
 * reviewed keeps that status; one whose consultations are all gone is a draft again.
 */
export async function settleCases(trx: Transaction<Tables>, key: ClinicKey): Promise<void> {
  const ofClinic = sql`c.organization_id = ${key.organizationId} AND c.clinic_id = ${key.clinicId}`;
  await sql`
    INSERT INTO cases (organization_id, clinic_id, source, external_id, appointment_id, scheduled_at)
    SELECT DISTINCT ON (a.id) a.organization_id, a.clinic_id, ${SOURCE}, ${`pims-appt-${SOURCE}-`} || a.neo_appointment_id, a.id,
           a.starts_at
    FROM consultations AS c
    JOIN schedule_appointments AS a ON a.id = c.appointment_id AND a.organization_id = c.organization_id
      AND a.clinic_id = c.clinic_id
    WHERE ${ofClinic} AND c.deleted_at IS NULL AND c.case_id IS NULL
    ON CONFLICT (clinic_id, external_id) DO NOTHING`.execute(trx);
  await sql`
    UPDATE consultations AS c SET case_id = k.id
    FROM cases AS k
    WHERE ${ofClinic} AND c.case_id IS NULL AND c.deleted_at IS NULL AND k.organization_id = c.organization_id
      AND k.clinic_id = c.clinic_id AND k.appointment_id = c.appointment_id`.execute(trx);
  await sql`
    WITH now_is AS (
      SELECT k.id, a.starts_at AS scheduled_at,
             CASE WHEN count(c.id) = 0 THEN 'draft' WHEN bool_and(c.status = 'completed') THEN 'completed'
                  ELSE 'ongoing' END AS status,
             jsonb_build_object('idexx_consultation_ids', coalesce(
               jsonb_agg(c.neo_consultation_id ORDER BY c.consulted_at, c.neo_consultation_id)
                 FILTER (WHERE c.id IS NOT NULL), '[]')) AS metadata
      FROM cases AS k
      JOIN schedule_appointments AS a ON a.id = k.appointment_id
      LEFT JOIN consultations AS c ON c.case_id = k.id AND c.organization_id = k.organization_id
        AND c.clinic_id = k.clinic_id AND c.deleted_at IS NULL AND c.status <> 'cancelled'
      WHERE k.organization_id = ${key.organizationId} AND k.clinic_id = ${key.clinicId} AND k.source = ${SOURCE}
      GROUP BY k.id, a.starts_at
    )
    UPDATE cases AS k
    SET status = CASE WHEN k.status = 'reviewed' THEN k.status ELSE n.status END, scheduled_at = n.scheduled_at,
        metadata = k.metadata || n.metadata, updated_at = now()
    FROM now_is AS n
    WHERE k.id = n.id AND k.organization_id = ${key.organizationId}
      AND (k.scheduled_at <> n.scheduled_at OR k.metadata -> 'idexx_consultation_ids' IS DISTINCT FROM n.metadata -> 'idexx_consultation_ids'
           OR (k.status <> 'reviewed' AND k.status <> n.status))`.execute(trx);
}
