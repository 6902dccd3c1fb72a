/** `HeldRecords` on PostgreSQL: each list has its table, and says what it can. */
import { type RawBuilder, sql } from 'kysely';
import type { ConnectionKey } from '../../ports/document-records.ts';
import type { HeldRecord, HeldRecords } from '../../ports/held-records.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';

interface Row {
  name?: string | null;
  starts_at?: Date | null;
  ends_at?: Date | null;
  time_zone?: string | null;
  status?: string | null;
  patient_name?: string | null;
  client_name?: string | null;
  practitioner?: string | null;
  business?: string | null;
  patient_id?: string | null;
  size_bytes?: number | null;
}

type Question = (key: ConnectionKey, id: string) => RawBuilder<Row>;

const ofConnection = ({ organizationId, connectionId }: ConnectionKey, id: string) =>
  sql`t.organization_id = ${organizationId} AND t.connection_id = ${connectionId} AND t.id = ${id}::uuid`;

/** What a record of a source refers to, by the source's ids. */
const PLACE = sql`
  LEFT JOIN businesses AS b ON b.organization_id = t.organization_id AND b.connection_id = t.connection_id
    AND b.cliniko_business_id = t.cliniko_business_id`;
const PRACTITIONER = sql`
  LEFT JOIN practitioners AS w ON w.organization_id = t.organization_id AND w.connection_id = t.connection_id
    AND w.cliniko_practitioner_id = t.cliniko_practitioner_id`;
/** Null while it is not there: a link to it would lead nowhere. */
const PATIENT = sql`(
  SELECT p.id FROM patients AS p WHERE p.organization_id = t.organization_id AND p.id = t.patient_id)`;

const appointment: Question = (key, id) => sql`
  SELECT t.type AS name, t.appointment_date AS starts_at, t.ends_at, b.time_zone, t.status, w.display_name AS practitioner,
         b.name AS business, ${PATIENT} AS patient_id
  FROM appointments AS t ${PLACE} ${PRACTITIONER} WHERE ${ofConnection(key, id)}`;

const named =
  (table: string, name: string): Question =>
  (key, id) =>
    sql`SELECT ${sql.ref(`t.${name}`)} AS name FROM ${sql.table(table)} AS t WHERE ${ofConnection(key, id)}`;

/** Of a clinic's book. */
const ofClinic = ({ organizationId, connectionId }: ConnectionKey, id: string) => sql`
  JOIN clinic_schedule_config AS c ON c.organization_id = t.organization_id AND c.clinic_id = t.clinic_id
  WHERE t.organization_id = ${organizationId} AND c.connection_id = ${connectionId} AND t.id = ${id}::uuid`;

const QUESTIONS: Readonly<Record<string, Question>> = {
  patients: (key, id) => sql`SELECT t.id AS patient_id FROM patients AS t WHERE ${ofConnection(key, id)}`,
  practitioners: named('practitioners', 'display_name'),
  businesses: named('businesses', 'name'),
  appointment_types: named('appointment_types', 'name'),
  individual_appointments: appointment,
  group_appointments: appointment,
  // Who comes to a group: when that is, the appointment says.
  attendees: (key, id) => sql`
    SELECT g.type AS name, g.appointment_date AS starts_at, g.ends_at, b.time_zone, t.status, w.display_name AS practitioner,
           b.name AS business, ${PATIENT} AS patient_id
    FROM appointment_attendees AS t
    LEFT JOIN appointments AS g ON g.organization_id = t.organization_id AND g.connection_id = t.connection_id
      AND g.cliniko_appointment_id = t.cliniko_appointment_id
    LEFT JOIN businesses AS b ON b.organization_id = t.organization_id AND b.connection_id = t.connection_id
      AND b.cliniko_business_id = g.cliniko_business_id
    LEFT JOIN practitioners AS w ON w.organization_id = t.organization_id AND w.connection_id = t.connection_id
      AND w.cliniko_practitioner_id = g.cliniko_practitioner_id
    WHERE ${ofConnection(key, id)}`,
  unavailable_blocks: (key, id) => sql`
    SELECT t.starts_at, t.ends_at, b.time_zone, w.display_name AS practitioner, b.name AS business
    FROM unavailable_blocks AS t ${PLACE} ${PRACTITIONER} WHERE ${ofConnection(key, id)}`,
  patient_attachments: (key, id) => sql`
    SELECT t.file_name AS name, t.size_bytes, ${PATIENT} AS patient_id
    FROM patient_attachments AS t WHERE ${ofConnection(key, id)}`,
  calendar: (key, id) => sql`
    SELECT t.appointment_type AS name, t.starts_at, t.ends_at, c.timezone AS time_zone, t.status, t.patient_name, t.client_name,
           t.provider_name AS practitioner
    FROM schedule_appointments AS t ${ofClinic(key, id)}`,
  consultations: (key, id) => sql`
    SELECT t.consulted_at AS starts_at, c.timezone AS time_zone, t.status, t.patient_name, t.client_name,
           t.provider_name AS practitioner
    FROM consultations AS t ${ofClinic(key, id)}`,
};

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function createHeldRecords(database: Database): HeldRecords {
  return {
    find: (key, list, id) =>
      ask(async () => {
        const question = Object.hasOwn(QUESTIONS, list) ? QUESTIONS[list] : undefined;
        // PostgreSQL would refuse to compare anything else.
        if (question === undefined || !UUID.test(id)) return null;
        const { rows } = await question(key, id).execute(database.kysely);
        return rows[0] === undefined ? null : recordOf(id, rows[0]);
      }),
  };
}

function recordOf(id: string, row: Row): HeldRecord {
  return {
    id,
    name: row.name ?? null,
    startsAt: row.starts_at?.toISOString() ?? null,
    endsAt: row.ends_at?.toISOString() ?? null,
    timeZone: row.time_zone ?? null,
    status: row.status ?? null,
    patientName: row.patient_name ?? null,
    clientName: row.client_name ?? null,
    practitioner: row.practitioner ?? null,
    business: row.business ?? null,
    patientId: row.patient_id ?? null,
    sizeBytes: row.size_bytes ?? null,
  };
}
