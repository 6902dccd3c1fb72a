/** Appointments as rows. */
import { sql, type Transaction } from 'kysely';
import { appointmentHash, type CalendarAppointment } from '../../domain/appointments.ts';
import {
  type AppointmentChange,
  type AppointmentRemoval,
  changeOf,
  type DateWindow,
  type StoredAppointment,
} from '../../domain/reconcile-appointments.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { ClinicKey } from '../../ports/slot-book.ts';
import type { Database } from './database.ts';
import { addEffects } from './effects.ts';
import { msOf } from './slot-loads.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

const STORED = sql`
  a.id, a.neo_appointment_id AS "neoAppointmentId", a.date::text AS date, a.status, a.sync_hash AS hash,
  ${msOf(sql`a.starts_at`)} AS "startsAt", ${msOf(sql`a.ends_at`)} AS "endsAt", a.deleted_at IS NOT NULL AS deleted,
  ${msOf(sql`a.unconfirmed_since`)} AS "unconfirmedSince", a.kept_since IS NOT NULL AS kept`;

export async function findAppointments(
  db: Database['kysely'],
  key: ClinicKey,
  window: DateWindow,
  ids: readonly string[],
): Promise<readonly StoredAppointment[]> {
  const { rows } = await sql<StoredAppointment>`
    SELECT ${STORED} FROM schedule_appointments AS a
    WHERE a.organization_id = ${key.organizationId} AND a.clinic_id = ${key.clinicId}
      AND a.date BETWEEN ${window.from} AND ${window.to} AND a.deleted_at IS NULL
    UNION
    SELECT ${STORED} FROM schedule_appointments AS a
    WHERE a.organization_id = ${key.organizationId} AND a.clinic_id = ${key.clinicId}
      AND a.neo_appointment_id = ANY (${ids}::text[])
    UNION
    -- From before the window, and not over when it begins. No entry is longer than a week.
    SELECT ${STORED} FROM schedule_appointments AS a
    JOIN clinic_schedule_config AS c ON c.organization_id = a.organization_id AND c.clinic_id = a.clinic_id
    WHERE a.organization_id = ${key.organizationId} AND a.clinic_id = ${key.clinicId} AND a.deleted_at IS NULL
      AND a.date BETWEEN ${window.from}::date - 8 AND ${window.from}::date - 1
      AND a.ends_at > ${window.from}::date::timestamp AT TIME ZONE c.timezone
    ORDER BY 2`.execute(db);
  return rows;
}

export async function writeAppointments(
  trx: Trx,
  fence: Fence,
  key: ClinicKey,
  appointments: readonly CalendarAppointment[],
): Promise<readonly AppointmentChange[]> {
  const { rows } = await sql<StoredAppointment>`
    SELECT ${STORED} FROM schedule_appointments AS a
    WHERE a.organization_id = ${key.organizationId} AND a.clinic_id = ${key.clinicId}
      AND a.neo_appointment_id = ANY (${appointments.map((a) => a.neoAppointmentId)}::text[])
    ORDER BY a.id FOR UPDATE`.execute(trx);
  const stored = new Map(rows.map((row) => [row.neoAppointmentId, row]));
  const changes = appointments.map((a) => changeOf(stored.get(a.neoAppointmentId), a));
  const changed = appointments.filter((_, i) => changes[i] !== 'same');
  if (changed.length > 0) await upsert(trx, key, changed);
  const count = (...of: AppointmentChange[]) => changes.filter((c) => of.includes(c)).length;
  await addEffects(trx, fence, { added: count('add', 'restore'), moved: count('move'), updated: count('update') });
  return changes;
}

async function upsert(trx: Trx, key: ClinicKey, appointments: readonly CalendarAppointment[]): Promise<void> {
  const column = <T>(pick: (appointment: CalendarAppointment) => T) => appointments.map(pick);
  const text = (value: string | null) => value?.replaceAll('\0', '') ?? null;
  await sql`
    INSERT INTO schedule_appointments
      (organization_id, clinic_id, neo_appointment_id, date, start_time, end_time, starts_at, ends_at, patient_name,
       client_name, client_phone, provider_name, room_id, appointment_type, status, sync_hash)
    SELECT ${key.organizationId}, ${key.clinicId}, n.*
    FROM unnest(
      ${column((a) => a.neoAppointmentId)}::text[], ${column((a) => a.date)}::date[], ${column((a) => a.startTime)}::time[],
      ${column((a) => a.endTime)}::time[], ${column((a) => new Date(a.startsAt))}::timestamptz[],
      ${column((a) => new Date(a.endsAt))}::timestamptz[], ${column((a) => text(a.patientName))}::text[],
      ${column((a) => text(a.clientName))}::text[], ${column((a) => text(a.clientPhone))}::text[],
      ${column((a) => text(a.providerName))}::text[], ${column((a) => text(a.roomId))}::text[],
      ${column((a) => text(a.appointmentType))}::text[], ${column((a) => a.status)}::text[],
      ${column(appointmentHash)}::text[]) AS n
    ON CONFLICT (clinic_id, neo_appointment_id) DO UPDATE
      SET date = excluded.date, start_time = excluded.start_time, end_time = excluded.end_time,
          starts_at = excluded.starts_at, ends_at = excluded.ends_at, patient_name = excluded.patient_name,
          client_name = excluded.client_name, client_phone = excluded.client_phone, provider_name = excluded.provider_name,
          room_id = excluded.room_id, appointment_type = excluded.appointment_type, status = excluded.status,
          sync_hash = excluded.sync_hash, last_synced_at = now(), updated_at = now(), unconfirmed_since = NULL,
          kept_since = NULL,          deleted_at = NULL, deleted_reason = NULL, deleted_by_run = NULL`.execute(trx);
}

