/** `SlotBook` on PostgreSQL: put together here, the queries are in the files beside it. */
import { sql } from 'kysely';
import { normaliseUuid } from '../../domain/reference.ts';
import type { SlotBook } from '../../ports/slot-book.ts';
import {
  findAppointments,
  linkSeenBookings,
  markUnconfirmed,
  removeAppointments,
  writeAppointments,
} from './appointment-rows.ts';
import { configureClinic, forClinic, loadClinic } from './clinic-config.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';
import { holdFence } from './fence.ts';
import { beginWindow, finishDates, noteProgress, runWindow } from './schedule-days.ts';
import { availability, freshness } from './slot-availability.ts';
import { findConflicts } from './slot-conflicts.ts';
import { assignSlots, countSlots, regenerateSlots } from './slot-rows.ts';

export function createSlotBook(database: Database): SlotBook {
  const db = database.kysely;
  return {
    configure: (fence, clinicId, settings) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await configureClinic(trx, fence, clinicId, settings);
      }),
    clinic: (key) => ask(() => loadClinic(db, key)),
    clinics: (organizationId) =>
      ask(async () => {
        const { rows } = await sql<{ id: string }>`
          SELECT clinic_id AS id FROM clinic_schedule_config WHERE organization_id = ${organizationId}
          ORDER BY clinic_id`.execute(db);
        return rows.map((row) => row.id);
      }),
    beginWindow: (fence, clinicId, window) =>
      forClinic(database, fence, clinicId, (trx, key) => beginWindow(trx, fence, key, window)),
    noteProgress: (fence, clinicId, date) =>
      forClinic(database, fence, clinicId, (trx, key) => noteProgress(trx, fence, key, date)),
    regenerate: (fence, clinicId, window) =>
      forClinic(database, fence, clinicId, (trx, key) => regenerateSlots(trx, fence, key, window)),
    storedAppointments: (key, window, ids) =>
      ask(async () => (normaliseUuid(key.clinicId) === null ? [] : findAppointments(db, key, window, ids))),
    writeAppointments: (fence, clinicId, appointments) =>
      forClinic(database, fence, clinicId, (trx, key) => writeAppointments(trx, fence, key, appointments)),
    removeAppointments: (fence, clinicId, removals) =>
      forClinic(database, fence, clinicId, (trx, key) => removeAppointments(trx, fence, key, removals)),
    markUnconfirmed: (fence, clinicId, marks) =>
      forClinic(database, fence, clinicId, (trx, key) => markUnconfirmed(trx, key, marks)),
    settle: (fence, clinicId, window, ended) =>
      forClinic(database, fence, clinicId, async (trx, key) => {
        await assignSlots(trx, key, window);
        const counts = await countSlots(trx, key, window);
        const seen = await linkSeenBookings(trx, key, window);
        if (ended !== undefined) await finishDates(trx, fence, key, ended.results, ended.dates);
        return { counts, seen };
      }),
    findConflicts: (fence, clinicId, window, options) =>
      forClinic(database, fence, clinicId, (trx, key) => findConflicts(trx, fence, key, window, options)),
    availability: (query) => ask(() => availability(db, query)),
    runWindow: (key, runId) =>
      ask(async () => (normaliseUuid(key.clinicId) === null ? null : runWindow(db, key, runId))),
    freshness: (key, window) => ask(() => freshness(db, key, window)),
  };
}
