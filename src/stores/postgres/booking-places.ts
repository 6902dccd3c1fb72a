/** Finding the place that a caller wants, and saying why there is none. */
import { sql, type Transaction } from 'kysely';
import { nearestOpenings } from '../../domain/booking-conflicts.ts';
import { type Interval, openingsOf } from '../../domain/slots.ts';
import type { OtherTime, Refusal, SlotChoice } from '../../ports/booking-desk.ts';
import type { ClinicKey } from '../../ports/slot-book.ts';
import { isUuid } from './booking-rows.ts';
import type { Database } from './database.ts';
import { loadsOfDates, loadsOfTime, msOf, type SlotLoad } from './slot-loads.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

const DAY_MS = 86_400_000;

export interface ChosenSlot extends Interval {
  readonly id: string;
  readonly date: string;
}

/** Without a lock: only where to look. */
export async function chosenSlot(trx: Trx, key: ClinicKey, choice: SlotChoice): Promise<ChosenSlot | null> {
  if ('slotId' in choice && !isUuid(choice.slotId)) return null;
  const which =
    'slotId' in choice
      ? sql`id = ${choice.slotId}`
      : sql`date = ${choice.date} AND start_time = ${choice.startTime} AND fold = ${choice.fold ?? 0}`;
  const { rows } = await sql<ChosenSlot>`
    SELECT id, date::text AS date, ${msOf(sql`starts_at`)} AS "startsAt", ${msOf(sql`ends_at`)} AS "endsAt"
    FROM schedule_slots
    WHERE organization_id = ${key.organizationId} AND clinic_id = ${key.clinicId} AND ${which}`.execute(trx);
  return rows[0] ?? null;
}

export interface Place {
  readonly slot: SlotLoad;
  readonly interval: Interval;
}

/**
 * Asks under the lock of `lockTimes` whether one more has a place.
 *
 * @param except a booking that gives its own place away
 */
export async function placeAt(
  trx: Trx,
  key: ClinicKey,
  slot: ChosenSlot,
  interval: Interval,
  options: { readonly except?: string; readonly maxAgeMinutes?: number | undefined },
): Promise<Place | Refusal> {
  if (interval.endsAt - interval.startsAt > DAY_MS) return 'no_slot';
  const touched = await loadsOfTime(trx, key, interval, options.except === undefined ? {} : { except: options.except });
  // A booking belongs to one date: nothing is sold over midnight.
  const offered = touched.filter((s) => !s.retired && s.date === slot.date);
  const first = offered.find((s) => s.id === slot.id);
  if (first === undefined || first.startsAt !== interval.startsAt) return 'no_slot';
  if (first.startsAt <= first.now) return 'past';
  let reached = first.startsAt;
  for (const next of offered) {
    if (next.startsAt !== reached) return 'no_slot';
    reached = next.endsAt;
  }
  if (reached < interval.endsAt) return 'no_slot';
  if (offered.some((s) => s.block !== null)) return 'blocked';
  const limit = options.maxAgeMinutes ?? Number.POSITIVE_INFINITY;
  if (first.readAt === null || first.now - first.readAt > limit * 60_000) return 'stale';
  if (offered.some((s) => s.appointments + s.bookings >= s.capacity)) return 'full';
  return { slot: first, interval };
}

/** Openings of the same length on the same date, those after the wanted time first. */
export async function otherTimes(
  db: Database['kysely'],
  key: ClinicKey,
  wanted: ChosenSlot,
  minutes: number,
  limit: number,
): Promise<readonly OtherTime[]> {
  const loads = await loadsOfDates(db, key, [wanted.date]);
  const free = loads
    .filter((s) => !s.retired && s.block === null && s.startsAt > s.now && s.readAt !== null)
    .map((s) => ({ ...s, places: s.capacity - s.appointments - s.bookings }));
  return nearestOpenings(openingsOf(free, minutes), wanted.startsAt)
    .slice(0, limit)
    .map(({ id, date, startTime, startsAt, endsAt, places }) => ({
      slotId: id,
      date,
      startTime,
      startsAt,
      endsAt,
      places,
    }));
}
