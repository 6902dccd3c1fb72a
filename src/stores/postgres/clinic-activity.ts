/**
 * Which patients are active, computed from the stored appointments.
 *
 * A visit counts unless it was deleted, archived, cancelled or not attended. Active: a visit in the last 30 days, or any to come.
 * What belonged to a patient that was merged into another one counts for that one.
 */
import { sql, type Transaction } from 'kysely';
import type { ConnectionKey } from '../../ports/document-records.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

const RECENT = sql`interval '30 days'`;
/** Chains of merged patients longer than this are a mistake of the source. */
const LONGEST_CHAIN = 20;
/** Appointments that are listed with a patient. */
const LISTED = 20;

export async function computeActivity(
  trx: Trx,
  key: ConnectionKey,
  at: number,
  all: boolean,
): Promise<{ computed: number }> {
  const now = sql`${new Date(at)}::timestamptz`;
  await findSurvivors(trx, key);
  const { rows } = await sql<{ computed: number }>`
    WITH noted AS (
      DELETE FROM activity_due WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
      RETURNING cliniko_patient_id
    ), due AS (
      SELECT DISTINCT coalesce(p.survivor, p.cliniko_patient_id) AS who FROM patients AS p
      WHERE p.organization_id = ${key.organizationId} AND p.connection_id = ${key.connectionId}
        AND (${all}::boolean OR p.activity_until <= ${now}
             OR p.cliniko_patient_id IN (SELECT cliniko_patient_id FROM noted))
    ), member AS (
      SELECT p.id, d.who, p.cliniko_patient_id AS patient, p.deleted_at FROM due AS d
      JOIN patients AS p ON p.organization_id = ${key.organizationId} AND p.connection_id = ${key.connectionId}
        AND (p.cliniko_patient_id = d.who AND p.survivor IS NULL)
      UNION ALL
      SELECT p.id, d.who, p.cliniko_patient_id, p.deleted_at FROM due AS d
      JOIN patients AS p ON p.organization_id = ${key.organizationId} AND p.connection_id = ${key.connectionId}
        AND p.survivor = d.who AND p.merged_into IS NOT NULL
    ), visit AS (
      SELECT m.who, a.cliniko_appointment_id AS appointment, a.appointment_date AS start, a.cliniko_appointment_type_id AS type
      FROM member AS m
      JOIN appointments AS a ON a.organization_id = ${key.organizationId} AND a.connection_id = ${key.connectionId}
        AND a.cliniko_patient_id = m.patient
      WHERE a.kind = 'individual' AND a.deleted_at IS NULL AND a.status IN ('booked', 'arrived')
      UNION
      SELECT m.who, a.cliniko_appointment_id, a.appointment_date, a.cliniko_appointment_type_id
      FROM member AS m
      JOIN appointment_attendees AS t ON t.organization_id = ${key.organizationId} AND t.connection_id = ${key.connectionId}
        AND t.cliniko_patient_id = m.patient
      JOIN appointments AS a ON a.organization_id = ${key.organizationId} AND a.connection_id = ${key.connectionId}
        AND a.cliniko_appointment_id = t.cliniko_appointment_id
      WHERE t.deleted_at IS NULL AND t.status IN ('booked', 'arrived')
        AND a.kind = 'group' AND a.deleted_at IS NULL AND a.status IN ('booked', 'arrived')
    ), named AS (
      SELECT v.*, y.name, v.start >= ${now} AS upcoming, v.start >= ${now} - ${RECENT} AND v.start < ${now} AS recent
      FROM visit AS v
      LEFT JOIN appointment_types AS y ON y.organization_id = ${key.organizationId}
        AND y.connection_id = ${key.connectionId} AND y.cliniko_appointment_type_id = v.type
    ), sum AS (
      SELECT who, count(*) AS total, count(*) FILTER (WHERE recent) AS recent, count(*) FILTER (WHERE upcoming) AS upcoming,
             min(start) AS first, max(start) FILTER (WHERE NOT upcoming) AS last, min(start) FILTER (WHERE upcoming) AS next,
             (array_agg(name ORDER BY start, appointment) FILTER (WHERE upcoming))[1] AS next_type,
             mode() WITHIN GROUP (ORDER BY name) AS primary_type,
             least(min(start) FILTER (WHERE upcoming), min(start) FILTER (WHERE recent) + ${RECENT}) AS until,
             (jsonb_agg(jsonb_build_object('date', start, 'type', name, 'id', appointment) ORDER BY start DESC, appointment)
               FILTER (WHERE recent)) AS recent_list,
             (jsonb_agg(jsonb_build_object('date', start, 'type', name, 'id', appointment) ORDER BY start, appointment)
               FILTER (WHERE upcoming)) AS upcoming_list
      FROM named GROUP BY who
    ), done AS (
      UPDATE patients AS p
      SET is_active = own AND coalesce(s.recent + s.upcoming, 0) > 0,
          activity_status = CASE
            WHEN NOT own OR coalesce(s.recent + s.upcoming, 0) = 0 THEN 'inactive'
            WHEN s.recent > 0 AND s.upcoming > 0 THEN 'active'
            WHEN s.recent > 0 THEN 'recent_only' ELSE 'upcoming_only' END,
          recent_appointment_count = CASE WHEN own THEN coalesce(s.recent, 0) ELSE 0 END,
          upcoming_appointment_count = CASE WHEN own THEN coalesce(s.upcoming, 0) ELSE 0 END,
          total_appointment_count = CASE WHEN own THEN coalesce(s.total, 0) ELSE 0 END,
          first_appointment_date = CASE WHEN own THEN s.first END,
          last_appointment_date = CASE WHEN own THEN s.last END,
          next_appointment_time = CASE WHEN own THEN s.next END,
          next_appointment_type = CASE WHEN own THEN s.next_type END,
          primary_appointment_type = CASE WHEN own THEN s.primary_type END,
          recent_appointments = CASE WHEN own THEN ${firstOf('s.recent_list')} ELSE '[]' END,
          upcoming_appointments = CASE WHEN own THEN ${firstOf('s.upcoming_list')} ELSE '[]' END,
          activity_until = CASE WHEN own THEN s.until END
      FROM (SELECT m.id, m.who, m.patient = m.who AND m.deleted_at IS NULL AS own FROM member AS m) AS m
      LEFT JOIN sum AS s USING (who)
      WHERE p.id = m.id AND p.organization_id = ${key.organizationId}
      RETURNING 1
    )
    SELECT count(*)::int AS computed FROM done`.execute(trx);
  return { computed: rows[0]?.computed ?? 0 };
}

