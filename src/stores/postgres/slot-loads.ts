/**
 * What takes the places of slots, and the lock under which it is asked.
 *
 * Whoever gives a place away locks every slot whose time it touches, first and in the order of time, and only then counts, in a
 * statement of its own: what others did until they let go of the lock is then visible. Two bookings that share time share a slot,
 * so one of them waits.
 */
import { type RawBuilder, sql, type Transaction } from 'kysely';
import type { Interval } from '../../domain/slots.ts';
import type { ClinicKey } from '../../ports/slot-book.ts';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export interface SlotLoad extends Interval {
  readonly id: string;
  readonly date: string;
  readonly startTime: string;
  readonly fold: 0 | 1;
  readonly capacity: number;
  /** Appointments of the calendar, counted now. */
  readonly appointments: number;
  /** Holds and bookings. */
  readonly bookings: number;
  readonly retired: boolean;
  /** Why the clinic is closed then although the slot exists. */
  readonly block: string | null;
  readonly readAt: number | null;
  /** The database's clock. */
  readonly now: number;
}

/** Epoch milliseconds of an instant, as a number. */
export function msOf(instant: RawBuilder<unknown>): RawBuilder<number> {
  return sql<number>`round(extract(epoch FROM ${instant}) * 1000)::float8`;
}

/** Slots that share time with any of the intervals. */
function touching(intervals: readonly Interval[]): RawBuilder<boolean> {
  const starts = intervals.map((i) => new Date(i.startsAt));
  const ends = intervals.map((i) => new Date(i.endsAt));
  return sql<boolean>`EXISTS (
      SELECT 1 FROM unnest(${starts}::timestamptz[], ${ends}::timestamptz[]) AS i (starts_at, ends_at)
      WHERE s.starts_at < i.ends_at AND s.ends_at > i.starts_at)
    -- No slot is longer than two hours: this is what the index understands.
    AND s.starts_at BETWEEN ${new Date(Math.min(...intervals.map((i) => i.startsAt)) - 7_200_000)}
                        AND ${new Date(Math.max(...intervals.map((i) => i.endsAt)))}`;
}

export async function lockTimes(trx: Trx, key: ClinicKey, intervals: readonly Interval[]): Promise<void> {
  let locked = -1;
  // While we waited, slots may have been made or dropped by a run.
  for (;;) {
    const { rows } = await sql<{ id: string }>`
      SELECT s.id FROM schedule_slots AS s
      WHERE s.organization_id = ${key.organizationId} AND s.clinic_id = ${key.clinicId} AND ${touching(intervals)}
      ORDER BY s.starts_at, s.id FOR NO KEY UPDATE`.execute(trx);
    if (rows.length === locked) return;
    locked = rows.length;
  }
}

/** Locks all slots of the dates, in the same order. */
export async function lockDates(trx: Trx, key: ClinicKey, dates: readonly string[]): Promise<void> {
  await sql`
    SELECT s.id FROM schedule_slots AS s
    WHERE s.organization_id = ${key.organizationId} AND s.clinic_id = ${key.clinicId} AND s.date = ANY (${dates}::date[])
    ORDER BY s.starts_at, s.id FOR NO KEY UPDATE`.execute(trx);
}

/** `except`: a booking that is not counted. `before`: only bookings that go before that one are. */
interface Counted {
  readonly except?: string;
  readonly before?: string;
}

/** Slots that share time with the interval, in the order of time. */
export function loadsOfTime(trx: Trx, key: ClinicKey, interval: Interval, counted: Counted = {}) {
  return loads(trx, key, touching([interval]), counted);
}

export function loadsOfDates(db: Trx | Database['kysely'], key: ClinicKey, dates: readonly string[]) {
  return loads(db, key, sql<boolean>`s.date = ANY (${dates}::date[])`, {});
}

async function loads(
  db: Trx | Database['kysely'],
  key: ClinicKey,
  which: RawBuilder<boolean>,
  counted: Counted,
): Promise<readonly SlotLoad[]> {
  const { rows } = await sql<SlotLoad>`
    WITH slots AS MATERIALIZED (
      SELECT s.*, chartsync_block_of(s) AS block FROM schedule_slots AS s
      WHERE s.organization_id = ${key.organizationId} AND s.clinic_id = ${key.clinicId} AND ${which}
    ), span AS (
      SELECT min(starts_at) AS starts_at, max(ends_at) AS ends_at FROM slots
    ), busy AS MATERIALIZED (
      SELECT a.starts_at, a.ends_at FROM schedule_appointments AS a
      JOIN clinic_schedule_config AS c ON c.organization_id = a.organization_id AND c.clinic_id = a.clinic_id
      WHERE a.organization_id = ${key.organizationId} AND a.clinic_id = ${key.clinicId} AND a.deleted_at IS NULL
        AND a.status NOT IN ('cancelled', 'no_show')
        AND (c.scheduling_room_ids IS NULL OR a.room_id IS NULL OR a.room_id = ANY (c.scheduling_room_ids))
        AND a.ends_at > (SELECT starts_at FROM span) AND a.starts_at < (SELECT ends_at FROM span)
    ), promised AS MATERIALIZED (
      SELECT b.starts_at, b.ends_at FROM vapi_bookings AS b
      LEFT JOIN vapi_bookings AS me ON me.id = ${counted.before ?? null}::uuid
        AND me.organization_id = b.organization_id
      WHERE b.organization_id = ${key.organizationId} AND b.clinic_id = ${key.clinicId} AND b.status <> 'cancelled'
        AND b.starts_at > (SELECT starts_at FROM span) - interval '1 day' AND b.starts_at < (SELECT ends_at FROM span)
        AND chartsync_takes_place(b) AND b.id IS DISTINCT FROM ${counted.except ?? counted.before ?? null}::uuid
        -- The order of booking-conflicts.ts.
        AND (me.id IS NULL OR b.status <> 'pending' OR (b.created_at, b.id) < (me.created_at, me.id))
    )
    SELECT s.id, s.date::text AS date, left(s.start_time::text, 5) AS "startTime", s.fold,
           ${msOf(sql`s.starts_at`)} AS "startsAt", ${msOf(sql`s.ends_at`)} AS "endsAt", s.capacity,
           (SELECT count(*)::int FROM busy AS b WHERE b.starts_at < s.ends_at AND b.ends_at > s.starts_at) AS appointments,
           (SELECT count(*)::int FROM promised AS b WHERE b.starts_at < s.ends_at AND b.ends_at > s.starts_at) AS bookings,
           s.retired_at IS NOT NULL AS retired, s.block, ${msOf(sql`d.read_at`)} AS "readAt",
           ${msOf(sql`clock_timestamp()`)} AS now
    FROM slots AS s
    LEFT JOIN schedule_days AS d
      ON d.organization_id = s.organization_id AND d.clinic_id = s.clinic_id AND d.date = s.date
    ORDER BY s.starts_at, s.id`.execute(db);
  return rows;
}
