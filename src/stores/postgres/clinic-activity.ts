/**
 * Which patients are active, computed from the stored appointments.
 *
 * A visit counts unless it was deleted, archived, cancelled or not attended. Active: a visit in the last 30 days, or any to come.
 * What belonged to a patient that was merged into another one counts for that one.
 */
import { sql, type Transaction } from 'kysely';
import { endsOfChains } from '../../domain/merged.ts';
import type { ConnectionKey } from '../../ports/document-records.ts';
import { recordId } from './clinic-rows.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

const RECENT = sql`interval '30 days'`;
/** Appointments that are listed with a patient. */
const LISTED = 20;
/** What is computed and shown. */
const COMPUTED = [
  'is_active',
  'activity_status',
  'recent_appointment_count',
  'upcoming_appointment_count',
  'total_appointment_count',
  'first_appointment_date',
  'last_appointment_date',
  'next_appointment_time',
  'next_appointment_type',
  'primary_appointment_type',
  'recent_appointments',
  'upcoming_appointments',
];
const columnsOf = (table: string) => sql.join(COMPUTED.map((name) => sql.ref(`${table}.${name}`)));
const columns = sql.join(COMPUTED.map((name) => sql.ref(name)));
/** Patients in one statement. */
const PORTION = 1000;

export async function computeActivity(
  trx: Trx,
  key: ConnectionKey,
  at: number,
  all: boolean,
): Promise<{ computed: number }> {
  await findSurvivors(trx, key);
  const due = await takeDue(trx, key, at, all);
  // After a first copy the planner knows nothing of these tables yet.
  if (due.length > PORTION) await sql`ANALYZE patients, appointments, appointment_attendees`.execute(trx);
  let computed = 0;
  // In portions, with the ids as values: how well the planner knows these tables does not matter then.
  for (let i = 0; i < due.length; i += PORTION) {
    computed += await computePortion(trx, key, at, due.slice(i, i + PORTION));
  }
  return { computed };
}

/** @returns ids of the patients to compute; of merged ones the patient at the end of the chain */
async function takeDue(trx: Trx, key: ConnectionKey, at: number, all: boolean): Promise<string[]> {
  const { rows: noted } = await sql<{ patient: string }>`
    DELETE FROM activity_due WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
    RETURNING cliniko_patient_id AS patient`.execute(trx);
  const { rows } = await sql<{ who: string }>`
    SELECT DISTINCT coalesce(survivor, cliniko_patient_id) AS who FROM patients
    WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
      AND (${all}::boolean OR activity_until <= ${new Date(at)}
           OR cliniko_patient_id = ANY (${all ? [] : noted.map((row) => row.patient)}::text[]))
    ORDER BY 1`.execute(trx);
  return rows.map((row) => row.who);
}

