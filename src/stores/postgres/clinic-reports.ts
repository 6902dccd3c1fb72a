/** `ClinicReports` on PostgreSQL. Pages go by key, so that a list of any length is read in steady pieces. */
import { type RawBuilder, sql } from 'kysely';
import type {
  AppointmentRecord,
  Attendance,
  BusinessRecord,
  ClinicReports,
  Page,
  PatientRecord,
  PractitionerRecord,
} from '../../ports/clinic-reports.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';

type Condition = RawBuilder<unknown>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What every list understands, as conditions on the table `r`. */
function common(question: Parameters<ClinicReports['businesses']>[0], reference: string): Condition[] {
  const { ids, connectionId, updatedFrom, updatedBefore } = question;
  return [
    sql`r.organization_id = ${question.organizationId}`,
    ...(question.deleted === true ? [] : [sql`r.deleted_at IS NULL`]),
    ...(ids === undefined ? [] : [sql`r.id = ANY (${ids.filter((id) => UUID.test(id))}::uuid[])`]),
    ...(connectionId === undefined ? [] : [sql`r.connection_id = ${connectionId}`]),
    ...(question.reference === undefined ? [] : [sql`${sql.ref(`r.${reference}`)} = ${question.reference}`]),
    ...(updatedFrom === undefined ? [] : [sql`r.updated_at >= ${updatedFrom}::timestamptz`]),
    ...(updatedBefore === undefined ? [] : [sql`r.updated_at < ${updatedBefore}::timestamptz`]),
  ];
}

function afterId(after: readonly string[] | null): Condition[] {
  const [id] = after ?? [];
  return id === undefined ? [] : [UUID.test(id) ? sql`r.id > ${id}::uuid` : sql`false`];
}

const all = (conditions: readonly Condition[]) => sql.join(conditions, sql` AND `);

