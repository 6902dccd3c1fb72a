/** `BookingDesk` on PostgreSQL: every place is given away under the locks of `slot-loads.ts`. */
import { sql } from 'kysely';
import { normaliseUuid } from '../../domain/reference.ts';
import type { BookingDesk, BookingResult } from '../../ports/booking-desk.ts';
import type { Random } from '../../ports/clock.ts';
import { cancelBooking, confirmBooking, linkBooking, moveBooking } from './booking-changes.ts';
import { holdPlace, type Outcome } from './booking-hold.ts';
import { otherTimes } from './booking-places.ts';
import { bookingById, selectBookings, withoutSecrets } from './booking-rows.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';

export interface BookingDeskOptions {
  readonly database: Database;
  readonly random: Random;
  /** How long a hold is good; default 5 minutes. */
  readonly holdMs?: number;
}

const HOLD_MS = 300_000;
const OTHER_TIMES = 3;

export function createBookingDesk(options: BookingDeskOptions): BookingDesk {
  const { database, random } = options;
  const holdMs = options.holdMs ?? HOLD_MS;
  const db = database.kysely;

  /** Other times are looked for when the locks are gone: a crowd for one place is not to wait for that too. */
  async function answer(outcome: Outcome, limit = OTHER_TIMES): Promise<BookingResult> {
    if (!('reason' in outcome)) return { ok: true, ...outcome, booking: withoutSecrets(outcome.booking) };
    const { reason, near } = outcome;
    if (near === undefined || limit < 1) return { ok: false, reason, otherTimes: [] };
    const found = await ask(() => otherTimes(db, near.key, near.slot, near.minutes, limit));
    return { ok: false, reason, otherTimes: found };
  }

  return {
    async hold(request) {
      if (normaliseUuid(request.clinicId) === null) return { ok: false, reason: 'unknown', otherTimes: [] };
      const outcome = await database.transaction((trx) => holdPlace(trx, request, { random, holdMs }));
      return answer(outcome, request.alternatives);
    },
    confirm: async (organizationId, bookingId) => answer(await confirmBooking(database, organizationId, bookingId)),
    cancel: async (organizationId, bookingId, reason) =>
      answer(await cancelBooking(database, organizationId, bookingId, reason)),
    move: async (organizationId, bookingId, to, reason) =>
      answer(await moveBooking(database, organizationId, bookingId, to, reason)),
    link: async (organizationId, bookingId, neoAppointmentId) =>
      answer(await linkBooking(database, organizationId, bookingId, neoAppointmentId)),
    booking: (organizationId, bookingId) =>
      ask(async () => {
        const row = await bookingById(db, organizationId, bookingId);
        return row === null ? null : withoutSecrets(row);
      }),
    find: (organizationId, confirmationNumber) =>
      ask(async () => {
        const rows = await selectBookings(db, organizationId, sql`b.confirmation_number = ${confirmationNumber}`);
        return rows[0] === undefined ? null : withoutSecrets(rows[0]);
      }),
    bookings: (key, window) =>
      ask(async () => {
        if (normaliseUuid(key.clinicId) === null) return [];
        const which = sql`b.clinic_id = ${key.clinicId} AND b.date BETWEEN ${window.from} AND ${window.to}
          AND b.status <> 'cancelled' AND chartsync_takes_place(b)`;
        return (await selectBookings(db, key.organizationId, which)).map(withoutSecrets);
      }),
    expireHolds: (organizationId, limit) =>
      database.transaction(async (trx) => {
        const { rows } = await sql<{ id: string }>`
          UPDATE vapi_bookings
          SET status = 'cancelled', cancelled_at = clock_timestamp(), cancelled_reason = 'hold_expired', has_conflict = false,
              updated_at = now()
          WHERE organization_id = ${organizationId} AND id IN (
            SELECT id FROM vapi_bookings
            WHERE organization_id = ${organizationId} AND status = 'pending' AND hold_expires_at <= clock_timestamp()
            ORDER BY hold_expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
          RETURNING id`.execute(trx);
        return rows.map((row) => row.id);
      }),
  };
}
