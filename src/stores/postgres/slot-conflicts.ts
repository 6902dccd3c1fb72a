/** Bookings that have no place any more: flagged, and holds moved where that is wanted. */
import { sql, type Transaction } from 'kysely';
import { type BookedTime, conflictsOfDay } from '../../domain/booking-conflicts.ts';
import type { DateWindow } from '../../domain/reconcile-appointments.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { ClinicKey, Conflict } from '../../ports/slot-book.ts';
import { addEffects } from './effects.ts';
import { loadsOfDates, lockDates, msOf } from './slot-loads.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

interface FlaggedTime extends BookedTime {
  readonly date: string;
  readonly flagged: boolean;
}

export async function findConflicts(
  trx: Trx,
  fence: Fence,
  key: ClinicKey,
  window: DateWindow,
  options: { readonly moveHolds: boolean },
): Promise<readonly Conflict[]> {
  const booked = sql`b.organization_id = ${key.organizationId} AND b.clinic_id = ${key.clinicId}
    AND b.date BETWEEN ${window.from} AND ${window.to}`;
  const dates = await sql<{ date: string }>`
    SELECT DISTINCT b.date::text AS date FROM vapi_bookings AS b
    WHERE ${booked} AND (b.status <> 'cancelled' OR b.has_conflict) ORDER BY 1`.execute(trx);
  const days = dates.rows.map((row) => row.date);
  if (days.length === 0) return [];
  await lockDates(trx, key, days);
  const cleared = await sql<{ id: string }>`
    UPDATE vapi_bookings AS b SET has_conflict = false, updated_at = now()
    WHERE ${booked} AND b.has_conflict AND NOT chartsync_takes_place(b) RETURNING b.id`.execute(trx);
  const { rows: bookings } = await sql<FlaggedTime>`
    SELECT b.id, b.date::text AS date, b.status = 'pending' AS held, ${msOf(sql`b.created_at`)} AS "madeAt",
           ${msOf(sql`b.starts_at`)} AS "startsAt", ${msOf(sql`b.ends_at`)} AS "endsAt", b.has_conflict AS flagged
    FROM vapi_bookings AS b WHERE ${booked} AND b.date = ANY (${days}::date[]) AND chartsync_takes_place(b)
    ORDER BY b.id FOR UPDATE`.execute(trx);
  const slots = Map.groupBy(await loadsOfDates(trx, key, days), (slot) => slot.date);
  const flagged = new Map(bookings.map((b) => [b.id, b.flagged]));
  const conflicts: Conflict[] = [];
  for (const [date, ofDay] of Map.groupBy(bookings, (b) => b.date)) {
    const loads = (slots.get(date) ?? []).map((s) => ({ ...s, offered: !s.retired && s.block === null }));
    for (const conflict of conflictsOfDay(loads, ofDay, loads[0]?.now ?? 0)) {
      const held = ofDay.some((b) => b.id === conflict.bookingId && b.held);
      const moved = options.moveHolds && held && conflict.proposal !== null;
      conflicts.push({ ...conflict, date, isNew: flagged.get(conflict.bookingId) !== true, moved });
    }
  }
  const changed = await setFlags(trx, key, bookings, conflicts);
  await moveHolds(trx, key, conflicts);
  await addEffects(trx, fence, {
    conflictsDetected: conflicts.filter((c) => c.isNew).length,
    conflictsResolved: cleared.rows.length + changed + conflicts.filter((c) => c.moved).length,
  });
  return conflicts;
}

/** @returns flags that were taken away */
async function setFlags(
  trx: Trx,
  key: ClinicKey,
  bookings: readonly FlaggedTime[],
  conflicts: readonly Conflict[],
): Promise<number> {
  const open = new Set(conflicts.filter((c) => !c.moved).map((c) => c.bookingId));
  const wrong = bookings.filter((b) => b.flagged !== open.has(b.id));
  if (wrong.length === 0) return 0;
  await sql`
    UPDATE vapi_bookings SET has_conflict = NOT has_conflict, updated_at = now()
    WHERE organization_id = ${key.organizationId} AND clinic_id = ${key.clinicId}
      AND id = ANY (${wrong.map((b) => b.id)}::uuid[])`.execute(trx);
  const moved = new Set(conflicts.filter((c) => c.moved).map((c) => c.bookingId));
  return wrong.filter((b) => b.flagged && !moved.has(b.id)).length;
}

async function moveHolds(trx: Trx, key: ClinicKey, conflicts: readonly Conflict[]): Promise<void> {
  for (const { bookingId, proposal, moved } of conflicts) {
    if (!moved || proposal === null) continue;
    await sql`
      UPDATE vapi_bookings AS b
      SET slot_id = s.id, date = s.date, start_time = s.start_time, fold = s.fold, starts_at = s.starts_at,
          ends_at = ${new Date(proposal.endsAt)}, original_date = coalesce(b.original_date, b.date),
          original_time = coalesce(b.original_time, b.start_time), rescheduled_at = now(), rescheduled_reason = 'conflict',
          updated_at = now()
      FROM schedule_slots AS s
      WHERE b.organization_id = ${key.organizationId} AND b.clinic_id = ${key.clinicId} AND b.id = ${bookingId}
        AND s.organization_id = b.organization_id AND s.id = ${proposal.slotId}`.execute(trx);
  }
}