export function createClinicReports(database: Database): ClinicReports {
  const page = async <Row, T>(
    query: RawBuilder<Row>,
    limit: number,
    map: (row: Row) => T,
    keyOf: (item: T) => readonly string[],
  ): Promise<Page<T>> => {
    try {
      const { rows } = await query.execute(database.kysely);
      const items = rows.slice(0, limit).map(map);
      const last = items.at(-1);
      return { items, next: rows.length > limit && last !== undefined ? keyOf(last) : null };
    } catch (error) {
      throw databaseError(error);
    }
  };
  const byId = (item: { readonly id: string }) => [item.id];

  return {
    patients(question) {
      const { active, archived, name, family, given, birthDate } = question;
      const begins = (column: string, text: string) => sql`${sql.ref(column)} ILIKE ${`${escapeLike(text)}%`}`;
      const conditions = [
        ...common(question, 'cliniko_patient_id'),
        ...afterId(question.after),
        ...(active === undefined ? [] : [sql`r.is_active = ${active}`]),
        ...(archived === undefined ? [] : [sql`(r.archived_at IS NOT NULL) = ${archived}`]),
        ...(family === undefined ? [] : [begins('r.last_name', family)]),
        ...(given === undefined
          ? []
          : [sql`(${begins('r.first_name', given)} OR ${begins('r.preferred_first_name', given)})`]),
        ...(name === undefined
          ? []
          : [
              sql`(${begins('r.name', name)} OR ${begins('r.last_name', name)} OR ${begins('r.preferred_first_name', name)})`,
            ]),
        ...(birthDate === undefined ? [] : [sql`r.birth_date = ${birthDate}::date`]),
      ];
      return page(
        sql<PatientRow>`
          SELECT r.*, r.birth_date::text AS born, w.id AS survivor_id, w.cliniko_patient_id AS survivor_reference
          FROM patients AS r
          LEFT JOIN patients AS w ON w.organization_id = r.organization_id AND w.connection_id = r.connection_id
            AND w.cliniko_patient_id = r.merged_into
          WHERE ${all(conditions)} ORDER BY r.id LIMIT ${question.limit + 1}`,
        question.limit,
        patientOf,
        byId,
      );
    },

    appointments(question) {
      const { from, before, statuses, patientId, practitionerId, businessId, kind, after } = question;
      const [startsAt, id] = after ?? [];
      const conditions = [
        ...common(question, 'cliniko_appointment_id'),
        ...(startsAt === undefined || id === undefined
          ? []
          : [
              UUID.test(id) && !Number.isNaN(Date.parse(startsAt))
                ? sql`(r.appointment_date, r.id) > (${startsAt}::timestamptz, ${id}::uuid)`
                : sql`false`,
            ]),
        ...(from === undefined ? [] : [sql`r.appointment_date >= ${from}::timestamptz`]),
        ...(before === undefined ? [] : [sql`r.appointment_date < ${before}::timestamptz`]),
        ...(statuses === undefined ? [] : [sql`r.status = ANY (${statuses}::text[])`]),
        ...(kind === undefined ? [] : [sql`r.kind = ${kind}`]),
        ...(patientId === undefined ? [] : [ofPatient(question.organizationId, patientId)]),
        ...(practitionerId === undefined ? [] : [sql`p.id::text = ${practitionerId.toLowerCase()}`]),
        ...(businessId === undefined ? [] : [sql`b.id::text = ${businessId.toLowerCase()}`]),
      ];
      return page(
        sql<AppointmentRow>`
          SELECT r.*, p.id AS practitioner_id, b.id AS business_id, b.time_zone,
                 CASE WHEN r.kind = 'individual' THEN NULL ELSE (
                   SELECT jsonb_agg(jsonb_build_object('patientId', t.patient_id, 'status', t.status) ORDER BY t.id)
                   FROM appointment_attendees AS t
                   WHERE t.organization_id = r.organization_id AND t.connection_id = r.connection_id
                     AND t.cliniko_appointment_id = r.cliniko_appointment_id AND t.deleted_at IS NULL
                     AND t.patient_id IS NOT NULL) END AS attendees
          FROM appointments AS r
          LEFT JOIN practitioners AS p ON p.organization_id = r.organization_id AND p.connection_id = r.connection_id
            AND p.cliniko_practitioner_id = r.cliniko_practitioner_id
          LEFT JOIN businesses AS b ON b.organization_id = r.organization_id AND b.connection_id = r.connection_id
            AND b.cliniko_business_id = r.cliniko_business_id
          WHERE ${all(conditions)} ORDER BY r.appointment_date, r.id LIMIT ${question.limit + 1}`,
        question.limit,
        appointmentOf,
        (item) => [item.startsAt, item.id],
      );
    },

    practitioners: (question) =>
      page(
        sql<PractitionerRow>`
          SELECT r.* FROM practitioners AS r WHERE ${all([
            ...common(question, 'cliniko_practitioner_id'),
            ...afterId(question.after),
            ...(question.active === undefined ? [] : [sql`r.active = ${question.active}`]),
          ])} ORDER BY r.id LIMIT ${question.limit + 1}`,
        question.limit,
        practitionerOf,
        byId,
      ),

    businesses: (question) =>
      page(
        sql<BusinessRow>`
          SELECT r.* FROM businesses AS r
          WHERE ${all([...common(question, 'cliniko_business_id'), ...afterId(question.after)])}
          ORDER BY r.id LIMIT ${question.limit + 1}`,
        question.limit,
        businessOf,
        byId,
      ),

    async totals(organizationId, connectionId) {
      try {
        const only = connectionId === undefined ? sql`` : sql`AND connection_id = ${connectionId}`;
        const { rows } = await sql<Record<string, string | null> & { last: Date | null }>`
          SELECT count(*) AS patients, count(*) FILTER (WHERE is_active) AS active,
                 count(*) FILTER (WHERE upcoming_appointment_count > 0) AS upcoming,
                 count(*) FILTER (WHERE recent_appointment_count > 0) AS recent, max(last_synced_at) AS last,
                 coalesce(sum(recent_appointment_count) FILTER (WHERE is_active), 0) AS recent_sum,
                 coalesce(sum(upcoming_appointment_count) FILTER (WHERE is_active), 0) AS upcoming_sum,
                 coalesce(sum(total_appointment_count) FILTER (WHERE is_active), 0) AS total_sum,
                 (SELECT count(*) FROM appointments WHERE organization_id = ${organizationId} ${only}
                    AND deleted_at IS NULL) AS appointments
          FROM patients WHERE organization_id = ${organizationId} ${only} AND deleted_at IS NULL`.execute(
          database.kysely,
        );
        const row = rows[0];
        const count = (name: string) => Number(row?.[name] ?? 0);
        return {
          patients: count('patients'),
          activePatients: count('active'),
          withUpcoming: count('upcoming'),
          withRecent: count('recent'),
          appointments: count('appointments'),
          recentAppointments: count('recent_sum'),
          upcomingAppointments: count('upcoming_sum'),
          allAppointments: count('total_sum'),
          lastSyncedAt: row?.last?.toISOString() ?? null,
        };
      } catch (error) {
        throw databaseError(error);
      }
    },
  };
}

