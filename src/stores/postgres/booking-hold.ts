/** A caller takes a place for some minutes. */
import { hash } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { SyncError } from '../../domain/errors.ts';
import type { BookingStatus, HoldRequest, Refusal } from '../../ports/booking-desk.ts';
import type { Random } from '../../ports/clock.ts';
import type { ClinicKey } from '../../ports/slot-book.ts';
import { type ChosenSlot, chosenSlot, type Place, placeAt } from './booking-places.ts';
import { type BookingRow, bookingById, bookingByKey } from './booking-rows.ts';
import { lockTimes } from './slot-loads.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export type Outcome =
  | { readonly booking: BookingRow; readonly before: BookingStatus | null; readonly changed: boolean }
  | Refused;

export interface Refused {
  readonly reason: Refusal;
  /** Around what other times are looked for. */
  readonly near?: { readonly key: ClinicKey; readonly slot: ChosenSlot; readonly minutes: number };
}

/** First halves of advisory locks. */
const REQUEST_LOCK = 8421;
const LINK_LOCK = 8422;
/** Confirmation numbers are short: now and then one exists already. */
const NUMBER_TRIES = 10;

export async function holdPlace(
  trx: Trx,
  request: HoldRequest,
  options: { readonly random: Random; readonly holdMs: number },
): Promise<Outcome> {
  const requestHash = hashOf(request);
  if (request.requestKey !== undefined) {
    // Before any slot is locked: the same caller twice at once is one caller, and the second one waits here.
    await lockText(trx, REQUEST_LOCK, [request.organizationId, request.clinicId, request.requestKey]);
    const booking = await bookingByKey(trx, request, request.requestKey);
    if (booking !== null) {
      if (booking.requestHash !== requestHash) return { reason: 'key_reused' };
      return { booking, before: booking.status, changed: false };
    }
  }
  const slot = await chosenSlot(trx, request, request.slot);
  if (slot === null) return { reason: (await isClinic(trx, request)) ? 'no_slot' : 'unknown' };
  const minutes = request.minutes ?? (slot.endsAt - slot.startsAt) / 60_000;
  const interval = { startsAt: slot.startsAt, endsAt: slot.startsAt + minutes * 60_000 };
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 1440) return { reason: 'no_slot' };
  await lockTimes(trx, request, [interval]);
  const place = await placeAt(trx, request, slot, interval, { maxAgeMinutes: request.maxAgeMinutes });
  if (typeof place === 'string') return { reason: place, near: { key: request, slot, minutes } };
  const id = await insertBooking(trx, request, requestHash, place, options);
  return { booking: (await bookingById(trx, request.organizationId, id))!, before: null, changed: true };
}

/** The same request is the same place for the same caller. */
function hashOf(request: HoldRequest): string {
  const { slot, caller } = request;
  const place = 'slotId' in slot ? [slot.slotId] : [slot.date, slot.startTime, slot.fold ?? 0];
  const about = Object.entries(caller)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify([place, request.minutes ?? null, about]), 'hex');
}

async function lockText(trx: Trx, kind: number, parts: readonly string[]): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(${kind}::int, hashtext(${JSON.stringify(parts)}))`.execute(trx);
}

/** Two bookings may not name the same appointment; see the index of that. */
export function lockLink(trx: Trx, key: ClinicKey, neoAppointmentId: string): Promise<void> {
  return lockText(trx, LINK_LOCK, [key.organizationId, key.clinicId, neoAppointmentId]);
}

async function isClinic(trx: Trx, key: ClinicKey): Promise<boolean> {
  const { rows } = await sql`
    SELECT 1 FROM clinic_schedule_config
    WHERE organization_id = ${key.organizationId} AND clinic_id = ${key.clinicId}`.execute(trx);
  return rows.length > 0;
}

async function insertBooking(
  trx: Trx,
  request: HoldRequest,
  requestHash: string,
  { slot, interval }: Place,
  options: { readonly random: Random; readonly holdMs: number },
): Promise<string> {
  const { caller } = request;
  const text = (value: string | undefined) => value?.replaceAll('\0', '') ?? null;
  for (let attempt = 0; attempt < NUMBER_TRIES; attempt++) {
    const number = `ODIS-${options.random.uuid().slice(0, 8).toUpperCase()}`;
    const { rows } = await sql<{ id: string }>`
      INSERT INTO vapi_bookings
        (organization_id, clinic_id, slot_id, date, start_time, fold, starts_at, ends_at, client_name, client_phone,
         patient_name, species, breed, reason, is_new_client, vapi_call_id, metadata, confirmation_number, hold_expires_at,
         booked_at_sync_id, sync_freshness_at_booking, request_key, request_hash, created_at)
      SELECT s.organization_id, s.clinic_id, s.id, s.date, s.start_time, s.fold, s.starts_at, ${new Date(interval.endsAt)},
             ${text(caller.clientName)}, ${text(caller.clientPhone)}, ${text(caller.patientName)},
             ${text(caller.species)}, ${text(caller.breed)}, ${text(caller.reason)}, ${caller.isNewClient ?? false},
             ${text(caller.callId)}, ${JSON.stringify(caller.metadata ?? {})}::jsonb, ${number},
             -- By the clock, not by the beginning of a transaction that waited in line.
             clock_timestamp() + ${options.holdMs} * interval '1 millisecond', s.sync_id, s.last_synced_at,
             ${request.requestKey ?? null}, ${requestHash}, clock_timestamp()
      FROM schedule_slots AS s
      WHERE s.organization_id = ${request.organizationId} AND s.clinic_id = ${request.clinicId} AND s.id = ${slot.id}
      ON CONFLICT (organization_id, confirmation_number) DO NOTHING
      RETURNING id`.execute(trx);
    if (rows[0] !== undefined) return rows[0].id;
  }
  throw new SyncError('unexpected', { detail: 'No free confirmation number was found.' });
}
