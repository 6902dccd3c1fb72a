/** The contract of `src/ports/slot-book.ts`, and of what the engine makes of it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgeWindow, reconcile } from '../../src/domain/reconcile-appointments.ts';
import type { SlotBook } from '../../src/ports/slot-book.ts';
import { appointment, failedRead, MONDAY, readOf, settings, TUESDAY, WEDNESDAY } from '../support/book-samples.ts';
import { type ClinicUnderTest, type SlotStoresUnderTest, WEEK } from '../support/slot-stores.ts';
import { bookingOf } from './booking-desk.ts';

const TWO_DAYS = { from: MONDAY, to: TUESDAY };

export function describeSlotBook(name: string, makeStores: () => Promise<SlotStoresUnderTest>): void {
  describe(`slot book contract: ${name}`, () => {
    let stores: SlotStoresUnderTest;
    let book: SlotBook;
    beforeAll(async () => {
      stores = await makeStores();
      book = stores.book;
    });
    afterAll(() => stores.close());

    const counts = async (clinic: ClinicUnderTest, date = MONDAY) =>
      (await stores.slots(clinic)).filter((s) => s.date === date && !s.retired).map((s) => s.booked);

    const appointments = (clinic: ClinicUnderTest) =>
      stores.query<{
        id: string;
        date: string;
        live: boolean;
        unconfirmed: boolean;
        reason: string | null;
        run: string | null;
      }>(
        `SELECT neo_appointment_id AS id, date::text AS date, deleted_at IS NULL AS live,
                unconfirmed_since IS NOT NULL AS unconfirmed, deleted_reason AS reason, deleted_by_run AS run
         FROM schedule_appointments WHERE organization_id = $1 AND clinic_id = $2 ORDER BY 1`,
        [clinic.organizationId, clinic.clinicId],
      );

    async function booked(clinic: ClinicUnderTest, startTime: string, date = MONDAY): Promise<string> {
      const results = [{ date, state: 'complete', readAt: Date.now() }] as const;
      await book.settle(clinic.fence, clinic.clinicId, { from: date, to: date }, { results, dates: [] });
      const slot = { date, startTime };
      const { bookingId } = bookingOf(await stores.desk.hold({ ...clinic, slot, caller: {} }));
      await stores.desk.confirm(clinic.organizationId, bookingId);
      return bookingId;
    }

    describe('settings', () => {
      it('come back as they were given; breaks and closed days stay when nothing is said about them', async () => {
        const breaks = [{ name: 'Lunch', from: '12:00', to: '24:00', days: [1, 2] }];
        const hours = {
          hours: {
            1: [
              { from: '08:00', to: '12:00' },
              { from: '14:00', to: '24:00' },
            ],
          },
        };
        const closedDays = [{ date: TUESDAY, name: 'Holiday' }];
        const clinic = await stores.clinic({ breaks, closedDays, roomIds: ['7'] }, hours);
        const given = settings({ roomIds: ['7'] }, hours);
        const { breaks: _, closedDays: __, sourceConfig: ___, ...rest } = given;
        const stored = {
          ...rest,
          connectionId: 'calendar',
          hours: { ...rest.hours, breaks, closedDays: new Set([TUESDAY]) },
        };
        expect(await book.clinic(clinic)).toEqual(stored);
        await book.configure(clinic.fence, clinic.clinicId, { ...rest, sourceConfig: null });
        expect(await book.clinic(clinic)).toEqual(stored);
        expect(await book.clinics(clinic.organizationId)).toEqual([clinic.clinicId]);
        await book.configure(clinic.fence, clinic.clinicId, {
          ...rest,
          breaks: [],
          closedDays: [],
          sourceConfig: null,
        });
        expect((await book.clinic(clinic))?.hours).toMatchObject({ breaks: [], closedDays: new Set() });
      });

      it('are refused when they make no sense', async () => {
        const clinic = await stores.clinic();
        const refused = (id: string, ...given: Parameters<typeof settings>) =>
          expect(book.configure(clinic.fence, id, settings(...given))).rejects.toMatchObject({
            code: 'settings_invalid',
          });
        await refused('x');
        await refused(clinic.clinicId.toUpperCase());
        await refused(clinic.clinicId, {}, { timeZone: 'Mars/Olympus' });
        await refused(clinic.clinicId, {}, { slotMinutes: 0 });
        await refused(clinic.clinicId, {}, { slotMinutes: 121 });
        await refused(clinic.clinicId, {}, { capacity: 0 });
        await refused(clinic.clinicId, { horizonDays: 61 });
        await refused(clinic.clinicId, {}, { hours: { 1: [{ from: '10:00', to: '09:00' }] } });
        await refused(clinic.clinicId, { breaks: [{ name: 'x', from: '09:00', to: '09:00', days: [1] }] });
      });

      it('of a clinic belong to its connection; for others it does not exist', async () => {
        const clinic = await stores.clinic();
        const stranger = await stores.clinic();
        const refusal = { code: 'settings_invalid' };
        await expect(book.configure(stranger.fence, clinic.clinicId, settings())).rejects.toMatchObject(refusal);
        await expect(book.regenerate(stranger.fence, clinic.clinicId, WEEK)).rejects.toMatchObject(refusal);
        await expect(book.settle(stranger.fence, randomUUID(), WEEK)).rejects.toMatchObject(refusal);
        const key = { organizationId: stranger.organizationId, clinicId: clinic.clinicId };
        expect(await book.clinic(key)).toBeNull();
        expect(await book.availability({ ...key, ...WEEK })).toEqual([]);
        expect(await book.freshness(key, WEEK)).toEqual([]);
        expect(await book.storedAppointments(key, WEEK, ['a'])).toEqual([]);
        for (const clinicId of ['x', '']) {
          expect(await book.clinic({ ...key, clinicId })).toBeNull();
          expect(await book.availability({ ...key, clinicId, ...WEEK })).toEqual([]);
          expect(await book.storedAppointments({ ...key, clinicId }, WEEK, [])).toEqual([]);
        }
      });
    });

    describe('slots', () => {
      it('are made once, and follow the opening hours', async () => {
        const clinic = await stores.clinic();
        expect(await stores.slots(clinic)).toHaveLength(20);
        const nothing = { created: 0, updated: 0, removed: 0, retired: 0 };
        expect(await book.regenerate(clinic.fence, clinic.clinicId, WEEK)).toEqual(nothing);
        expect(await stores.effects(clinic.fence)).toEqual({ slotsCreated: 20 });
        const shorter = {
          hours: { 1: [{ from: '09:00', to: '09:30' }], 2: [{ from: '09:15', to: '10:15' }] },
          capacity: 3,
        };
        await book.configure(clinic.fence, clinic.clinicId, settings({}, shorter));
        const changes = await book.regenerate(clinic.fence, clinic.clinicId, WEEK);
        expect(changes).toEqual({ created: 1, updated: 5, removed: 15, retired: 0 });
        expect((await stores.slots(clinic)).map((s) => `${s.date.slice(8)} ${s.startTime} ${s.capacity}`)).toEqual([
          '06 09:00 3',
          '06 09:15 3',
          '07 09:15 3',
          '07 09:30 3',
          '07 09:45 3',
          '07 10:00 3',
        ]);
      });

      it('with a booking are never dropped, but not offered to others; they come back, or go with the booking', async () => {
        const clinic = await stores.clinic();
        const bookingId = await booked(clinic, '09:15');
        const closed = settings({ closedDays: [{ date: MONDAY, name: 'Holiday' }] });
        await book.configure(clinic.fence, clinic.clinicId, closed);
        expect(await book.regenerate(clinic.fence, clinic.clinicId, TWO_DAYS)).toMatchObject({
          removed: 3,
          retired: 1,
        });
        expect((await stores.slots(clinic)).filter((s) => s.date === MONDAY)).toMatchObject([
          { startTime: '09:15', retired: true },
        ]);
        expect(await book.availability({ ...clinic, from: MONDAY, to: MONDAY })).toEqual([]);
        const retired = { date: MONDAY, startTime: '09:15' };
        expect(await stores.desk.hold({ ...clinic, slot: retired, caller: {} })).toMatchObject({ reason: 'no_slot' });
        expect(await book.findConflicts(clinic.fence, clinic.clinicId, TWO_DAYS, { moveHolds: true })).toMatchObject([
          { bookingId, reason: 'closed', proposal: null, moved: false, isNew: true },
        ]);
        await book.configure(clinic.fence, clinic.clinicId, settings());
        expect(await book.regenerate(clinic.fence, clinic.clinicId, TWO_DAYS)).toMatchObject({
          created: 3,
          updated: 1,
        });
        await stores.desk.cancel(clinic.organizationId, bookingId, 'caller');
        await book.configure(clinic.fence, clinic.clinicId, closed);
        expect(await book.regenerate(clinic.fence, clinic.clinicId, TWO_DAYS)).toMatchObject({
          removed: 4,
          retired: 0,
        });
      });

      it('keep their counts when they are made again', async () => {
        const clinic = await stores.clinic();
        await stores.sync(clinic, { reads: [readOf(MONDAY, appointment('a', MONDAY, '09:00-09:30'))] });
        await book.configure(clinic.fence, clinic.clinicId, settings({}, { capacity: 5 }));
        await book.regenerate(clinic.fence, clinic.clinicId, WEEK);
        expect(await counts(clinic)).toEqual([1, 1, 0, 0]);
      });
    });

    describe('counting', () => {
      it('counts what overlaps and takes a place, in the columns that count', async () => {
        const clinic = await stores.clinic({ roomIds: ['7', '8'] });
        const result = await stores.sync(clinic, {
          reads: [
            readOf(
              MONDAY,
              appointment('long', MONDAY, '09:00-09:30'),
              appointment('across', MONDAY, '09:10-09:20'),
              appointment('block', MONDAY, '09:30-10:00', { appointmentType: 'block', clientName: null }),
              appointment('cancelled', MONDAY, '09:00-10:00', { status: 'cancelled' }),
              appointment('missed', MONDAY, '09:00-10:00', { status: 'no_show' }),
              appointment('otherRoom', MONDAY, '09:00-10:00', { roomId: '9' }),
              appointment('noRoom', MONDAY, '09:45-10:00', { roomId: null }),
              appointment('early', MONDAY, '08:00-09:00'),
              appointment('late', MONDAY, '10:00-11:00'),
            ),
          ],
        });
        expect(result).toMatchObject({ outcome: 'success', added: 9 });
        expect(await counts(clinic)).toEqual([2, 2, 1, 2]);
        expect(await book.settle(clinic.fence, clinic.clinicId, WEEK)).toEqual({ counts: 0, seen: 0 });
        const slots = await stores.query<{ id: string; start: string | null }>(
          `SELECT a.neo_appointment_id AS id, left(s.start_time::text, 5) AS start FROM schedule_appointments AS a
           LEFT JOIN schedule_slots AS s ON s.id = a.slot_id WHERE a.clinic_id = $1 ORDER BY 1`,
          [clinic.clinicId],
        );
        expect(slots).toContainEqual({ id: 'across', start: '09:00' });
        expect(slots).toContainEqual({ id: 'early', start: null });
      });

      it('counts what reaches over midnight on both days', async () => {
        const always = {
          hours: Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((d) => [d, [{ from: '00:00', to: '24:00' }]])),
        };
        const clinic = await stores.clinic({}, { ...always, slotMinutes: 60 });
        const night = appointment('night', MONDAY, '23:30-00:30');
        const interval = { endsAt: night.startsAt + 3_600_000 };
        await stores.sync(clinic, {
          window: TWO_DAYS,
          reads: [readOf(MONDAY, { ...night, ...interval }), readOf(TUESDAY, { ...night, ...interval })],
        });
        expect((await counts(clinic, MONDAY)).at(-1)).toBe(1);
        expect((await counts(clinic, TUESDAY)).slice(0, 2)).toEqual([1, 0]);
      });
    });

    describe('reconciling', () => {
      it('adds, changes, moves across dates, removes and brings back, with counts in the run', async () => {
        const clinic = await stores.clinic();
        const sync = (monday: string[], tuesday: string[], changes = {}) =>
          stores.sync(clinic, {
            window: TWO_DAYS,
            reads: [
              readOf(MONDAY, ...monday.map((id) => appointment(id, MONDAY, '09:00-09:15', changes))),
              readOf(TUESDAY, ...tuesday.map((id) => appointment(id, TUESDAY, '09:00-09:15', changes))),
            ],
          });
        expect(await sync(['a', 'b', 'c'], ['d'])).toMatchObject({
          added: 4,
          updated: 0,
          moved: 0,
          removed: 0,
          same: 0,
        });
        expect(await sync(['a', 'b', 'c'], ['d'])).toMatchObject({ added: 0, same: 4 });
        const ids = await stores.query<{ id: string }>(
          `SELECT id FROM schedule_appointments WHERE clinic_id = $1 AND neo_appointment_id = 'b'`,
          [clinic.clinicId],
        );
        expect(await sync(['a', 'c'], ['b', 'd'])).toMatchObject({ added: 0, moved: 1, removed: 0, same: 3 });
        expect(
          await stores.query(`SELECT id FROM schedule_appointments WHERE clinic_id = $1 AND neo_appointment_id = 'b'`, [
            clinic.clinicId,
          ]),
        ).toEqual(ids);
        expect([(await counts(clinic))[0], (await counts(clinic, TUESDAY))[0]]).toEqual([2, 2]);
        expect(await sync(['a'], ['b', 'd'], { roomId: '8' })).toMatchObject({ updated: 3, removed: 1 });
        expect((await appointments(clinic))[2]).toEqual({
          id: 'c',
          date: MONDAY,
          live: false,
          unconfirmed: false,
          reason: 'source:missing',
          run: clinic.fence.runId,
        });
        expect(await sync(['a', 'c'], ['b', 'd'], { roomId: '8' })).toMatchObject({ added: 1, same: 3 });
        expect((await appointments(clinic))[2]).toMatchObject({ id: 'c', live: true, reason: null, run: null });
        expect(await stores.effects(clinic.fence)).toEqual({
          slotsCreated: 20,
          added: 5,
          moved: 1,
          updated: 3,
          removed: 1,
        });
      });

      it('keeps the rows of a failed date, and removes nothing anywhere', async () => {
        const clinic = await stores.clinic();
        const a = appointment('a', MONDAY, '09:00-09:15');
        const b = appointment('b', TUESDAY, '09:00-09:15');
        await stores.sync(clinic, { window: TWO_DAYS, reads: [readOf(MONDAY, a), readOf(TUESDAY, b)] });
        const result = await stores.sync(clinic, { window: TWO_DAYS, reads: [readOf(MONDAY), failedRead(TUESDAY)] });
        expect(result).toMatchObject({ outcome: 'partial', removed: 0, failedDates: [TUESDAY], completeItems: null });
        expect(result.dates).toMatchObject([
          { date: MONDAY, state: 'complete', found: 0 },
          { date: TUESDAY, state: 'failed' },
        ]);
        expect(await appointments(clinic)).toMatchObject([
          { id: 'a', live: true, unconfirmed: true },
          { id: 'b', live: true, unconfirmed: false },
        ]);
        expect((await counts(clinic))[0]).toBe(1);
        // What had moved to the failed date is found there later.
        const moved = appointment('a', TUESDAY, '09:15-09:30');
        await stores.sync(clinic, { window: TWO_DAYS, reads: [readOf(MONDAY), readOf(TUESDAY, b, moved)] });
        expect(await appointments(clinic)).toMatchObject([
          { id: 'a', date: TUESDAY, live: true, unconfirmed: false },
          { id: 'b', live: true },
        ]);
        await stores.sync(clinic, { window: TWO_DAYS, reads: [failedRead(MONDAY), readOf(TUESDAY, b)] });
        await stores.sync(clinic, { window: TWO_DAYS, reads: [failedRead(MONDAY), readOf(TUESDAY, b, moved)] });
        expect(await appointments(clinic)).toMatchObject([{ id: 'a', unconfirmed: false }, { id: 'b' }]);
        const none = await stores.sync(clinic, { reads: [failedRead(MONDAY)] });
        expect(none).toMatchObject({ outcome: 'failed', failedDates: [MONDAY] });
        const unread = await stores.sync(clinic, { window: TWO_DAYS, reads: [readOf(MONDAY)] });
        expect(unread.dates[1]).toMatchObject({ date: TUESDAY, state: 'not_read' });
      });

      it('leaves removals above the limit to a person', async () => {
        const clinic = await stores.clinic();
        const all = Array.from({ length: 10 }, (_, i) => appointment(`a${i}`, MONDAY, '09:00-09:15'));
        await stores.sync(clinic, { reads: [readOf(MONDAY, ...all)] });
        const limits = { maxCount: 50, maxPercent: 20, minCount: 2 };
        const result = await stores.sync(clinic, { reads: [readOf(MONDAY, ...all.slice(0, 7))], guardLimits: limits });
        expect(result).toMatchObject({
          outcome: 'partial',
          removed: 0,
          held: { reason: expect.stringContaining('3 of 10') },
        });
        expect(result.held?.appointments.map((a) => a.neoAppointmentId)).toEqual(['a7', 'a8', 'a9']);
        expect((await appointments(clinic)).filter((a) => a.live && a.unconfirmed)).toHaveLength(3);
        expect(await stores.sync(clinic, { reads: [readOf(MONDAY)], guardLimits: limits })).toMatchObject({
          removed: 0,
        });
        expect(await stores.sync(clinic, { reads: [readOf(MONDAY, ...all)] })).toMatchObject({ same: 10, held: null });
        expect((await appointments(clinic)).filter((a) => a.unconfirmed)).toEqual([]);
      });

      it('passes over what changed since it was compared', async () => {
        const clinic = await stores.clinic();
        const before = appointment('a', MONDAY, '09:00-09:15');
        await book.writeAppointments(clinic.fence, clinic.clinicId, [before]);
        const window = { from: MONDAY, to: MONDAY };
        const stored = await book.storedAppointments(clinic, window, []);
        const { removals } = reconcile(judgeWindow(window, [readOf(MONDAY)]), stored);
        const now = { ...before, patientName: 'Rex' };
        expect(await book.writeAppointments(clinic.fence, clinic.clinicId, [now])).toEqual(['update']);
        expect(await book.removeAppointments(clinic.fence, clinic.clinicId, removals)).toEqual([]);
        const again = reconcile(
          judgeWindow(window, [readOf(MONDAY)]),
          await book.storedAppointments(clinic, window, []),
        ).removals;
        expect(await book.removeAppointments(clinic.fence, clinic.clinicId, again)).toHaveLength(1);
        expect(await book.removeAppointments(clinic.fence, clinic.clinicId, again)).toEqual([]);
      });

      it('writes in batches of any size, idempotently', async () => {
        const clinic = await stores.clinic();
        const many = Array.from({ length: 450 }, (_, i) => appointment(`a${i}`, MONDAY, '09:00-09:15'));
        expect(await stores.sync(clinic, { reads: [readOf(MONDAY, ...many)] })).toMatchObject({ added: 450 });
        expect(await book.writeAppointments(clinic.fence, clinic.clinicId, many)).toEqual(many.map(() => 'same'));
        expect(await book.writeAppointments(clinic.fence, clinic.clinicId, [])).toEqual([]);
        expect((await counts(clinic))[0]).toBe(450);
        expect(await stores.effects(clinic.fence)).toMatchObject({ added: 450 });
      });

      it('writes nothing when the lease was taken over', async () => {
        const clinic = await stores.clinic();
        await stores.overtake(clinic.fence);
        const { fence, clinicId } = clinic;
        const a = appointment('a', MONDAY, '09:00-09:15');
        const window = { from: MONDAY, to: MONDAY };
        for (const write of [
          () => book.configure(fence, clinicId, settings()),
          () => book.beginWindow(fence, clinicId, window),
          () => book.noteProgress(fence, clinicId, MONDAY),
          () => book.regenerate(fence, clinicId, window),
          () => book.writeAppointments(fence, clinicId, [a]),
          () => book.removeAppointments(fence, clinicId, []),
          () => book.markUnconfirmed(fence, clinicId, { missed: [], confirmed: [] }),
          () => book.settle(fence, clinicId, window),
          () => book.findConflicts(fence, clinicId, window, { moveHolds: true }),
        ]) {
          await expect(write()).rejects.toMatchObject({ code: 'lease_lost' });
        }
        expect(await appointments(clinic)).toEqual([]);
      });

      it('stops when it is told to, and can simply be done again', async () => {
        const clinic = await stores.clinic();
        const reads = [readOf(MONDAY, appointment('a', MONDAY, '09:00-09:15'))];
        const controller = new AbortController();
        const onPhase = () => controller.abort(new Error('stopped'));
        await expect(stores.sync(clinic, { reads, signal: controller.signal, onPhase })).rejects.toThrow('stopped');
        expect(await book.freshness(clinic, { from: MONDAY, to: MONDAY })).toMatchObject([{ readAt: null }]);
        expect(await stores.sync(clinic, { reads })).toMatchObject({ outcome: 'success' });
      });
    });

    describe('freshness', () => {
      it('is that of the last good read of each date', async () => {
        const clinic = await stores.clinic();
        const readAt = Date.now() - 4 * 60_000;
        const window = { from: MONDAY, to: WEDNESDAY };
        const monday = { ...readOf(MONDAY), readAt };
        await stores.sync(clinic, { window, reads: [monday, failedRead(TUESDAY)] });
        await stores.sync(clinic, { window, reads: [failedRead(MONDAY), failedRead(TUESDAY)] });
        expect(await book.freshness(clinic, window)).toMatchObject([
          { date: MONDAY, readAt, ageMinutes: 4, freshness: 'fresh', failedCode: 'source_timeout' },
          { date: TUESDAY, readAt: null, ageMinutes: null, freshness: 'alarm', failedCode: 'source_timeout' },
          { date: WEDNESDAY, readAt: null, failedAt: null, freshness: 'alarm' },
        ]);
        const [slot] = await book.availability({ ...clinic, ...window });
        expect(slot).toMatchObject({ readAt, freshness: 'fresh' });
        await stores.sync(clinic, { window, reads: [{ ...readOf(MONDAY), readAt: readAt - 60 * 60_000 }] });
        expect(await book.freshness(clinic, window)).toMatchObject([
          { ageMinutes: 64, freshness: 'stale', failedAt: null, failedCode: null },
          {},
          {},
        ]);
      });
    });

    describe('availability', () => {
      it('has the places of each slot, for as long as it takes', async () => {
        const clinic = await stores.clinic();
        await stores.sync(clinic, {
          reads: [readOf(MONDAY, appointment('a', MONDAY, '09:15-09:30'), appointment('b', MONDAY, '09:45-10:00'))],
        });
        await booked(clinic, '09:45');
        const at = async (query: object) =>
          (await book.availability({ ...clinic, from: MONDAY, to: MONDAY, ...query })).map((s) => [
            s.startTime,
            s.places,
          ]);
        expect(await at({})).toEqual([
          ['09:00', 2],
          ['09:15', 1],
          ['09:30', 2],
        ]);
        expect(await at({ minPlaces: 2 })).toEqual([
          ['09:00', 2],
          ['09:30', 2],
        ]);
        expect((await at({ minPlaces: 0 })).at(-1)).toEqual(['09:45', 0]);
        expect(await at({ minutes: 30 })).toEqual([
          ['09:00', 1],
          ['09:15', 1],
        ]);
        expect(await at({ appointmentType: 'Surgery' })).toEqual([['09:00', 1]]);
        expect(await at({ limit: 1 })).toEqual([['09:00', 2]]);
        expect(await at({ from: MONDAY, to: WEDNESDAY })).toHaveLength(11);
        await expect(at({ appointmentType: 'Flying' })).rejects.toMatchObject({ code: 'settings_invalid' });
      });

      it('leaves out the past, and hours that were blocked since', async () => {
        const clinic = await stores.clinic();
        await stores.query(
          `UPDATE schedule_slots SET starts_at = now() - interval '1 minute', ends_at = now() WHERE clinic_id = $1
             AND date = $2 AND start_time = '09:00'`,
          [clinic.clinicId, MONDAY],
        );
        await stores.query(
          `INSERT INTO clinic_blocked_periods (organization_id, clinic_id, name, start_time, end_time, days_of_week)
           VALUES ($1, $2, 'Meeting', '09:40', '09:50', '{1}')`,
          [clinic.organizationId, clinic.clinicId],
        );
        const slots = await book.availability({ ...clinic, from: MONDAY, to: MONDAY, minPlaces: 0 });
        expect(slots.map((s) => s.startTime)).toEqual(['09:15']);
      });
    });

    describe('conflicts', () => {
      it('flag bookings that lost their place, propose another, and end with their reason', async () => {
        const clinic = await stores.clinic();
        const first = await booked(clinic, '09:00');
        const second = await booked(clinic, '09:00');
        const taken = appointment('a', MONDAY, '09:00-09:15');
        const result = await stores.sync(clinic, { reads: [readOf(MONDAY, taken)], moveHolds: true });
        expect(result.conflicts).toMatchObject([
          {
            bookingId: second,
            date: MONDAY,
            reason: 'full',
            isNew: true,
            moved: false,
            proposal: { startsAt: Date.parse('2030-05-06T16:15:00Z') },
          },
        ]);
        const flag = async (id: string) => (await stores.desk.booking(clinic.organizationId, id))?.hasConflict;
        expect([await flag(first), await flag(second)]).toEqual([false, true]);
        const again = await stores.sync(clinic, { reads: [readOf(MONDAY, taken)] });
        expect(again.conflicts).toMatchObject([{ bookingId: second, isNew: false }]);
        expect(await stores.effects(clinic.fence)).toMatchObject({ conflictsDetected: 1 });
        await stores.sync(clinic, { reads: [readOf(MONDAY)] });
        expect(await flag(second)).toBe(false);
        expect(await stores.effects(clinic.fence)).toMatchObject({
          conflictsDetected: 1,
          conflictsResolved: 1,
          removed: 1,
        });
      });

      it('move holds where that is wanted, but never what was confirmed', async () => {
        const clinic = await stores.clinic({}, { capacity: 1 });
        await stores.sync(clinic, { reads: [readOf(MONDAY)] });
        const hold = async (startTime: string) =>
          bookingOf(await stores.desk.hold({ ...clinic, slot: { date: MONDAY, startTime }, caller: {} }));
        const confirmed = await booked(clinic, '09:00');
        const held = await hold('09:15');
        const calendar = readOf(MONDAY, appointment('a', MONDAY, '09:00-09:30'));
        const stay = await stores.sync(clinic, { reads: [calendar] });
        expect(stay.conflicts.map((c) => c.moved)).toEqual([false, false]);
        const { conflicts } = await stores.sync(clinic, { reads: [calendar], moveHolds: true });
        expect(conflicts.map((c) => [c.bookingId, c.moved])).toEqual([
          [confirmed, false],
          [held.bookingId, true],
        ]);
        expect(await stores.desk.booking(clinic.organizationId, held.bookingId)).toMatchObject({
          startTime: '09:45',
          status: 'pending',
          originalTime: '09:15',
          originalDate: MONDAY,
          hasConflict: false,
        });
        expect(await stores.desk.booking(clinic.organizationId, confirmed)).toMatchObject({
          startTime: '09:00',
          hasConflict: true,
        });
        const places = await book.availability({ ...clinic, from: MONDAY, to: MONDAY, minPlaces: 0 });
        expect(places.map((s) => s.places)).toEqual([0, 0, 1, 0]);
      });
    });
  });
}
