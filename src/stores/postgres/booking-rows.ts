/** Bookings as rows. */
import { type RawBuilder, sql, type Transaction } from 'kysely';
import type { Booking } from '../../ports/booking-desk.ts';
import type { ClinicKey } from '../../ports/slot-book.ts';
import type { Database } from './database.ts';
import { msOf } from './slot-loads.ts';
import type { Tables } from './tables.ts';

type Db = Transaction<Tables> | Database['kysely'];

/** With what only the desk itself needs. */
export interface BookingRow extends Booking {
  readonly requestHash: string | null;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** An id that is no UUID names nothing; PostgreSQL would refuse to compare it. */
export function isUuid(id: string): boolean {
  return UUID.test(id);
}

export async function selectBookings(
  db: Db,
  organizationId: string,
  which: RawBuilder<unknown>,
  lock = false,
): Promise<readonly BookingRow[]> {
  const { rows } = await sql<BookingRow>`
    SELECT b.id AS "bookingId", b.organization_id AS "organizationId", b.clinic_id AS "clinicId",
           b.confirmation_number AS "confirmationNumber", b.slot_id AS "slotId", b.date::text AS date,
           left(b.start_time::text, 5) AS "startTime", ${msOf(sql`b.starts_at`)} AS "startsAt",
           ${msOf(sql`b.ends_at`)} AS "endsAt", b.status,
           (b.status = 'pending' AND b.hold_expires_at <= clock_timestamp())
             OR coalesce(b.cancelled_reason = 'hold_expired', false) AS expired,
           ${msOf(sql`b.hold_expires_at`)} AS "holdExpiresAt", b.has_conflict AS "hasConflict",
           b.original_date::text AS "originalDate", left(b.original_time::text, 5) AS "originalTime",
           b.cancelled_reason AS "cancelledReason", b.neo_appointment_id AS "neoAppointmentId",
           b.seen_in_source_at IS NOT NULL AS "seenInSource", b.request_hash AS "requestHash"
    FROM vapi_bookings AS b WHERE b.organization_id = ${organizationId} AND ${which}
    ORDER BY b.starts_at, b.id ${lock ? sql`FOR UPDATE` : sql``}`.execute(db);
  return rows;
}

export async function bookingById(
  db: Db,
  organizationId: string,
  id: string,
  lock = false,
): Promise<BookingRow | null> {
  if (!isUuid(id)) return null;
  return (await selectBookings(db, organizationId, sql`b.id = ${id}`, lock))[0] ?? null;
}

export async function bookingByKey(db: Db, key: ClinicKey, requestKey: string): Promise<BookingRow | null> {
  const which = sql`b.clinic_id = ${key.clinicId} AND b.request_key = ${requestKey}`;
  return (await selectBookings(db, key.organizationId, which))[0] ?? null;
}

/** What others may see of it. */
export function withoutSecrets({ requestHash: _, ...booking }: BookingRow): Booking {
  return booking;
}