/** Visits of the patient and of those that were merged into it. Two lookups by key: an OR would read every appointment. */
function ofPatient(organizationId: string, patientId: string): Condition {
  if (!UUID.test(patientId)) return sql`false`;
  return sql`r.id IN (
    WITH who AS MATERIALIZED (
      SELECT m.connection_id, m.cliniko_patient_id AS patient FROM patients AS p
      JOIN patients AS m ON m.organization_id = p.organization_id AND m.connection_id = p.connection_id
        AND (m.id = p.id OR m.survivor = p.cliniko_patient_id)
      WHERE p.id = ${patientId}::uuid AND p.organization_id = ${organizationId}
    )
    SELECT a.id FROM who AS w
    JOIN appointments AS a ON a.organization_id = ${organizationId} AND a.connection_id = w.connection_id
      AND a.cliniko_patient_id = w.patient
    UNION
    SELECT a.id FROM who AS w
    JOIN appointment_attendees AS t ON t.organization_id = ${organizationId} AND t.connection_id = w.connection_id
      AND t.cliniko_patient_id = w.patient AND t.deleted_at IS NULL
    JOIN appointments AS a ON a.organization_id = ${organizationId} AND a.connection_id = w.connection_id
      AND a.cliniko_appointment_id = t.cliniko_appointment_id)`;
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, (character) => `\\${character}`);
}

interface Common {
  id: string;
  connection_id: string;
  last_synced_at: Date;
  updated_at: Date;
  deleted_at: Date | null;
}

interface PatientRow extends Common {
  cliniko_patient_id: string;
  name: string | null;
  title: string | null;
  first_name: string | null;
  last_name: string | null;
  preferred_first_name: string | null;
  email: string | null;
  phones: PatientRecord['phones'];
  born: string | null;
  sex: string | null;
  gender_identity: string | null;
  address: PatientRecord['address'];
  old_reference_id: string | null;
  archived_at: Date | null;
  merged_at: Date | null;
  survivor_id: string | null;
  survivor_reference: string | null;
  is_active: boolean;
  activity_status: string;
  recent_appointment_count: number;
  upcoming_appointment_count: number;
  total_appointment_count: number;
  first_appointment_date: Date | null;
  last_appointment_date: Date | null;
  next_appointment_time: Date | null;
  next_appointment_type: string | null;
  primary_appointment_type: string | null;
}

const iso = (at: Date | null) => at?.toISOString() ?? null;

