/** `ClinicReports` on PostgreSQL. Pages go by key, so that a list of any length is read in steady pieces. */
import { type RawBuilder, sql } from 'kysely';
import type {
  AppointmentRecord,
  Attendance,
  BusinessRecord,
  ClinicReports,
  Identifier,
  Page,
  PatientRecord,
  PractitionerRecord,
  Ranges,
} from '../../ports/clinic-reports.ts';
import { findMerges } from './clinic-merges.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';

type Condition = RawBuilder<unknown>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What every list understands, as conditions on the table `r`. */
function common(question: Parameters<ClinicReports['businesses']>[0], reference: string): Condition[] {
  const { ids, connectionId, updatedFrom, identifiers } = question;
  return [
    sql`r.organization_id = ${question.organizationId}`,
    ...(question.deleted === true ? [] : [sql`r.deleted_at IS NULL`]),
    ...(ids === undefined ? [] : [sql`r.id = ANY (${uuidsOf(ids)}::uuid[])`]),
    ...(connectionId === undefined ? [] : [sql`r.connection_id = ${connectionId}`]),
    ...(question.reference === undefined ? [] : [sql`${sql.ref(`r.${reference}`)} = ${question.reference}`]),
    ...(updatedFrom === undefined ? [] : [sql`r.updated_at >= ${updatedFrom}::timestamptz`]),
    ...within(sql`r.updated_at`, question.updated),
    ...(identifiers === undefined ? [] : [anyOf(identifiers.map((one) => identified(one, reference)))]),
  ];
}

/** @param type of the value: an instant, or a day */
function within(
  value: Condition,
  ranges: Ranges | undefined,
  type: 'timestamptz' | 'date' = 'timestamptz',
): Condition[] {
  const bound = (at: string) => sql`${type === 'date' ? at.slice(0, 10) : at}::${sql.raw(type)}`;
  return (ranges ?? []).map((some) =>
    anyOf(
      some.map(({ from, before }) =>
        all([
          sql`${value} IS NOT NULL`,
          ...(from === undefined ? [] : [sql`${value} >= ${bound(from)}`]),
          ...(before === undefined ? [] : [sql`${value} < ${bound(before)}`]),
        ]),
      ),
    ),
  );
}

function identified({ connectionId, reference, oldReference }: Identifier, column: string): Condition {
  return all([
    ...(connectionId === undefined ? [] : [sql`r.connection_id = ${connectionId}`]),
    ...(reference === undefined ? [] : [sql`${sql.ref(`r.${column}`)} = ${reference}`]),
    ...(oldReference === undefined ? [] : [sql`r.old_reference_id = ${oldReference}`]),
    // Nothing at all is nobody.
    ...(connectionId === undefined && reference === undefined && oldReference === undefined ? [sql`false`] : []),
  ]);
}

/** One of them; none of none. */
function anyOf(conditions: readonly Condition[]): Condition {
  return conditions.length === 0 ? sql`false` : sql`(${sql.join(conditions, sql` OR `)})`;
}

function afterId(after: readonly string[] | null): Condition[] {
  const [id] = after ?? [];
  return id === undefined ? [] : [UUID.test(id) ? sql`r.id > ${id}::uuid` : sql`false`];
}

const all = (conditions: readonly Condition[]) => sql.join(conditions, sql` AND `);

