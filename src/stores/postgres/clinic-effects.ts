/** What else changes when records are written: patients whose activity is to be computed, and records that show the changed ones. */
import { sql, type Transaction } from 'kysely';
import type { ClinicRecord, RecordStream } from '../../domain/clinic.ts';
import type { ConnectionKey, Fence } from '../../ports/document-records.ts';
import { recordId, STREAM_TABLES, type StreamTable } from './clinic-rows.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export const ofConnection = (key: ConnectionKey) =>
  sql`organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}`;

/**
 * By the primary key alone, and only then by connection: of a table that is just being filled the planner knows nothing, and would
 * read all rows of the connection.
 */
export function idsOf(key: ConnectionKey, stream: RecordStream, references: readonly string[]): string[] {
  const { table } = STREAM_TABLES[stream];
  return references.map((reference) => recordId(key, table, reference));
}

export async function renameTypes(trx: Trx, fence: Fence, types: readonly string[], at: number): Promise<void> {
  const { rows } = await sql<{ reference: string; kind: string; patient: string | null }>`
    UPDATE appointments AS a SET type = y.name, updated_at = ${new Date(at)} FROM appointment_types AS y
    WHERE a.organization_id = ${fence.organizationId} AND a.connection_id = ${fence.connectionId}
      AND y.organization_id = ${fence.organizationId} AND y.connection_id = ${fence.connectionId}
      AND y.cliniko_appointment_type_id = ANY (${types}::text[])
      AND a.cliniko_appointment_type_id = y.cliniko_appointment_type_id AND a.type IS DISTINCT FROM y.name
    RETURNING a.cliniko_appointment_id AS reference, a.kind, a.cliniko_patient_id AS patient`.execute(trx);
  // Patients are shown with the name of what comes next.
  await dueOf(
    trx,
    fence,
    rows.flatMap((row) => row.patient ?? []),
  );
  const groups = rows.flatMap((row) => (row.kind === 'group' ? [row.reference] : []));
  await dueOfGroups(trx, fence, groups);
}

/** Appointments are shown with the zone of their place. To be called before the new zones are written. */
export async function touchPlaces(trx: Trx, fence: Fence, records: readonly ClinicRecord[], at: number): Promise<void> {
  const businesses = records as readonly ClinicRecord<'businesses'>[];
  await sql`
    UPDATE appointments AS a SET updated_at = ${new Date(at)}
    FROM unnest(${businesses.map((one) => one.reference)}::text[], ${businesses.map((one) => one.data.timeZone)}::text[])
      AS n (reference, zone)
    JOIN businesses AS b ON b.organization_id = ${fence.organizationId} AND b.connection_id = ${fence.connectionId}
      AND b.cliniko_business_id = n.reference AND b.time_zone IS DISTINCT FROM n.zone
    WHERE a.organization_id = ${fence.organizationId} AND a.connection_id = ${fence.connectionId}
      AND a.cliniko_business_id = n.reference`.execute(trx);
}

/** A group appointment is shown with its attendees: it has changed when one of them has. @param before references of attendees that may be stored */
export async function touchGroupsOf(
  trx: Trx,
  fence: Fence,
  attendees: readonly ClinicRecord[],
  before: readonly string[],
  at: number,
): Promise<void> {
  await touchGroups(trx, fence, await groupsOf(trx, fence, attendees, before), at);
}

export async function touchGroups(
  trx: Trx,
  fence: Fence,
  appointments: ReadonlySet<string>,
  at: number,
): Promise<void> {
  if (appointments.size === 0) return;
  const ids = [...appointments].sort().map((reference) => recordId(fence, 'appointments', reference));
  await sql`
    WITH found AS MATERIALIZED (SELECT * FROM appointments WHERE id = ANY (${ids}::uuid[]))
    UPDATE appointments AS a SET updated_at = ${new Date(at)} FROM found AS f
    WHERE a.id = f.id AND f.kind = 'group' AND f.organization_id = ${fence.organizationId}
      AND f.connection_id = ${fence.connectionId} AND a.updated_at < ${new Date(at)}`.execute(trx);
}

/** The appointments that attendees belong to, and those that they belonged to until now. */
async function groupsOf(
  trx: Trx,
  fence: Fence,
  records: readonly ClinicRecord[],
  before: readonly string[],
): Promise<Set<string>> {
  const attendees = records as readonly ClinicRecord<'attendees'>[];
  const groups = new Set(attendees.flatMap((record) => record.data.appointment ?? []));
  if (before.length === 0) return groups;
  const { rows } = await sql<{ appointment: string }>`
    WITH found AS MATERIALIZED (
      SELECT * FROM appointment_attendees WHERE id = ANY (${idsOf(fence, 'attendees', before)}::uuid[])
    )
    SELECT DISTINCT cliniko_appointment_id AS appointment FROM found
    WHERE ${ofConnection(fence)} AND cliniko_appointment_id IS NOT NULL`.execute(trx);
  for (const { appointment } of rows) groups.add(appointment);
  return groups;
}

export function patientColumn(stream: RecordStream): string | null {
  if (stream === 'patients' || stream === 'individual_appointments' || stream === 'attendees')
    return 'cliniko_patient_id';
  return null;
}

/**
 * Notes whose activity changes: of those that the records name now, and of those that they named before.
 *
 * @param before references of the records that may be stored
 */
export async function noteActivity(
  trx: Trx,
  fence: Fence,
  stream: RecordStream,
  records: readonly ClinicRecord[],
  before: readonly string[],
): Promise<void> {
  const table = STREAM_TABLES[stream] as StreamTable;
  const patients = new Set(records.flatMap((record) => table.patientsOf(record)));
  const column = patientColumn(stream);
  if (column !== null && stream !== 'patients' && before.length > 0) {
    const { rows } = await sql<{ patient: string }>`
      WITH found AS MATERIALIZED (
        SELECT * FROM ${sql.table(table.table)} WHERE id = ANY (${idsOf(fence, stream, before)}::uuid[])
      )
      SELECT DISTINCT ${sql.ref(column)} AS patient FROM found
      WHERE ${ofConnection(fence)} AND ${sql.ref(column)} IS NOT NULL`.execute(trx);
    for (const row of rows) patients.add(row.patient);
  }
  await dueOf(trx, fence, [...patients]);
  if (stream === 'group_appointments') {
    const references = records.map((record) => record.reference);
    await dueOfGroups(trx, fence, references);
  }
}

export async function dueOf(trx: Trx, fence: Fence, patients: readonly string[]): Promise<void> {
  if (patients.length === 0) return;
  await sql`
    INSERT INTO activity_due (organization_id, connection_id, cliniko_patient_id)
    SELECT ${fence.organizationId}, ${fence.connectionId}, p FROM unnest(${[...new Set(patients)].sort()}::text[]) AS p
    ON CONFLICT DO NOTHING`.execute(trx);
}

export async function dueOfGroups(trx: Trx, fence: Fence, appointments: readonly string[]): Promise<void> {
  if (appointments.length === 0) return;
  await sql`
    INSERT INTO activity_due (organization_id, connection_id, cliniko_patient_id)
    SELECT DISTINCT organization_id, connection_id, cliniko_patient_id FROM appointment_attendees
    WHERE ${ofConnection(fence)} AND cliniko_patient_id IS NOT NULL
      AND cliniko_appointment_id = ANY (${appointments}::text[])
    ORDER BY cliniko_patient_id
    ON CONFLICT DO NOTHING`.execute(trx);
}
