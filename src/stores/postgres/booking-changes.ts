/**
 * What becomes of a booking. Slots are locked before the booking itself, as everywhere; a booking that was moved while its slots
 * were waited for is looked at again from the beginning.
 */
import { sql, type Transaction } from 'kysely';
import type { Refusal, SlotChoice } from '../../ports/booking-desk.ts';
import type { Outcome } from './booking-hold.ts';
import { lockLink } from './booking-hold.ts';
import { chosenSlot, placeAt } from './booking-places.ts';
import { type BookingRow, bookingById } from './booking-rows.ts';
import type { Database } from './database.ts';
import { loadsOfTime, lockTimes } from './slot-loads.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

const AGAIN = Symbol('it was moved meanwhile');

async function untilStill(database: Database, work: (trx: Trx) => Promise<Outcome | typeof AGAIN>): Promise<Outcome> {
  for (;;) {
    const outcome = await database.transaction(work);
    if (outcome !== AGAIN) return outcome;
  }
}

/** Why a booking cannot go on; null: it can. */
function stopped(booking: BookingRow): Refusal | null {
  if (booking.expired) return 'expired';
  return booking.status === 'cancelled' ? 'cancelled' : null;
}

export function confirmBooking(database: Database, organizationId: string, bookingId: string): Promise<Outcome> {
  return untilStill(database, async (trx) => {
    const seen = await bookingById(trx, organizationId, bookingId);
    if (seen === null) return { reason: 'unknown' };
    // Whether the hold is over is asked under the lock under which others count it.
    await lockTimes(trx, seen, [seen]);
    const booking = (await bookingById(trx, organizationId, bookingId, true))!;
    if (booking.startsAt !== seen.startsAt) return AGAIN;
    const stop = stopped(booking);
    if (stop !== null) return { reason: stop };
    if (booking.status !== 'pending') return { booking, before: booking.status, changed: false };
    const loads = await loadsOfTime(trx, booking, booking, { before: bookingId });
    // The calendar may have filled since: better said now, while the caller is there.
    if (loads.some((s) => !s.retired && s.appointments + s.bookings >= s.capacity)) {
      return { reason: 'full', near: near(booking) };
    }
    await sql`
      UPDATE vapi_bookings SET status = 'confirmed', confirmed_at = clock_timestamp(), updated_at = now()
      WHERE organization_id = ${organizationId} AND id = ${bookingId}`.execute(trx);
    return changed(trx, booking);
  });
}

export function cancelBooking(
  database: Database,
  organizationId: string,
  bookingId: string,
  reason: string,
): Promise<Outcome> {
  return database.transaction(async (trx): Promise<Outcome> => {
    const booking = await bookingById(trx, organizationId, bookingId, true);
    if (booking === null) return { reason: 'unknown' };
    if (booking.status === 'cancelled') return { booking, before: 'cancelled', changed: false };
    await sql`
      UPDATE vapi_bookings
      SET status = 'cancelled', cancelled_at = clock_timestamp(), cancelled_reason = ${reason}, has_conflict = false,
          updated_at = now()
      WHERE organization_id = ${organizationId} AND id = ${bookingId}`.execute(trx);
    return changed(trx, booking);
  });
}

export function moveBooking(
  database: Database,
  organizationId: string,
  bookingId: string,
  to: SlotChoice,
  reason: string,
): Promise<Outcome> {
  return untilStill(database, async (trx) => {
    const seen = await bookingById(trx, organizationId, bookingId);
    if (seen === null) return { reason: 'unknown' };
    const slot = await chosenSlot(trx, seen, to);
    if (slot === null) return { reason: 'no_slot', near: near(seen) };
    const interval = { startsAt: slot.startsAt, endsAt: slot.startsAt + (seen.endsAt - seen.startsAt) };
    await lockTimes(trx, seen, [seen, interval]);
    const booking = (await bookingById(trx, organizationId, bookingId, true))!;
    if (booking.startsAt !== seen.startsAt) return AGAIN;
    const stop = stopped(booking);
    if (stop !== null) return { reason: stop };
    if (booking.startsAt === interval.startsAt) return { booking, before: booking.status, changed: false };
    if (booking.seenInSource) return { reason: 'in_source' };
    const place = await placeAt(trx, booking, slot, interval, { except: bookingId });
    if (typeof place === 'string') return { reason: place, near: { ...near(booking), slot } };
    await sql`
      UPDATE vapi_bookings AS b
      SET slot_id = s.id, date = s.date, start_time = s.start_time, fold = s.fold, starts_at = s.starts_at,
          ends_at = ${new Date(interval.endsAt)}, has_conflict = false,
          status = CASE WHEN b.status = 'pending' THEN 'pending' ELSE 'rescheduled' END,
          original_date = coalesce(b.original_date, b.date), original_time = coalesce(b.original_time, b.start_time),
          rescheduled_at = clock_timestamp(), rescheduled_reason = ${reason}, updated_at = now()
      FROM schedule_slots AS s
      WHERE b.organization_id = ${organizationId} AND b.id = ${bookingId} AND s.organization_id = b.organization_id
        AND s.id = ${place.slot.id}`.execute(trx);
    return changed(trx, booking);
  });
}

export function linkBooking(
  database: Database,
  organizationId: string,
  bookingId: string,
  neoAppointmentId: string,
): Promise<Outcome> {
  return database.transaction(async (trx): Promise<Outcome> => {
    const seen = await bookingById(trx, organizationId, bookingId);
    if (seen === null) return { reason: 'unknown' };
    await lockLink(trx, seen, neoAppointmentId);
    const booking = (await bookingById(trx, organizationId, bookingId, true))!;
    const stop = stopped(booking);
    if (stop !== null) return { reason: stop };
    if (booking.neoAppointmentId === neoAppointmentId) return { booking, before: booking.status, changed: false };
    if (booking.seenInSource) return { reason: 'in_source' };
    const { rows } = await sql`
      UPDATE vapi_bookings AS b
      SET neo_appointment_id = ${neoAppointmentId}, updated_at = now(),
          seen_in_source_at = (
            SELECT now() FROM schedule_appointments AS a
            WHERE a.organization_id = b.organization_id AND a.clinic_id = b.clinic_id
              AND a.neo_appointment_id = ${neoAppointmentId} AND b.status <> 'pending')
      WHERE b.organization_id = ${organizationId} AND b.id = ${bookingId}
        AND NOT EXISTS (SELECT 1 FROM vapi_bookings AS o
                        WHERE o.organization_id = b.organization_id AND o.clinic_id = b.clinic_id AND o.id <> b.id
                          AND o.neo_appointment_id = ${neoAppointmentId} AND o.status <> 'cancelled')
      RETURNING b.id`.execute(trx);
    return rows.length === 0 ? { reason: 'in_source' } : changed(trx, booking);
  });
}

async function changed(trx: Trx, before: BookingRow): Promise<Outcome> {
  const booking = (await bookingById(trx, before.organizationId, before.bookingId))!;
  return { booking, before: before.status, changed: true };
}

function near(booking: BookingRow) {
  const minutes = (booking.endsAt - booking.startsAt) / 60_000;
  return { key: booking, slot: { ...booking, id: booking.slotId ?? '' }, minutes };
}
