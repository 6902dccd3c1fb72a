/** What may be offered, and how old the knowledge is that it rests on. */
import { sql } from 'kysely';
import { datesBetween, localDate } from '../../domain/clinic-day.ts';
import { SyncError } from '../../domain/errors.ts';
import { type DayFreshness, type DayRead, freshnessOf } from '../../domain/freshness.ts';
import type { DateWindow } from '../../domain/reconcile-appointments.ts';
import { openingsOf } from '../../domain/slots.ts';
import type { AvailabilityQuery, AvailableSlot, Clinic, ClinicKey } from '../../ports/slot-book.ts';
import { loadClinic } from './clinic-config.ts';
import type { Database } from './database.ts';
import { msOf } from './slot-loads.ts';

const DAY_MS = 86_400_000;

export async function availability(
  db: Database['kysely'],
  query: AvailabilityQuery,
): Promise<readonly AvailableSlot[]> {
  const clinic = await loadClinic(db, query);
  if (clinic === null) return [];
  const minutes = minutesOf(query, clinic);
  const { rows } = await sql<Omit<AvailableSlot, 'freshness'>>`
    SELECT slot_id AS "slotId", date::text AS date, left(slot_start::text, 5) AS "startTime",
           left(slot_end::text, 5) AS "endTime", fold, ${msOf(sql`starts_at`)} AS "startsAt",
           ${msOf(sql`ends_at`)} AS "endsAt", capacity, booked_count AS booked, available_count AS places,
           ${msOf(sql`last_synced_at`)} AS "readAt"
    FROM chartsync_available_slots(${query.organizationId}, ${query.clinicId}, ${query.from}, ${query.to})
    WHERE NOT is_blocked AND starts_at > clock_timestamp()
    ORDER BY starts_at`.execute(db);
  const days = new Map((await readDays(db, query, query, clinic)).map((day) => [day.date, day]));
  // Nothing is offered over midnight: a booking belongs to one date.
  const byDate = Map.groupBy(rows, (slot) => slot.date);
  const found = [...byDate.values()].flatMap((slots) => openingsOf(slots, minutes, query.minPlaces ?? 1));
  return found
    .slice(0, query.limit)
    .map((slot) => ({ ...slot, freshness: days.get(slot.date)?.freshness ?? ('alarm' as const) }));
}

function minutesOf(query: AvailabilityQuery, clinic: Clinic): number {
  if (query.appointmentType === undefined) return query.minutes ?? clinic.hours.slotMinutes;
  const type = clinic.appointmentTypes.find((t) => t.name === query.appointmentType);
  if (type === undefined) {
    throw new SyncError('settings_invalid', { detail: 'The clinic has no appointment type of that name.' });
  }
  return type.minutes;
}

export async function freshness(
  db: Database['kysely'],
  key: ClinicKey,
  window: DateWindow,
): Promise<readonly DayFreshness[]> {
  const clinic = await loadClinic(db, key);
  return clinic === null ? [] : readDays(db, key, window, clinic);
}

async function readDays(
  db: Database['kysely'],
  key: ClinicKey,
  window: DateWindow,
  clinic: Clinic,
): Promise<readonly DayFreshness[]> {
  const { rows } = await sql<Omit<DayRead, 'date'> & { date: string | null; now: number }>`
    SELECT d.date::text AS date, ${msOf(sql`d.read_at`)} AS "readAt", ${msOf(sql`d.failed_at`)} AS "failedAt",
           d.failed_code AS "failedCode", c.now
    -- The time also where no day was ever read.
    FROM (SELECT ${msOf(sql`clock_timestamp()`)} AS now) AS c
    LEFT JOIN schedule_days AS d
      ON d.organization_id = ${key.organizationId} AND d.clinic_id = ${key.clinicId}
        AND d.date BETWEEN ${window.from} AND ${window.to}`.execute(db);
  const { now } = rows[0]!;
  const today = localDate(now, clinic.hours.timeZone);
  const tomorrow = new Date(Date.parse(`${today}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
  const byDate = new Map(rows.flatMap(({ date, ...read }) => (date === null ? [] : [[date, { date, ...read }]])));
  return datesBetween(window.from, window.to).map((date) =>
    freshnessOf(
      byDate.get(date) ?? { date, readAt: null, failedAt: null, failedCode: null },
      { now, today, tomorrow },
      clinic,
    ),
  );
}