function firstOf(list: string) {
  return sql`coalesce(jsonb_path_query_array(${sql.ref(list)}, '$[0 to ${sql.raw(String(LISTED - 1))}]'), '[]')`;
}

/** Follows the links of merged patients to the end of each chain; a circle leads nowhere. */
async function findSurvivors(trx: Trx, key: ConnectionKey): Promise<void> {
  await sql`
    WITH RECURSIVE chain AS (
      SELECT cliniko_patient_id AS patient, merged_into AS next, 1 AS depth FROM patients
      WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId} AND merged_into IS NOT NULL
      UNION ALL
      SELECT c.patient, p.merged_into, c.depth + 1 FROM chain AS c
      JOIN patients AS p ON p.organization_id = ${key.organizationId} AND p.connection_id = ${key.connectionId}
        AND p.cliniko_patient_id = c.next AND p.merged_into IS NOT NULL
      WHERE c.depth < ${LONGEST_CHAIN}
    ), ends AS (
      SELECT DISTINCT ON (patient) patient, next, depth FROM chain ORDER BY patient, depth DESC
    ), changed AS (
      UPDATE patients AS p
      SET survivor = CASE WHEN e.depth < ${LONGEST_CHAIN} THEN e.next END
      FROM (
        SELECT cliniko_patient_id AS patient, NULL AS next, 0 AS depth FROM patients
        WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
          AND survivor IS NOT NULL AND merged_into IS NULL
        UNION ALL SELECT * FROM ends
      ) AS e
      WHERE p.organization_id = ${key.organizationId} AND p.connection_id = ${key.connectionId}
        AND p.cliniko_patient_id = e.patient
        AND p.survivor IS DISTINCT FROM CASE WHEN e.depth < ${LONGEST_CHAIN} THEN e.next END
      RETURNING p.cliniko_patient_id AS patient, p.survivor
    )
    INSERT INTO activity_due (organization_id, connection_id, cliniko_patient_id)
    SELECT DISTINCT ${key.organizationId}, ${key.connectionId}, who
    FROM (SELECT patient AS who FROM changed UNION SELECT survivor FROM changed WHERE survivor IS NOT NULL) AS w
    ON CONFLICT DO NOTHING`.execute(trx);
}
