/** The book and the desk of PostgreSQL under the contract suites. */
import { randomUUID } from 'node:crypto';
import { type WriteWindow, writeWindow } from '../../src/engine/schedule/write-window.ts';
import type { BookingDesk } from '../../src/ports/booking-desk.ts';
import type { Fence } from '../../src/ports/document-records.ts';
import type { RunStore } from '../../src/ports/run-store.ts';
import type { ClinicKey, ClinicSettings, SlotBook } from '../../src/ports/slot-book.ts';
import { createBookingDesk } from '../../src/stores/postgres/booking-desk.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { createSlotBook } from '../../src/stores/postgres/slot-book.ts';
import { systemRandom } from '../../src/stores/system-clock.ts';
import { MONDAY, settings } from './book-samples.ts';
import { postgresStores } from './postgres-stores.ts';

export interface SlotRow {
  readonly date: string;
  readonly startTime: string;
  readonly fold: number;
  readonly capacity: number;
  readonly booked: number;
  readonly retired: boolean;
}

export interface SlotProcess {
  readonly book: SlotBook;
  readonly desk: BookingDesk;
}

/** A clinic with a run that has its lease. */
export interface ClinicUnderTest extends ClinicKey {
  readonly fence: Fence;
}

export interface SlotStoresUnderTest extends SlotProcess {
  readonly url: string;
  readonly runs: RunStore;
  /** Another process over the same stores. */
  process(): SlotProcess;
  /** Configured, with the slots of Monday's week; days are unread. */
  clinic(changes?: Partial<ClinicSettings>, hours?: Partial<ClinicSettings['hours']>): Promise<ClinicUnderTest>;
  /** The lease goes to a successor. */
  overtake(fence: Fence): Promise<Fence>;
  sync(clinic: ClinicUnderTest, changes: Partial<WriteWindow>): ReturnType<typeof writeWindow>;
  slots(key: ClinicKey): Promise<readonly SlotRow[]>;
  /** As if the time of a hold were over. */
  endHold(bookingId: string): Promise<void>;
  effects(fence: Fence): Promise<Readonly<Record<string, number>>>;
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

export const WEEK = { from: MONDAY, to: '2030-05-12' };

export async function slotStores(): Promise<SlotStoresUnderTest> {
  const stores = await postgresStores();
  const worker = await stores.worker();
  const databases = [openDatabase({ url: stores.url })];
  const query = async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await databases[0]!.pool.query<Row>(text, [...values])).rows;

  function process(): SlotProcess {
    const database = openDatabase({ url: stores.url });
    databases.push(database);
    return { book: createSlotBook(database), desk: createBookingDesk({ database, random: systemRandom }) };
  }
  const { book, desk } = process();

  return {
    book,
    desk,
    url: stores.url,
    runs: worker.runs,
    process,
    query,
    async clinic(changes, hours) {
      const organizationId = `org_${randomUUID().slice(0, 8)}`;
      const key = { organizationId, connectionId: 'calendar' };
      await stores.putConnection(key);
      const fence = await worker.runs.start({ ...key, mode: 'quick', trigger: 'manual' });
      const clinicId = randomUUID();
      await book.configure(fence, clinicId, settings(changes, hours));
      await book.regenerate(fence, clinicId, WEEK);
      return { organizationId, clinicId, fence };
    },
    async overtake(fence) {
      await stores.expireLease(fence);
      return worker.runs.start({ ...fence, mode: 'quick', trigger: 'manual' });
    },
    sync: (clinic, changes) =>
      writeWindow({
        book,
        fence: clinic.fence,
        clinicId: clinic.clinicId,
        window: { from: MONDAY, to: MONDAY },
        reads: [],
        guardLimits: { maxCount: 50, maxPercent: 50, minCount: 2 },
        inSourceBefore: null,
        moveHolds: false,
        signal: new AbortController().signal,
        ...changes,
      }),
    slots: (key) =>
      query(
        `SELECT date::text AS date, left(start_time::text, 5) AS "startTime", fold, capacity, booked_count AS booked,
                retired_at IS NOT NULL AS retired
         FROM schedule_slots WHERE organization_id = $1 AND clinic_id = $2 ORDER BY starts_at, id`,
        [key.organizationId, key.clinicId],
      ),
    async endHold(bookingId) {
      await query(`UPDATE vapi_bookings SET hold_expires_at = clock_timestamp() WHERE id = $1`, [bookingId]);
    },
    async effects(fence) {
      const [row] = await query<{ effects: Record<string, number> }>(`SELECT effects FROM sync_runs WHERE id = $1`, [
        fence.runId,
      ]);
      return row?.effects ?? {};
    },
    async close() {
      for (const database of databases) await database.close();
      await stores.close();
    },
  };
}
