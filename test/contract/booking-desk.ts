/** The contract of `src/ports/booking-desk.ts`. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Booking, BookingResult, HoldRequest } from '../../src/ports/booking-desk.ts';
import { appointment, MONDAY, readOf, TUESDAY } from '../support/book-samples.ts';
import type { ClinicUnderTest, SlotStoresUnderTest } from '../support/slot-stores.ts';

const WINDOW = { from: MONDAY, to: TUESDAY };

export function describeBookingDesk(name: string, makeStores: () => Promise<SlotStoresUnderTest>): void {
  describe(`booking desk contract: ${name}`, () => {
    let stores: SlotStoresUnderTest;
    beforeAll(async () => {
      stores = await makeStores();
    });
    afterAll(() => stores.close());

    /** With Monday and Tuesday read and empty, but for these appointments. */
    async function clinicWith(monday: readonly string[] = [], capacity = 2): Promise<ClinicUnderTest> {
      const clinic = await stores.clinic({}, { capacity });
      const appointments = monday.map((times, i) => appointment(`a${i}`, MONDAY, times));
      await stores.sync(clinic, { window: WINDOW, reads: [readOf(MONDAY, ...appointments), readOf(TUESDAY)] });
      return clinic;
    }

    const hold = (clinic: ClinicUnderTest, startTime: string, changes: Partial<HoldRequest> = {}) =>
      stores.desk.hold({
        organizationId: clinic.organizationId,
        clinicId: clinic.clinicId,
        slot: { date: MONDAY, startTime },
        caller: { clientName: 'Ben Sample', clientPhone: '+15550199', patientName: 'Rex' },
        ...changes,
      });

    async function held(
      clinic: ClinicUnderTest,
      startTime: string,
      changes: Partial<HoldRequest> = {},
    ): Promise<Booking> {
      return bookingOf(await hold(clinic, startTime, changes));
    }

    const placesAt = async (clinic: ClinicUnderTest, startTime: string) => {
      const slots = await stores.book.availability({ ...keyOf(clinic), ...WINDOW, minPlaces: 0 });
      return slots.find((s) => s.date === MONDAY && s.startTime === startTime)?.places;
    };

    describe('holding', () => {
      it('takes a place for five minutes, and names it', async () => {
        const clinic = await clinicWith();
        const result = await hold(clinic, '09:15');
        expect(result).toMatchObject({ ok: true, before: null, changed: true });
        const booking = bookingOf(result);
        expect(booking).toMatchObject({
          ...keyOf(clinic),
          date: MONDAY,
          startTime: '09:15',
          startsAt: Date.parse('2030-05-06T16:15:00Z'),
          endsAt: Date.parse('2030-05-06T16:30:00Z'),
          status: 'pending',
          expired: false,
          hasConflict: false,
          seenInSource: false,
        });
        expect(booking.confirmationNumber).toMatch(/^ODIS-[0-9A-F]{8}$/);
        expect(booking.holdExpiresAt! - Date.now()).toBeGreaterThan(290_000);
        expect(booking.holdExpiresAt! - Date.now()).toBeLessThan(310_000);
        expect(await placesAt(clinic, '09:15')).toBe(1);
        expect(await stores.desk.booking(clinic.organizationId, booking.bookingId)).toEqual(booking);
        expect(await stores.desk.find(clinic.organizationId, booking.confirmationNumber)).toEqual(booking);
        expect(await stores.desk.bookings(clinic, WINDOW)).toEqual([booking]);
        // Results can be audited as they are.
        expect(JSON.stringify(result)).not.toMatch(/Ben|Rex|5550199/);
      });

      it('refuses a full slot and names other times, later ones first', async () => {
        const clinic = await clinicWith(['09:15-09:30', '09:15-09:30', '09:45-10:00']);
        const result = await hold(clinic, '09:15', { alternatives: 3 });
        expect(result).toMatchObject({ ok: false, reason: 'full' });
        expect(result.ok ? [] : result.otherTimes.map((o) => [o.startTime, o.places])).toEqual([
          ['09:30', 2],
          ['09:45', 1],
          ['09:00', 2],
        ]);
        expect(await hold(clinic, '09:15', { alternatives: 1 })).toMatchObject({
          otherTimes: [{ startTime: '09:30' }],
        });
        expect(await hold(clinic, '09:15', { alternatives: 0 })).toMatchObject({ otherTimes: [] });
      });

      it('takes every slot that a longer visit needs, or none', async () => {
        const clinic = await clinicWith(['09:30-09:45'], 1);
        expect(await hold(clinic, '09:00', { minutes: 45 })).toMatchObject({ ok: false, reason: 'full' });
        expect(await hold(clinic, '09:00', { minutes: 30 })).toMatchObject({ ok: true });
        expect(await hold(clinic, '09:15')).toMatchObject({ ok: false, reason: 'full' });
        expect(await hold(clinic, '09:45', { minutes: 30 })).toMatchObject({ ok: false, reason: 'no_slot' });
        expect(await hold(clinic, '09:45', { minutes: 0 })).toMatchObject({ ok: false, reason: 'no_slot' });
        expect(await hold(clinic, '09:45', { minutes: 10 })).toMatchObject({ ok: true });
      });

      it('refuses what is not offered, blocked, past or not known', async () => {
        const clinic = await clinicWith();
        expect(await hold(clinic, '09:10')).toMatchObject({ ok: false, reason: 'no_slot' });
        expect(await hold(clinic, '09:00', { slot: { slotId: randomUUID() } })).toMatchObject({ reason: 'no_slot' });
        expect(await hold(clinic, '09:00', { slot: { slotId: 'x' } })).toMatchObject({ reason: 'no_slot' });
        expect(await hold(clinic, '09:00', { clinicId: randomUUID() })).toMatchObject({ reason: 'unknown' });
        expect(await hold(clinic, '09:00', { clinicId: 'x' })).toMatchObject({ reason: 'unknown' });
        // Wednesday was never read.
        const wednesday = { slot: { date: '2030-05-08', startTime: '09:00' } };
        expect(await hold(clinic, '09:00', wednesday)).toMatchObject({ ok: false, reason: 'stale' });
        await stores.query(
          `INSERT INTO clinic_blocked_periods (organization_id, clinic_id, name, start_time, end_time, days_of_week)
           VALUES ($1, $2, 'Meeting', '09:20', '09:40', '{1}')`,
          [clinic.organizationId, clinic.clinicId],
        );
        expect(await hold(clinic, '09:15')).toMatchObject({ ok: false, reason: 'blocked' });
        expect(await hold(clinic, '09:45')).toMatchObject({ ok: true });
        await stores.query(
          `UPDATE schedule_slots SET starts_at = now() - interval '1 minute', ends_at = now() + interval '14 minutes'
           WHERE clinic_id = $1 AND date = $2 AND start_time = '09:00'`,
          [clinic.clinicId, MONDAY],
        );
        expect(await hold(clinic, '09:00')).toMatchObject({ ok: false, reason: 'past' });
      });

      it('refuses a book that is older than the caller accepts', async () => {
        const clinic = await clinicWith();
        await stores.query(`UPDATE schedule_days SET read_at = now() - interval '10 minutes' WHERE clinic_id = $1`, [
          clinic.clinicId,
        ]);
        expect(await hold(clinic, '09:00', { maxAgeMinutes: 9 })).toMatchObject({ ok: false, reason: 'stale' });
        expect(await hold(clinic, '09:00', { maxAgeMinutes: 11 })).toMatchObject({ ok: true });
      });

      it('gives the same request the same booking, and another one under its key none', async () => {
        const clinic = await clinicWith([], 1);
        const first = await hold(clinic, '09:00', { requestKey: 'call-1' });
        const again = await hold(clinic, '09:00', { requestKey: 'call-1' });
        expect(again).toEqual({ ...first, before: 'pending', changed: false });
        expect(await hold(clinic, '09:30', { requestKey: 'call-1' })).toMatchObject({
          ok: false,
          reason: 'key_reused',
        });
        await stores.desk.confirm(clinic.organizationId, bookingOf(first).bookingId);
        expect(bookingOf(await hold(clinic, '09:00', { requestKey: 'call-1' })).status).toBe('confirmed');
        // A refusal is not remembered.
        expect(await hold(clinic, '09:00', { requestKey: 'call-2' })).toMatchObject({ ok: false, reason: 'full' });
        await stores.desk.cancel(clinic.organizationId, bookingOf(first).bookingId, 'caller');
        expect(await hold(clinic, '09:00', { requestKey: 'call-2' })).toMatchObject({ ok: true });
      });
    });

    describe('a crowd', () => {
      it('of 50 callers for the last place exactly one gets it', async () => {
        const clinic = await clinicWith(['09:00-09:15']);
        const desks = [stores.desk, ...[1, 2, 3, 4].map(() => stores.process().desk)];
        const results = await Promise.all(
          Array.from({ length: 50 }, (_, i) =>
            desks[i % desks.length]!.hold({
              ...keyOf(clinic),
              slot: { date: MONDAY, startTime: '09:00' },
              caller: { callId: `call-${i}` },
            }),
          ),
        );
        expect(results.filter((r) => r.ok)).toHaveLength(1);
        expect(results.filter((r) => !r.ok && r.reason === 'full')).toHaveLength(49);
        expect(await placesAt(clinic, '09:00')).toBe(0);
      });

      it('with overlapping wishes never gets more than the places', async () => {
        const clinic = await clinicWith(['09:30-09:45']);
        const starts = ['09:00', '09:15', '09:30', '09:45'];
        const results = await Promise.all(
          Array.from({ length: 48 }, (_, i) => hold(clinic, starts[i % 4]!, { minutes: i % 3 === 0 ? 30 : 15 })),
        );
        const bookings = results.filter((r) => r.ok).map(bookingOf);
        for (const [i, start] of starts.entries()) {
          const from = Date.parse(`2030-05-06T16:${String(i * 15).padStart(2, '0')}:00Z`);
          const here = bookings.filter((b) => b.startsAt < from + 900_000 && b.endsAt > from).length;
          expect(here + (start === '09:30' ? 1 : 0)).toBeLessThanOrEqual(2);
          expect(await placesAt(clinic, start)).toBe(2 - here - (start === '09:30' ? 1 : 0));
        }
        expect(bookings.length).toBeGreaterThanOrEqual(4);
      });

      it('with one key is one caller', async () => {
        const clinic = await clinicWith();
        const results = await Promise.all(
          Array.from({ length: 20 }, () => hold(clinic, '09:00', { requestKey: 'same' })),
        );
        expect(new Set(results.map((r) => bookingOf(r).bookingId)).size).toBe(1);
        expect(results.filter((r) => r.ok && r.changed)).toHaveLength(1);
        expect(await placesAt(clinic, '09:00')).toBe(1);
      });

      it('moving to one place gives it to one', async () => {
        const clinic = await clinicWith(['09:45-10:00']);
        const bookings = await Promise.all(
          ['09:00', '09:00', '09:15', '09:15', '09:30', '09:30'].map((time) => held(clinic, time)),
        );
        const moves = await Promise.all(
          bookings.map((b) =>
            stores.desk.move(clinic.organizationId, b.bookingId, { date: MONDAY, startTime: '09:45' }, 'caller'),
          ),
        );
        expect(moves.filter((r) => r.ok && r.changed)).toHaveLength(1);
        expect(moves.filter((r) => !r.ok && r.reason === 'full')).toHaveLength(5);
      });

      it('swapping places does not hang', async () => {
        const clinic = await clinicWith([], 2);
        const [a, b] = await Promise.all([held(clinic, '09:00'), held(clinic, '09:45')]);
        const to = (booking: Booking, startTime: string) =>
          stores.desk.move(clinic.organizationId, booking.bookingId, { date: MONDAY, startTime }, 'caller');
        for (let i = 0; i < 5; i++) {
          const moves = await Promise.all([to(a, '09:45'), to(b, '09:00'), to(a, '09:00'), to(b, '09:45')]);
          expect(moves.every((r) => r.ok)).toBe(true);
        }
      });

      it('is counted right while a run rewrites the slots', async () => {
        const clinic = await clinicWith([], 1);
        const results = await Promise.all([
          ...Array.from({ length: 20 }, () => hold(clinic, '09:00')),
          stores.sync(clinic, { window: WINDOW, reads: [readOf(MONDAY), readOf(TUESDAY)] }),
          stores.book
            .configure(clinic.fence, clinic.clinicId, { ...(await settingsOf(clinic, 20)) })
            .then(() => stores.book.regenerate(clinic.fence, clinic.clinicId, WINDOW)),
          ...Array.from({ length: 20 }, () => hold(clinic, '09:00')),
        ]);
        const won = results.filter((r) => r !== undefined && 'ok' in r && r.ok);
        expect(won).toHaveLength(1);
      });
    });

    async function settingsOf(clinic: ClinicUnderTest, slotMinutes: number) {
      const stored = (await stores.book.clinic(clinic))!;
      const { breaks: _, closedDays: __, ...hours } = stored.hours;
      return { ...stored, hours: { ...hours, slotMinutes }, sourceConfig: null };
    }

    describe('confirming', () => {
      it('makes a hold a booking, once', async () => {
        const clinic = await clinicWith();
        const booking = await held(clinic, '09:00');
        expect(await stores.desk.confirm(clinic.organizationId, booking.bookingId)).toMatchObject({
          ok: true,
          before: 'pending',
          changed: true,
          booking: { status: 'confirmed' },
        });
        expect(await stores.desk.confirm(clinic.organizationId, booking.bookingId)).toMatchObject({
          ok: true,
          before: 'confirmed',
          changed: false,
        });
        await stores.endHold(booking.bookingId);
        expect(await placesAt(clinic, '09:00')).toBe(1);
        expect(await stores.desk.expireHolds(clinic.organizationId, 100)).toEqual([]);
      });

      it('is too late when the hold is over, whether or not it was swept', async () => {
        const clinic = await clinicWith([], 1);
        const booking = await held(clinic, '09:00');
        await stores.endHold(booking.bookingId);
        expect(await placesAt(clinic, '09:00')).toBe(1);
        const late = await stores.desk.confirm(clinic.organizationId, booking.bookingId);
        expect(late).toEqual({ ok: false, reason: 'expired', otherTimes: [] });
        const next = await held(clinic, '09:00');
        expect(await stores.desk.expireHolds(clinic.organizationId, 100)).toEqual([booking.bookingId]);
        expect(await stores.desk.expireHolds(clinic.organizationId, 100)).toEqual([]);
        expect(await stores.desk.booking(clinic.organizationId, booking.bookingId)).toMatchObject({
          status: 'cancelled',
          cancelledReason: 'hold_expired',
          expired: true,
        });
        expect(await stores.desk.confirm(clinic.organizationId, booking.bookingId)).toMatchObject({
          reason: 'expired',
        });
        expect(await stores.desk.confirm(clinic.organizationId, next.bookingId)).toMatchObject({ ok: true });
      });

      it('never succeeds together with another hold of the expired place', async () => {
        for (let round = 0; round < 5; round++) {
          const clinic = await clinicWith([], 1);
          const booking = await held(clinic, '09:00');
          const [, confirmed, ...others] = await Promise.all([
            stores.endHold(booking.bookingId),
            stores.desk.confirm(clinic.organizationId, booking.bookingId),
            hold(clinic, '09:00'),
            hold(clinic, '09:00'),
          ]);
          expect([confirmed, ...others].filter((r) => r.ok).length).toBeLessThanOrEqual(1);
        }
      });

      it('is refused when the calendar took the place since; who came first keeps it', async () => {
        const clinic = await clinicWith();
        const first = await held(clinic, '09:00');
        const second = await held(clinic, '09:00');
        await stores.sync(clinic, { reads: [readOf(MONDAY, appointment('new', MONDAY, '09:00-09:15'))] });
        expect(await stores.desk.confirm(clinic.organizationId, second.bookingId)).toMatchObject({
          ok: false,
          reason: 'full',
          otherTimes: [{ startTime: '09:15' }, { startTime: '09:30' }, { startTime: '09:45' }],
        });
        expect(await stores.desk.confirm(clinic.organizationId, first.bookingId)).toMatchObject({ ok: true });
      });
    });

    describe('cancelling and moving', () => {
      it('cancelling gives the place back, once, for ever', async () => {
        const clinic = await clinicWith([], 1);
        const booking = await held(clinic, '09:00');
        expect(await stores.desk.cancel(clinic.organizationId, booking.bookingId, 'caller')).toMatchObject({
          ok: true,
          before: 'pending',
          changed: true,
          booking: { status: 'cancelled', cancelledReason: 'caller' },
        });
        expect(await stores.desk.cancel(clinic.organizationId, booking.bookingId, 'other')).toMatchObject({
          ok: true,
          changed: false,
          booking: { cancelledReason: 'caller' },
        });
        expect(await stores.desk.confirm(clinic.organizationId, booking.bookingId)).toMatchObject({
          reason: 'cancelled',
        });
        expect(await hold(clinic, '09:00')).toMatchObject({ ok: true });
      });

      it('moving keeps where it was first, and what it is', async () => {
        const clinic = await clinicWith([], 1);
        const booking = await held(clinic, '09:00', { minutes: 30 });
        const move = (to: object) =>
          stores.desk.move(
            clinic.organizationId,
            booking.bookingId,
            { date: MONDAY, startTime: '09:00', ...to },
            'caller',
          );
        expect(await move({})).toMatchObject({ ok: true, changed: false });
        // Its own place does not stand in its way.
        expect(await move({ startTime: '09:15' })).toMatchObject({
          ok: true,
          booking: { startTime: '09:15', status: 'pending', originalTime: '09:00', originalDate: MONDAY },
        });
        await stores.desk.confirm(clinic.organizationId, booking.bookingId);
        expect(await move({ date: TUESDAY })).toMatchObject({
          ok: true,
          before: 'confirmed',
          booking: { date: TUESDAY, startTime: '09:00', status: 'rescheduled', originalTime: '09:00' },
        });
        expect([await placesAt(clinic, '09:15'), await placesAt(clinic, '09:30')]).toEqual([1, 1]);
        expect(await move({ startTime: '09:50' })).toMatchObject({ ok: false, reason: 'no_slot' });
        expect(await move({ startTime: '09:45' })).toMatchObject({ ok: false, reason: 'no_slot' });
      });
    });

    describe('the clinic’s own appointment', () => {
      it('takes the place of the booking that it was made of, named by id', async () => {
        const clinic = await clinicWith();
        const booking = await held(clinic, '09:00');
        await stores.desk.confirm(clinic.organizationId, booking.bookingId);
        const link = (bookingId: string, id: string) => stores.desk.link(clinic.organizationId, bookingId, id);
        expect(await link(booking.bookingId, 'n1')).toMatchObject({ ok: true, booking: { seenInSource: false } });
        expect(await link(booking.bookingId, 'n1')).toMatchObject({ ok: true, changed: false });
        const other = await held(clinic, '09:00');
        expect(await link(other.bookingId, 'n1')).toMatchObject({ ok: false, reason: 'in_source' });
        await stores.desk.cancel(clinic.organizationId, other.bookingId, 'caller');
        await stores.sync(clinic, { reads: [readOf(MONDAY, appointment('n1', MONDAY, '09:00-09:15'))] });
        expect(await placesAt(clinic, '09:00')).toBe(1);
        expect(await stores.desk.booking(clinic.organizationId, booking.bookingId)).toMatchObject({
          seenInSource: true,
          neoAppointmentId: 'n1',
        });
        const to = { date: MONDAY, startTime: '09:30' };
        expect(await stores.desk.move(clinic.organizationId, booking.bookingId, to, 'caller')).toMatchObject({
          reason: 'in_source',
        });
        // From now on the calendar decides: what the clinic cancels is free.
        const gone = appointment('n1', MONDAY, '09:00-09:15', { status: 'cancelled' });
        await stores.sync(clinic, { reads: [readOf(MONDAY, gone)] });
        expect(await placesAt(clinic, '09:00')).toBe(2);
      });

      it('is recognised by time and phone, but only without doubt', async () => {
        const clinic = await clinicWith([], 4);
        const before = appointment('before', MONDAY, '09:00-09:15', { clientPhone: '+15550199' });
        await stores.sync(clinic, { reads: [readOf(MONDAY, before)] });
        const one = await held(clinic, '09:00');
        const two = await held(clinic, '09:15');
        const three = await held(clinic, '09:15');
        for (const b of [one, two, three]) await stores.desk.confirm(clinic.organizationId, b.bookingId);
        const made = (id: string, times: string) => appointment(id, MONDAY, times, { clientPhone: '+15550199' });
        await stores.sync(clinic, {
          reads: [readOf(MONDAY, before, made('n1', '09:00-09:15'), made('n2', '09:15-09:30'))],
        });
        const seen = async (b: Booking) =>
          (await stores.desk.booking(clinic.organizationId, b.bookingId))?.seenInSource;
        expect([await seen(one), await seen(two), await seen(three)]).toEqual([true, false, false]);
        expect([await placesAt(clinic, '09:00'), await placesAt(clinic, '09:15')]).toEqual([2, 1]);
      });
    });

    it('knows no booking of another organisation', async () => {
      const clinic = await clinicWith();
      const stranger = await stores.clinic();
      const { bookingId, confirmationNumber } = await held(clinic, '09:00');
      const { organizationId } = stranger;
      expect(await stores.desk.booking(organizationId, bookingId)).toBeNull();
      expect(await stores.desk.find(organizationId, confirmationNumber)).toBeNull();
      expect(await stores.desk.bookings({ organizationId, clinicId: clinic.clinicId }, WINDOW)).toEqual([]);
      const to = { date: MONDAY, startTime: '09:30' };
      for (const result of [
        await stores.desk.confirm(organizationId, bookingId),
        await stores.desk.cancel(organizationId, bookingId, 'x'),
        await stores.desk.move(organizationId, bookingId, to, 'x'),
        await stores.desk.link(organizationId, bookingId, 'n1'),
        await stores.desk.confirm(clinic.organizationId, 'x'),
        await hold({ ...clinic, organizationId }, '09:00'),
      ]) {
        expect(result).toEqual({ ok: false, reason: 'unknown', otherTimes: [] });
      }
      await stores.endHold(bookingId);
      expect(await stores.desk.expireHolds(organizationId, 100)).toEqual([]);
    });
  });
}

function keyOf({ organizationId, clinicId }: ClinicUnderTest) {
  return { organizationId, clinicId };
}

export function bookingOf(result: BookingResult): Booking {
  if (!result.ok) throw new Error(`It was refused: ${result.reason}.`);
  return result.booking;
}