async function computePortion(trx: Trx, key: ConnectionKey, at: number, who: readonly string[]): Promise<number> {
  const now = sql`${new Date(at)}::timestamptz`;
  const { rows: members } = await sql<{ id: string; patient: string; who: string; own: boolean }>`
    WITH found AS MATERIALIZED (
      SELECT * FROM patients WHERE id = ANY (${who.map((patient) => recordId(key, 'patients', patient))}::uuid[])
    )
    SELECT id, cliniko_patient_id AS patient, coalesce(survivor, cliniko_patient_id) AS who,
           survivor IS NULL AND merged_at IS NULL AND deleted_at IS NULL AS own
    FROM found WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
    UNION
    SELECT id, cliniko_patient_id, survivor, false
    FROM patients WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
      AND merged_into IS NOT NULL AND survivor = ANY (${who}::text[])`.execute(trx);
  const patients = members.map((member) => member.patient);
  const result = await sql`
    WITH member AS MATERIALIZED (
      SELECT * FROM unnest(${members.map((m) => m.id)}::uuid[], ${patients}::text[], ${members.map((m) => m.who)}::text[],
                           ${members.map((m) => m.own)}::boolean[]) AS m (id, patient, who, own)
    ), visit AS MATERIALIZED (
      SELECT m.who, a.cliniko_appointment_id AS appointment, a.appointment_date AS start, a.type AS name
      FROM member AS m JOIN (
        SELECT cliniko_patient_id, cliniko_appointment_id, appointment_date, type FROM appointments
        WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
          AND cliniko_patient_id = ANY (${patients}::text[])
          AND kind = 'individual' AND deleted_at IS NULL AND status IN ('booked', 'arrived')
      ) AS a ON a.cliniko_patient_id = m.patient
      UNION
      SELECT m.who, a.cliniko_appointment_id, a.appointment_date, a.type
      FROM member AS m JOIN (
        SELECT cliniko_patient_id, cliniko_appointment_id FROM appointment_attendees
        WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
          AND cliniko_patient_id = ANY (${patients}::text[])
          AND deleted_at IS NULL AND status IN ('booked', 'arrived')
      ) AS t ON t.cliniko_patient_id = m.patient
      JOIN appointments AS a ON a.organization_id = ${key.organizationId} AND a.connection_id = ${key.connectionId}
        AND a.cliniko_appointment_id = t.cliniko_appointment_id
      WHERE a.kind = 'group' AND a.deleted_at IS NULL AND a.status IN ('booked', 'arrived')
    ), named AS (
      SELECT v.*, v.start >= ${now} AS upcoming, v.start >= ${now} - ${RECENT} AND v.start < ${now} AS recent
      FROM visit AS v
    ), sum AS MATERIALIZED (
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
    ), fresh AS MATERIALIZED (
      SELECT m.id,
             own AND coalesce(s.recent + s.upcoming, 0) > 0 AS is_active,
             CASE
               WHEN NOT own OR coalesce(s.recent + s.upcoming, 0) = 0 THEN 'inactive'
               WHEN s.recent > 0 AND s.upcoming > 0 THEN 'active'
               WHEN s.recent > 0 THEN 'recent_only' ELSE 'upcoming_only' END AS activity_status,
             CASE WHEN own THEN coalesce(s.recent, 0) ELSE 0 END AS recent_appointment_count,
             CASE WHEN own THEN coalesce(s.upcoming, 0) ELSE 0 END AS upcoming_appointment_count,
             CASE WHEN own THEN coalesce(s.total, 0) ELSE 0 END AS total_appointment_count,
             CASE WHEN own THEN s.first END AS first_appointment_date,
             CASE WHEN own THEN s.last END AS last_appointment_date,
             CASE WHEN own THEN s.next END AS next_appointment_time,
             CASE WHEN own THEN s.next_type END AS next_appointment_type,
             CASE WHEN own THEN s.primary_type END AS primary_appointment_type,
             CASE WHEN own THEN ${firstOf('s.recent_list')} ELSE '[]' END AS recent_appointments,
             CASE WHEN own THEN ${firstOf('s.upcoming_list')} ELSE '[]' END AS upcoming_appointments,
             CASE WHEN own THEN s.until END AS activity_until
      FROM member AS m LEFT JOIN sum AS s USING (who)
    )
    UPDATE patients AS p
    SET (${columns}, activity_until) = (${columnsOf('f')}, f.activity_until),
        -- Whoever asks for what has changed since a time is to see this as well.
        updated_at = CASE WHEN (${columnsOf('p')}) IS DISTINCT FROM (${columnsOf('f')}) THEN ${now} ELSE p.updated_at END
    FROM fresh AS f
    WHERE p.id = f.id AND p.organization_id = ${key.organizationId}
      AND (${columnsOf('p')}, p.activity_until) IS DISTINCT FROM (${columnsOf('f')}, f.activity_until)`.execute(trx);
  return Number(result.numAffectedRows ?? 0);
}

function firstOf(list: string) {
  return sql`coalesce(jsonb_path_query_array(${sql.ref(list)}, '$[0 to ${sql.raw(String(LISTED - 1))}]'), '[]')`;
}

/** Follows the links of merged patients to the end of each chain, and notes whom a change concerns. */
async function findSurvivors(trx: Trx, key: ConnectionKey): Promise<void> {
  const { rows } = await sql<{ patient: string; into: string | null; survivor: string | null }>`
    SELECT cliniko_patient_id AS patient, merged_into AS into, survivor FROM patients
    WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
      AND (merged_into IS NOT NULL OR survivor IS NOT NULL)`.execute(trx);
  const ends = endsOfChains(new Map(rows.flatMap(({ patient, into }) => (into === null ? [] : [[patient, into]]))));
  const changed = rows.filter(({ patient, survivor }) => survivor !== (ends.get(patient) ?? null));
  if (changed.length === 0) return;
  const patients = changed.map(({ patient }) => patient);
  const survivors = patients.map((patient) => ends.get(patient) ?? null);
  await sql`
    UPDATE patients AS p SET survivor = c.survivor
    FROM unnest(${patients}::text[], ${survivors}::text[]) AS c (patient, survivor)
    WHERE p.organization_id = ${key.organizationId} AND p.connection_id = ${key.connectionId}
      AND p.cliniko_patient_id = c.patient`.execute(trx);
  const concerned = [...new Set([...patients, ...changed.flatMap((row) => row.survivor ?? []), ...survivors])];
  await sql`
    INSERT INTO activity_due (organization_id, connection_id, cliniko_patient_id)
    SELECT ${key.organizationId}, ${key.connectionId}, p
    FROM unnest(${concerned.filter((patient) => patient !== null).sort()}::text[]) AS p
    ON CONFLICT DO NOTHING`.execute(trx);
}