export async function removeAppointments(
  trx: Trx,
  fence: Fence,
  key: ClinicKey,
  removals: readonly AppointmentRemoval[],
): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    UPDATE schedule_appointments AS a
    SET deleted_at = now(), deleted_reason = 'source:missing', deleted_by_run = ${fence.runId}, slot_id = NULL,
        unconfirmed_since = NULL, updated_at = now()
    FROM unnest(${removals.map((r) => r.stored.id)}::uuid[], ${removals.map((r) => r.stored.hash)}::text[]) AS r (id, hash)
    WHERE a.organization_id = ${key.organizationId} AND a.clinic_id = ${key.clinicId} AND a.id = r.id AND a.sync_hash = r.hash
      AND a.deleted_at IS NULL
    RETURNING a.id`.execute(trx);
  await addEffects(trx, fence, { removed: rows.length });
  return rows.map((row) => row.id);
}

export async function markUnconfirmed(
  trx: Trx,
  key: ClinicKey,
  marks: { readonly missed: readonly string[]; readonly confirmed: readonly string[] },
): Promise<void> {
  await sql`
    UPDATE schedule_appointments
    SET unconfirmed_since = CASE WHEN id = ANY (${marks.missed}::uuid[]) THEN coalesce(unconfirmed_since, now()) END,
        kept_since = CASE WHEN id = ANY (${marks.missed}::uuid[]) THEN kept_since END
    WHERE organization_id = ${key.organizationId} AND clinic_id = ${key.clinicId} AND deleted_at IS NULL
      AND id = ANY (${[...marks.missed, ...marks.confirmed]}::uuid[])`.execute(trx);
}

/**
 * A booking whose appointment is in the calendar does not take a place of its own any more. Which appointment that is, is known by
 * its id or, when the clinic entered it by hand, by time and phone; never by a name, and not when there is any doubt.
 */
export async function linkSeenBookings(trx: Trx, key: ClinicKey, window: DateWindow): Promise<number> {
  const { rows } = await sql<{ id: string }>`
    WITH found AS (
      SELECT b.id AS booking, a.neo_appointment_id AS appointment,
             count(*) OVER (PARTITION BY b.id) AS appointments, count(*) OVER (PARTITION BY a.id) AS bookings
      FROM vapi_bookings AS b
      JOIN schedule_appointments AS a
        ON a.organization_id = b.organization_id AND a.clinic_id = b.clinic_id AND a.date = b.date
          AND a.starts_at = b.starts_at AND a.client_phone = b.client_phone AND a.deleted_at IS NULL
          AND a.status NOT IN ('cancelled', 'no_show')
          -- What was in the calendar before is another visit of the same person.
          AND a.created_at > b.created_at
      WHERE b.organization_id = ${key.organizationId} AND b.clinic_id = ${key.clinicId}
        AND b.date BETWEEN ${window.from} AND ${window.to} AND b.status IN ('confirmed', 'rescheduled')
        AND b.neo_appointment_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM vapi_bookings AS o WHERE o.organization_id = b.organization_id
                          AND o.clinic_id = b.clinic_id AND o.neo_appointment_id = a.neo_appointment_id
                          AND o.status <> 'cancelled')
    ), named AS (
      SELECT b.id AS booking, b.neo_appointment_id AS appointment
      FROM vapi_bookings AS b
      JOIN schedule_appointments AS a ON a.organization_id = b.organization_id AND a.clinic_id = b.clinic_id
        AND a.neo_appointment_id = b.neo_appointment_id
      WHERE b.organization_id = ${key.organizationId} AND b.clinic_id = ${key.clinicId}
        AND b.status IN ('confirmed', 'rescheduled') AND b.seen_in_source_at IS NULL
      UNION ALL SELECT booking, appointment FROM found WHERE appointments = 1 AND bookings = 1
    )
    UPDATE vapi_bookings AS b
    SET neo_appointment_id = n.appointment, seen_in_source_at = now(), has_conflict = false, updated_at = now()
    FROM named AS n WHERE b.id = n.booking AND b.organization_id = ${key.organizationId}
    RETURNING b.id`.execute(trx);
  return rows.length;
}
