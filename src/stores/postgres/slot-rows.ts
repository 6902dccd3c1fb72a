/** Slots as rows: they follow the opening hours, and their counts follow the appointments. */
import { sql, type Transaction } from 'kysely';
import type { DateWindow } from '../../domain/reconcile-appointments.ts';
import { changesOfSlots, type StoredSlot } from '../../domain/slot-changes.ts';
import { type Slot, slotsBetween } from '../../domain/slots.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { Clinic, ClinicKey, SlotCounts } from '../../ports/slot-book.ts';
import { addEffects } from './effects.ts';
import { msOf } from './slot-loads.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export async function regenerateSlots(
  trx: Trx,
  fence: Fence,
  key: ClinicKey & { readonly clinic: Clinic },
  window: DateWindow,
): Promise<SlotCounts> {
  const stored = await lockSlots(trx, key, window);
  const changes = changesOfSlots(slotsBetween(window.from, window.to, key.clinic.hours), stored);
  await dropSlots(trx, key, changes.remove);
  await retireSlots(trx, key, changes.retire);
  await updateSlots(trx, key, changes.update);
  await createSlots(trx, key, changes.create);
  const counts = {
    created: changes.create.length,
    updated: changes.update.length,
    removed: changes.remove.length,
    retired: changes.retire.length,
  };
  await addEffects(trx, fence, {
    slotsCreated: counts.created,
    slotsUpdated: counts.updated,
    slotsRemoved: counts.removed,
    slotsRetired: counts.retired,
  });
  return counts;
}

async function lockSlots(trx: Trx, key: ClinicKey, window: DateWindow): Promise<StoredSlot[]> {
  const ofWindow = sql`s.organization_id = ${key.organizationId} AND s.clinic_id = ${key.clinicId}
    AND s.date BETWEEN ${window.from} AND ${window.to}`;
  const { rows } = await sql<Omit<StoredSlot, 'booked'>>`
    SELECT s.id, s.date::text AS date, left(s.start_time::text, 5) AS "startTime", left(s.end_time::text, 5) AS "endTime",
           s.fold, ${msOf(sql`s.starts_at`)} AS "startsAt", ${msOf(sql`s.ends_at`)} AS "endsAt", s.capacity,
           s.retired_at IS NOT NULL AS retired
    FROM schedule_slots AS s WHERE ${ofWindow} ORDER BY s.starts_at, s.id FOR NO KEY UPDATE`.execute(trx);
  // Only now: whoever had a slot locked may have booked it.
  const booked = await sql<{ id: string }>`
    SELECT DISTINCT s.id FROM vapi_bookings AS b
    -- No slot is longer than two hours: this is what the index understands.
    JOIN schedule_slots AS s ON s.starts_at > b.starts_at - interval '2 hours' AND s.starts_at < b.ends_at
      AND s.ends_at > b.starts_at
    WHERE ${ofWindow} AND b.organization_id = ${key.organizationId} AND b.clinic_id = ${key.clinicId}
      AND b.date BETWEEN ${window.from} AND ${window.to} AND b.status <> 'cancelled'`.execute(trx);
  const ids = new Set(booked.rows.map((row) => row.id));
  return rows.map((row) => ({ ...row, booked: ids.has(row.id) }));
}

async function dropSlots(trx: Trx, key: ClinicKey, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`
    DELETE FROM schedule_slots
    WHERE organization_id = ${key.organizationId} AND clinic_id = ${key.clinicId} AND id = ANY (${ids}::uuid[])`.execute(
    trx,
  );
}

async function retireSlots(trx: Trx, key: ClinicKey, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`
    UPDATE schedule_slots SET retired_at = now(), updated_at = now()
    WHERE organization_id = ${key.organizationId} AND clinic_id = ${key.clinicId} AND id = ANY (${ids}::uuid[])`.execute(
    trx,
  );
}