export function createClinicReports(database: Database): ClinicReports {
  const page = async <Row, T>(
    { select, from, order }: { select: Condition; from: Condition; order: Condition },
    limit: number,
    map: (row: Row) => T,
    keyOf: (item: T) => readonly string[],
  ): Promise<Page<T>> => {
    try {
      if (limit === 0) {
        const { rows } = await sql<{ n: string }>`SELECT count(*) AS n FROM ${from}`.execute(database.kysely);
        return { items: [], next: null, total: Number(rows[0]?.n ?? 0) };
      }
      const { rows } = await sql<Row>`
        SELECT ${select} FROM ${from} ORDER BY ${order} LIMIT ${limit + 1}`.execute(database.kysely);
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
      const { active, archived, inUse, names, families, givens, birthDate } = question;
      const begins = (columns: readonly string[], texts: readonly string[] | undefined) =>
        texts === undefined
          ? []
          : [
              anyOf(
                texts.flatMap((text) =>
                  columns.map((column) => sql`${sql.ref(`r.${column}`)} ILIKE ${`${escapeLike(text)}%`}`),
                ),
              ),
            ];
      const conditions = [
        ...common(question, 'cliniko_patient_id'),
        ...afterId(question.after),
        ...(active === undefined ? [] : [sql`r.is_active = ${active}`]),
        ...(archived === undefined ? [] : [sql`(r.archived_at IS NOT NULL) = ${archived}`]),
        ...(inUse === undefined
          ? []
          : [sql`(r.archived_at IS NULL AND r.merged_at IS NULL AND r.merged_into IS NULL) = ${inUse}`]),
        ...begins(['last_name'], families),
        ...begins(['first_name', 'preferred_first_name'], givens),
        ...begins(['name', 'last_name', 'preferred_first_name'], names),
        ...(birthDate === undefined ? [] : [sql`r.birth_date = ${birthDate}::date`]),
        ...within(sql`r.birth_date`, question.born, 'date'),
      ];
      return page<PatientRow, PatientRecord>(
        {
          select: sql`r.*, r.birth_date::text AS born, w.id AS survivor_id`,
          from: sql`
            patients AS r
            LEFT JOIN patients AS w ON w.organization_id = r.organization_id AND w.connection_id = r.connection_id
              AND w.cliniko_patient_id = r.merged_into
            WHERE ${all(conditions)}`,
          order: sql`r.id`,
        },
        question.limit,
        patientOf,
        byId,
      );
    },

    appointments(question) {
      const { from, before, statuses, arrivedAndOver, patientIds, practitionerIds, businessIds, kind, after } =
        question;
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
        ...within(sql`r.appointment_date`, question.starts),
        ...(statuses === undefined ? [] : [sql`r.status = ANY (${statuses}::text[])`]),
        ...(arrivedAndOver === undefined
          ? []
          : [
              sql`(r.status <> 'arrived' OR (coalesce(r.ends_at, r.appointment_date) < ${arrivedAndOver.at}::timestamptz)
                   = ${arrivedAndOver.over})`,
            ]),
        ...(kind === undefined ? [] : [sql`r.kind = ${kind}`]),
        ...(patientIds === undefined ? [] : [ofPatients(question.organizationId, patientIds)]),
        ...(practitionerIds === undefined ? [] : [sql`p.id = ANY (${uuidsOf(practitionerIds)}::uuid[])`]),
        ...(businessIds === undefined ? [] : [sql`b.id = ANY (${uuidsOf(businessIds)}::uuid[])`]),
      ];
      return page<AppointmentRow, AppointmentRecord>(
        {
          select: sql`
            r.*, p.id AS practitioner_id, b.id AS business_id, b.time_zone,
            CASE WHEN r.kind = 'individual' THEN NULL ELSE (
              SELECT jsonb_agg(jsonb_build_object('patientId', t.patient_id, 'status', t.status) ORDER BY t.id)
              FROM appointment_attendees AS t
              WHERE t.organization_id = r.organization_id AND t.connection_id = r.connection_id
                AND t.cliniko_appointment_id = r.cliniko_appointment_id AND t.deleted_at IS NULL
                AND t.patient_id IS NOT NULL) END AS attendees`,
          from: sql`
            appointments AS r
            LEFT JOIN practitioners AS p ON p.organization_id = r.organization_id AND p.connection_id = r.connection_id
              AND p.cliniko_practitioner_id = r.cliniko_practitioner_id
            LEFT JOIN businesses AS b ON b.organization_id = r.organization_id AND b.connection_id = r.connection_id
              AND b.cliniko_business_id = r.cliniko_business_id
            WHERE ${all(conditions)}`,
          order: sql`r.appointment_date, r.id`,
        },
        question.limit,
        appointmentOf,
        (item) => [item.startsAt, item.id],
      );
    },

    async merges(organizationId, patientId) {
      if (!UUID.test(patientId)) return null;
      try {
        return await findMerges(database, organizationId, patientId);
      } catch (error) {
        throw databaseError(error);
      }
    },

    practitioners: (question) =>
      page<PractitionerRow, PractitionerRecord>(
        {
          select: sql`r.*`,
          from: sql`
            practitioners AS r WHERE ${all([
              ...common(question, 'cliniko_practitioner_id'),
              ...afterId(question.after),
              ...(question.active === undefined ? [] : [sql`r.active = ${question.active}`]),
            ])}`,
          order: sql`r.id`,
        },
        question.limit,
        practitionerOf,
        byId,
      ),

    businesses: (question) =>
      page<BusinessRow, BusinessRecord>(
        {
          select: sql`r.*`,
          from: sql`
            businesses AS r WHERE ${all([...common(question, 'cliniko_business_id'), ...afterId(question.after)])}`,
          order: sql`r.id`,
        },
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

function uuidsOf(ids: readonly string[]): string[] {
  return ids.filter((id) => UUID.test(id));
}

/** Visits of the patients and of those that were merged into them. Two lookups by key: an OR would read every appointment. */
function ofPatients(organizationId: string, patientIds: readonly string[]): Condition {
  return sql`r.id IN (
    WITH who AS MATERIALIZED (
      SELECT m.connection_id, m.cliniko_patient_id AS patient FROM patients AS p
      JOIN patients AS m ON m.organization_id = p.organization_id AND m.connection_id = p.connection_id
        AND (m.id = p.id OR m.survivor = p.cliniko_patient_id)
      WHERE p.id = ANY (${uuidsOf(patientIds)}::uuid[]) AND p.organization_id = ${organizationId}
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
  merged_into: string | null;
  survivor_id: string | null;
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
    merged: row.merged_at !== null || row.merged_into !== null,
    mergedInto: row.merged_into === null ? null : { id: row.survivor_id, reference: row.merged_into },
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