function patientOf(row: PatientRow): PatientRecord {
  return {
    id: row.id,
    connectionId: row.connection_id,
    reference: row.cliniko_patient_id,
    name: row.name,
    title: row.title,
    firstName: row.first_name,
    lastName: row.last_name,
    preferredFirstName: row.preferred_first_name,
    email: row.email,
    phones: row.phones,
    birthDate: row.born,
    sex: row.sex,
    genderIdentity: row.gender_identity,
    address: row.address,
    oldReferenceId: row.old_reference_id,
    archivedAt: iso(row.archived_at),
    deletedAt: iso(row.deleted_at),
    mergedAt: iso(row.merged_at),
    mergedInto:
      row.survivor_id === null || row.survivor_reference === null
        ? null
        : { id: row.survivor_id, reference: row.survivor_reference },
    isActive: row.is_active,
    activityStatus: row.activity_status,
    recentAppointmentCount: row.recent_appointment_count,
    upcomingAppointmentCount: row.upcoming_appointment_count,
    totalAppointmentCount: row.total_appointment_count,
    firstAppointmentDate: iso(row.first_appointment_date),
    lastAppointmentDate: iso(row.last_appointment_date),
    nextAppointmentTime: iso(row.next_appointment_time),
    nextAppointmentType: row.next_appointment_type,
    primaryAppointmentType: row.primary_appointment_type,
    lastSyncedAt: row.last_synced_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

interface AppointmentRow extends Common {
  cliniko_appointment_id: string;
  kind: 'individual' | 'group';
  patient_id: string | null;
  appointment_date: Date;
  ends_at: Date | null;
  status: AppointmentRecord['status'];
  type: string | null;
  notes: string | null;
  practitioner_id: string | null;
  business_id: string | null;
  time_zone: string | null;
  cancelled_at: Date | null;
  cancellation_reason: number | null;
  max_attendees: number | null;
  attendees: readonly Attendance[] | null;
}

function appointmentOf(row: AppointmentRow): AppointmentRecord {
  const own = row.patient_id === null ? [] : [{ patientId: row.patient_id, status: row.status }];
  return {
    id: row.id,
    connectionId: row.connection_id,
    reference: row.cliniko_appointment_id,
    kind: row.kind,
    startsAt: row.appointment_date.toISOString(),
    endsAt: iso(row.ends_at),
    status: row.status,
    type: row.type,
    notes: row.notes,
    attendances: row.kind === 'individual' ? own : (row.attendees ?? []),
    practitionerId: row.practitioner_id,
    businessId: row.business_id,
    cancelledAt: iso(row.cancelled_at),
    cancellationReason: row.cancellation_reason,
    maxAttendees: row.max_attendees,
    deletedAt: iso(row.deleted_at),
    timeZone: row.time_zone,
    lastSyncedAt: row.last_synced_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

interface PractitionerRow extends Common {
  cliniko_practitioner_id: string;
  title: string | null;
  first_name: string | null;
  last_name: string | null;
  display_name: string | null;
  designation: string | null;
  active: boolean;
}

function practitionerOf(row: PractitionerRow): PractitionerRecord {
  return {
    id: row.id,
    connectionId: row.connection_id,
    reference: row.cliniko_practitioner_id,
    title: row.title,
    firstName: row.first_name,
    lastName: row.last_name,
    displayName: row.display_name,
    designation: row.designation,
    active: row.active,
    deletedAt: iso(row.deleted_at),
    updatedAt: row.updated_at.toISOString(),
  };
}

interface BusinessRow extends Common {
  cliniko_business_id: string;
  name: string | null;
  address: BusinessRecord['address'];
  time_zone: string | null;
  archived_at: Date | null;
}

function businessOf(row: BusinessRow): BusinessRecord {
  return {
    id: row.id,
    connectionId: row.connection_id,
    reference: row.cliniko_business_id,
    name: row.name,
    address: row.address,
    timeZone: row.time_zone,
    archivedAt: iso(row.archived_at),
    deletedAt: iso(row.deleted_at),
    updatedAt: row.updated_at.toISOString(),
  };
}
