/** The slot book as others see it: applications that read the tables, and processes that share them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NO_COUNTS } from '../../src/domain/run.ts';
import { appointment, failedRead, MONDAY, readOf, TUESDAY } from '../support/book-samples.ts';
import { type SlotStoresUnderTest, slotStores } from '../support/slot-stores.ts';

let stores: SlotStoresUnderTest;
beforeAll(async () => {
  stores = await slotStores();
});
afterAll(() => stores.close());

test('update_slot_counts_bulk repairs the counts of a clinic, and of no other one', async () => {
  const [clinic, other] = [await stores.clinic(), await stores.clinic()];
  const reads = [readOf(MONDAY, appointment('a', MONDAY, '09:00-09:30'))];
  await stores.sync(clinic, { reads });
  await stores.sync(other, { reads });
  await stores.query(`UPDATE schedule_slots SET booked_count = 7 WHERE date = $1`, [MONDAY]);
  const repair = () => stores.query(`SELECT * FROM update_slot_counts_bulk($1, $2, $2)`, [clinic.clinicId, MONDAY]);
  expect(await repair()).toEqual([{ updated_count: 4 }]);
  expect(await repair()).toEqual([{ updated_count: 0 }]);
  const booked = async (key: typeof clinic) => (await stores.slots(key)).slice(0, 4).map((s) => s.booked);
  expect([await booked(clinic), await booked(other)]).toEqual([
    [1, 1, 0, 0],
    [7, 7, 7, 7],
  ]);
});

test('get_available_slots tells places, blocks and age', async () => {
  const clinic = await stores.clinic();
  const available = () =>
    stores.query<{ last_synced_at: Date | null }>(`SELECT * FROM get_available_slots($1, $2)`, [
      clinic.clinicId,
      MONDAY,
    ]);
  expect((await available())[0]).toEqual({
    slot_start: '09:00:00',
    slot_end: '09:15:00',
    capacity: 2,
    booked_count: 0,
    available_count: 2,
    is_blocked: false,
    block_reason: null,
    last_synced_at: null,
    is_stale: true,
  });
  await stores.sync(clinic, { reads: [readOf(MONDAY, appointment('a', MONDAY, '09:00-09:30'))] });
  await stores.desk.hold({ ...clinic, slot: { date: MONDAY, startTime: '09:15' }, caller: {} });
  await stores.query(
    `INSERT INTO clinic_blocked_periods (organization_id, clinic_id, name, start_time, end_time, days_of_week)
     VALUES ($1, $2, 'Meeting', '09:30', '09:45', '{1}')`,
    [clinic.organizationId, clinic.clinicId],
  );
  expect(await available()).toMatchObject([
    { booked_count: 1, available_count: 1, is_blocked: false, is_stale: false },
    { booked_count: 2, available_count: 0 },
    { booked_count: 0, available_count: 0, is_blocked: true, block_reason: 'Meeting' },
    { booked_count: 0, available_count: 2 },
  ]);
});

test('schedule_syncs shows the run while it works, and how it ended', async () => {
  const clinic = await stores.clinic();
  const { fence, clinicId } = clinic;
  const window = { from: MONDAY, to: TUESDAY };
  await stores.book.beginWindow(fence, clinicId, window);
  await stores.book.noteProgress(fence, clinicId, TUESDAY);
  const sync = async () =>
    (
      await stores.query(
        `SELECT *, sync_start_date::text AS "from", sync_end_date::text AS "to", progress_date::text AS at
         FROM schedule_syncs WHERE id = $1`,
        [fence.runId],
      )
    )[0];
  const active = () => stores.query(`SELECT get_active_sync_count($1) AS n`, [clinicId]);
  expect(await active()).toEqual([{ n: 1 }]);
  expect(await sync()).toMatchObject({
    clinic_id: clinicId,
    organization_id: clinic.organizationId,
    status: 'in_progress',
    from: MONDAY,
    to: TUESDAY,
    at: TUESDAY,
    slots_created: 20,
    idexx_config: { slotInterval: 15 },
    failed_dates: [],
    partial_success: false,
    completed_at: null,
  });
  await stores.sync(clinic, {
    window,
    reads: [readOf(MONDAY, appointment('a', MONDAY, '09:00-09:15')), failedRead(TUESDAY)],
  });
  await stores.runs.finish(fence, {
    state: 'completed',
    outcome: 'partial',
    counts: NO_COUNTS,
    error: null,
    completeRead: null,
  });
  expect(await sync()).toMatchObject({
    status: 'completed',
    appointments_added: 1,
    appointments_removed: 0,
    failed_dates: [TUESDAY],
    partial_success: true,
    progress_percentage: 100,
    error_message: null,
    duration_ms: expect.any(Number),
  });
  expect(await active()).toEqual([{ n: 0 }]);
});

test('the tables refuse what would give a place or a clinic to two', async () => {
  const [clinic, other] = [await stores.clinic(), await stores.clinic()];
  await stores.sync(clinic, { reads: [readOf(MONDAY)] });
  const copy = (columns: string, values: string) =>
    stores.query(
      `INSERT INTO schedule_slots (organization_id, clinic_id, date, start_time, end_time, starts_at, ends_at${columns})
       SELECT organization_id, clinic_id, date, start_time, end_time, starts_at, ends_at${values}
       FROM schedule_slots WHERE clinic_id = $1 LIMIT 1`,
      [clinic.clinicId],
    );
  await expect(copy('', '')).rejects.toMatchObject({ code: '23505' });
  await expect(copy(', capacity', ', 0')).rejects.toMatchObject({ code: '23514' });
  await expect(
    stores.query(`UPDATE schedule_slots SET organization_id = $1 WHERE clinic_id = $2`, [
      other.organizationId,
      clinic.clinicId,
    ]),
  ).rejects.toMatchObject({ code: '23503' });
});

test('processes that call for the last place at once get it once', async () => {
  const clinic = await stores.clinic({}, { capacity: 3 });
  const taken = ['a', 'b'].map((id) => appointment(id, MONDAY, '09:00-09:15'));
  await stores.sync(clinic, { reads: [readOf(MONDAY, ...taken)] });
  const callers = await Promise.all([1, 2, 3].map(() => caller([clinic.organizationId, clinic.clinicId], 20)));
  const results = (await Promise.all(callers.map((c) => c.call()))).flat();
  expect(results).toHaveLength(60);
  expect(results.filter((r) => r === 'ok')).toHaveLength(1);
  expect(results.filter((r) => r === 'full')).toHaveLength(59);
});

async function caller(clinic: readonly string[], calls: number): Promise<{ call(): Promise<string[]> }> {
  const program = fileURLToPath(new URL('../support/booking-caller.ts', import.meta.url));
  const child: ChildProcess = spawn(
    process.execPath,
    [program, stores.url, ...clinic, MONDAY, '09:00', String(calls)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('ready');
  return {
    async call() {
      const ended = once(child, 'exit');
      child.stdin!.write('go\n');
      const { value } = await lines.next();
      await ended;
      return JSON.parse(value ?? '') as string[];
    },
  };
}

test('sixty days are counted in one statement', async () => {
  const open = [{ from: '08:00', to: '18:00' }];
  const clinic = await stores.clinic({}, { hours: { 1: open, 2: open, 3: open, 4: open, 5: open, 6: open } });
  const window = { from: MONDAY, to: '2030-07-04' };
  await stores.book.regenerate(clinic.fence, clinic.clinicId, window);
  // Twenty half hours a day, three of each, one of them cancelled.
  await stores.query(
    `INSERT INTO schedule_appointments (organization_id, clinic_id, neo_appointment_id, date, start_time, end_time,
                                        starts_at, ends_at, status, sync_hash)
     SELECT s.organization_id, s.clinic_id, s.id || '/' || n, s.date, s.start_time, s.end_time, s.starts_at,
            s.starts_at + interval '30 minutes', CASE WHEN n = 2 THEN 'cancelled' ELSE 'scheduled' END, 'h'
     FROM schedule_slots AS s, generate_series(1, 3) AS n
     WHERE s.clinic_id = $1 AND extract(minute FROM s.start_time)::int % 30 = 0`,
    [clinic.clinicId],
  );
  const slots = await stores.slots(clinic);
  expect(slots).toHaveLength(2080);
  expect(await stores.book.settle(clinic.fence, clinic.clinicId, window)).toEqual({ counts: slots.length, seen: 0 });
  expect((await stores.slots(clinic)).every((s) => s.booked === 2)).toBe(true);
});