async function updateSlots(trx: Trx, key: ClinicKey, updates: readonly { id: string; slot: Slot }[]): Promise<void> {
  if (updates.length === 0) return;
  await sql`
    UPDATE schedule_slots AS s
    SET end_time = n.end_time, starts_at = n.starts_at, ends_at = n.ends_at, capacity = n.capacity, retired_at = NULL,
        updated_at = now()
    FROM unnest(${updates.map((u) => u.id)}::uuid[], ${updates.map((u) => u.slot.endTime)}::time[],
                ${updates.map((u) => new Date(u.slot.startsAt))}::timestamptz[],
                ${updates.map((u) => new Date(u.slot.endsAt))}::timestamptz[],
                ${updates.map((u) => u.slot.capacity)}::int[]) AS n (id, end_time, starts_at, ends_at, capacity)
    WHERE s.id = n.id AND s.organization_id = ${key.organizationId} AND s.clinic_id = ${key.clinicId}`.execute(trx);
}

async function createSlots(trx: Trx, key: ClinicKey, slots: readonly Slot[]): Promise<void> {
  if (slots.length === 0) return;
  await sql`
    INSERT INTO schedule_slots (organization_id, clinic_id, date, start_time, end_time, fold, starts_at, ends_at, capacity,
                                last_synced_at, sync_id)
    SELECT ${key.organizationId}, ${key.clinicId}, n.date, n.start_time, n.end_time, n.fold, n.starts_at, n.ends_at, n.capacity,
           d.read_at, d.read_by_run
    FROM unnest(${slots.map((s) => s.date)}::date[], ${slots.map((s) => s.startTime)}::time[],
                ${slots.map((s) => s.endTime)}::time[], ${slots.map((s) => s.fold)}::int[],
                ${slots.map((s) => new Date(s.startsAt))}::timestamptz[],
                ${slots.map((s) => new Date(s.endsAt))}::timestamptz[], ${slots.map((s) => s.capacity)}::int[])
      AS n (date, start_time, end_time, fold, starts_at, ends_at, capacity)
    LEFT JOIN schedule_days AS d
      ON d.organization_id = ${key.organizationId} AND d.clinic_id = ${key.clinicId} AND d.date = n.date`.execute(trx);
}

/** @returns how many counts changed */
export async function countSlots(trx: Trx, key: ClinicKey, window: DateWindow): Promise<number> {
  const { rows } = await sql<{ changed: number }>`
    SELECT chartsync_count_slots(${key.organizationId}, ${key.clinicId}, ${window.from}, ${window.to}) AS changed`.execute(
    trx,
  );
  return rows[0]?.changed ?? 0;
}

/** Each appointment of the window names the slot in which it begins. */
export async function assignSlots(trx: Trx, key: ClinicKey, window: DateWindow): Promise<void> {
  // One walk along the time: a search for each appointment would need an index that the planner takes only where it has statistics.
  await sql`
    WITH times AS (
      SELECT s.starts_at, s.ends_at, s.id AS slot_id, NULL::uuid AS appointment_id
      FROM schedule_slots AS s
      WHERE s.organization_id = ${key.organizationId} AND s.clinic_id = ${key.clinicId} AND s.retired_at IS NULL
        -- The last slot of a day may reach into the next one.
        AND s.date BETWEEN ${window.from}::date - 1 AND ${window.to}::date
      UNION ALL
      SELECT a.starts_at, NULL, NULL, a.id
      FROM schedule_appointments AS a
      WHERE a.organization_id = ${key.organizationId} AND a.clinic_id = ${key.clinicId}
        AND a.date BETWEEN ${window.from} AND ${window.to} AND a.deleted_at IS NULL
    ), after_slot AS (
      SELECT t.*, count(t.slot_id) OVER (ORDER BY t.starts_at, t.appointment_id NULLS FIRST) AS slot FROM times AS t
    ), seen AS (
      SELECT appointment_id, starts_at, first_value(slot_id) OVER along AS slot_id, first_value(ends_at) OVER along AS ends_at
      FROM after_slot WINDOW along AS (PARTITION BY slot ORDER BY starts_at, appointment_id NULLS FIRST)
    )
    UPDATE schedule_appointments AS a SET slot_id = n.slot_id
    FROM (
      SELECT appointment_id, CASE WHEN ends_at > starts_at THEN slot_id END AS slot_id
      FROM seen WHERE appointment_id IS NOT NULL
    ) AS n
    WHERE a.organization_id = ${key.organizationId} AND a.id = n.appointment_id
      AND a.slot_id IS DISTINCT FROM n.slot_id`.execute(trx);
}
