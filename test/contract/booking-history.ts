/**
 * Random histories of calls and calendar reads, in the weeks in which the clocks change, compared with a model that knows nothing
 * but minutes: which ones each appointment and each booking takes, and how many a slot has.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CalendarAppointment } from '../../src/domain/appointments.ts';
import { datesBetween } from '../../src/domain/clinic-day.ts';
import type { DateRead } from '../../src/domain/reconcile-appointments.ts';
import { type Slot, slotsBetween } from '../../src/domain/slots.ts';
import type { BookingResult, BookingStatus } from '../../src/ports/booking-desk.ts';
import { appointment, failedRead, settings } from '../support/book-samples.ts';
import type { ClinicUnderTest, SlotStoresUnderTest } from '../support/slot-stores.ts';

const CAPACITY = 2;
const MINUTE = 60_000;

/** Its second day is the one on which the clocks change. */
const WEEKS: readonly (readonly [timeZone: string, from: string, to: string])[] = [
  ['America/Los_Angeles', '2030-11-02', '2030-11-04'],
  ['America/Los_Angeles', '2030-03-09', '2030-03-11'],
  ['Europe/London', '2030-10-26', '2030-10-28'],
  ['Europe/London', '2030-03-30', '2030-04-01'],
  ['Australia/Lord_Howe', '2030-04-06', '2030-04-08'],
  ['Australia/Lord_Howe', '2030-10-05', '2030-10-07'],
];

type Step =
  | { readonly kind: 'hold'; readonly slot: number; readonly length: number }
  | { readonly kind: 'confirm' | 'cancel' | 'expire'; readonly booking: number }
  | { readonly kind: 'move'; readonly booking: number; readonly slot: number }
  | { readonly kind: 'sweep' }
  | {
      readonly kind: 'read';
      /** By id: in which slot each one begins and for how many minutes; null: the calendar does not have it. */
      readonly calendar: readonly ({
        readonly slot: number;
        readonly minutes: number;
        readonly cancelled: boolean;
      } | null)[];
      readonly failing: readonly number[];
    };

const index = fc.nat(60);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('hold' as const), slot: fc.nat(8), length: fc.constantFrom(1, 1, 2) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('confirm', 'cancel', 'expire'), booking: index }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), booking: index, slot: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      calendar: fc.array(
        fc.option(fc.record({ slot: fc.nat(12), minutes: fc.constantFrom(15, 30, 60), cancelled: fc.boolean() })),
        { minLength: 6, maxLength: 6 },
      ),
      failing: fc.subarray([0, 1, 2], { maxLength: 1 }),
    }),
  },
);

interface ModelBooking {
  readonly id: string;
  startsAt: number;
  endsAt: number;
  status: BookingStatus;
  expired: boolean;
}

class Model {
  readonly slots: readonly Slot[];
  readonly appointments = new Map<string, CalendarAppointment>();
  readonly bookings: ModelBooking[] = [];

  constructor(slots: readonly Slot[]) {
    this.slots = slots;
  }

  active(b: ModelBooking): boolean {
    return b.status === 'pending' ? !b.expired : b.status !== 'cancelled';
  }

  /** How many share any minute with the slot. */
  load(slot: Slot, bookings: readonly ModelBooking[]): number {
    const busy = [...this.appointments.values()].filter((a) => a.status !== 'cancelled');
    const minutes = Array.from(
      { length: (slot.endsAt - slot.startsAt) / MINUTE },
      (_, n) => slot.startsAt + n * MINUTE,
    );
    return [...busy, ...bookings.filter((b) => this.active(b))].filter((i) =>
      minutes.some((m) => i.startsAt <= m && m < i.endsAt),
    ).length;
  }

  /** Null: there is a place. */
  refusal(first: Slot, length: number, others: readonly ModelBooking[]): 'no_slot' | 'full' | null {
    const needed: Slot[] = [];
    for (let at = first.startsAt; at < first.startsAt + length; at = needed.at(-1)!.endsAt) {
      const next = this.slots.find((s) => s.startsAt === at && s.date === first.date);
      if (next === undefined) return 'no_slot';
      needed.push(next);
    }
    return needed.some((s) => this.load(s, others) >= CAPACITY) ? 'full' : null;
  }

  /** The guard's rule for a calendar that is suddenly empty. */
  read(reads: readonly DateRead[]): void {
    const fetched = reads.flatMap((r) => (r.state === 'complete' ? r.appointments : []));
    const before = this.appointments.size;
    if (reads.every((r) => r.state === 'complete') && !(fetched.length === 0 && before > 1)) this.appointments.clear();
    for (const a of fetched) this.appointments.set(a.neoAppointmentId, a);
  }
}

export function describeBookingHistories(name: string, makeStores: () => Promise<SlotStoresUnderTest>, runs = 6): void {
  describe(`histories of a slot book: ${name}`, () => {
    let stores: SlotStoresUnderTest;
    beforeAll(async () => {
      stores = await makeStores();
    });
    afterAll(() => stores.close());

    it.each(WEEKS)('%s %s: every call and every place is as the model says', async (timeZone, from, to) => {
      const histories = fc.array(step, { minLength: 8, maxLength: 20 });
      await fc.assert(
        fc.asyncProperty(histories, (steps) => play(steps, timeZone, { from, to })),
        {
          numRuns: runs,
          endOnFailure: true,
        },
      );
    });

    async function play(steps: readonly Step[], timeZone: string, window: { from: string; to: string }): Promise<void> {
      const night = [{ from: '00:30', to: '03:30' }];
      const hours = {
        timeZone,
        slotMinutes: 30,
        capacity: CAPACITY,
        hours: Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((day) => [day, night])),
      };
      const clinic = await stores.clinic({}, hours);
      const given = settings({}, hours).hours;
      const model = new Model(slotsBetween(window.from, window.to, { ...given, breaks: [], closedDays: new Set() }));
      const dates = datesBetween(window.from, window.to);
      await stores.sync(clinic, {
        window,
        reads: dates.map((date) => ({ date, state: 'complete', readAt: Date.now(), appointments: [] })),
      });
      // The day of the change is where most happens.
      const middle = model.slots.findIndex((s) => s.date === dates[1]);
      const slotAt = (n: number) => model.slots[(middle + n) % model.slots.length]!;
      for (const one of steps) {
        await take(one, clinic, model, slotAt, { timeZone, window, dates });
        await comparePlaces(clinic, model, window);
      }
    }

    async function take(
      one: Step,
      clinic: ClinicUnderTest,
      model: Model,
      slotAt: (n: number) => Slot,
      at: { timeZone: string; window: { from: string; to: string }; dates: readonly string[] },
    ): Promise<void> {
      if (one.kind === 'sweep') {
        const over = model.bookings.filter((b) => b.status === 'pending' && b.expired);
        const swept = await stores.desk.expireHolds(clinic.organizationId, 100);
        expect([...swept].sort()).toEqual(over.map((b) => b.id).sort());
        for (const b of over) b.status = 'cancelled';
      } else if (one.kind === 'read') {
        const reads = readsOf(one, slotAt, at);
        const guardLimits = { maxCount: 1000, maxPercent: 100, minCount: 2 };
        await stores.sync(clinic, { window: at.window, reads, guardLimits });
        model.read(reads);
      } else if (one.kind === 'hold') {
        const slot = slotAt(one.slot);
        const minutes = one.length * 30;
        const { date, startTime, fold } = slot;
        const result = await stores.desk.hold({ ...clinic, slot: { date, startTime, fold }, minutes, caller: {} });
        expect(reasonOf(result)).toBe(model.refusal(slot, minutes * MINUTE, model.bookings));
        if (!result.ok) return;
        const { bookingId: id, startsAt, endsAt } = result.booking;
        expect([startsAt, endsAt]).toEqual([slot.startsAt, slot.startsAt + minutes * MINUTE]);
        model.bookings.push({ id, startsAt, endsAt, status: 'pending', expired: false });
      } else {
        const booking = model.bookings[one.booking % Math.max(1, model.bookings.length)];
        if (booking !== undefined) await change(one, booking, clinic, model, slotAt);
      }
    }

    async function change(
      one: Step & { booking: number },
      booking: ModelBooking,
      clinic: ClinicUnderTest,
      model: Model,
      slotAt: (n: number) => Slot,
    ): Promise<void> {
      const { organizationId } = clinic;
      const stopped =
        booking.status === 'cancelled'
          ? booking.expired
            ? 'expired'
            : 'cancelled'
          : booking.expired
            ? 'expired'
            : null;
      if (one.kind === 'expire') {
        if (booking.status !== 'pending') return;
        await stores.endHold(booking.id);
        booking.expired = true;
      } else if (one.kind === 'cancel') {
        expect(reasonOf(await stores.desk.cancel(organizationId, booking.id, 'caller'))).toBeNull();
        if (booking.status !== 'cancelled') booking.expired = false;
        booking.status = 'cancelled';
      } else if (one.kind === 'confirm') {
        const ahead = model.bookings.filter(
          (b, i) => b !== booking && (b.status !== 'pending' || i < model.bookings.indexOf(booking)),
        );
        const slots = model.slots.filter((s) => s.startsAt < booking.endsAt && s.endsAt > booking.startsAt);
        const full = booking.status === 'pending' && slots.some((s) => model.load(s, ahead) >= CAPACITY);
        expect(reasonOf(await stores.desk.confirm(organizationId, booking.id))).toBe(stopped ?? (full ? 'full' : null));
        if (stopped === null && !full && booking.status === 'pending') booking.status = 'confirmed';
      } else if (one.kind === 'move') {
        const to = slotAt(one.slot);
        const length = booking.endsAt - booking.startsAt;
        const others = model.bookings.filter((b) => b !== booking);
        const refusal = to.startsAt === booking.startsAt ? null : model.refusal(to, length, others);
        const { date, startTime, fold } = to;
        const result = await stores.desk.move(organizationId, booking.id, { date, startTime, fold }, 'caller');
        expect(reasonOf(result)).toBe(stopped ?? refusal);
        if (!result.ok || to.startsAt === booking.startsAt) return;
        if (booking.status !== 'pending') booking.status = 'rescheduled';
        booking.startsAt = to.startsAt;
        booking.endsAt = to.startsAt + length;
      }
    }

    async function comparePlaces(clinic: ClinicUnderTest, model: Model, window: { from: string; to: string }) {
      const found = await stores.book.availability({ ...clinic, ...window, minPlaces: 0 });
      expect(found.map((s) => `${s.date} ${s.startTime} ${s.fold}: ${s.places}`)).toEqual(
        model.slots.map(
          (s) => `${s.date} ${s.startTime} ${s.fold}: ${Math.max(0, CAPACITY - model.load(s, model.bookings))}`,
        ),
      );
      const stored = await stores.desk.bookings(clinic, window);
      const active = model.bookings.filter((b) => model.active(b));
      expect(stored.map((b) => `${b.bookingId} ${b.status}`).sort()).toEqual(
        active.map((b) => `${b.id} ${b.status}`).sort(),
      );
    }
  });
}

function readsOf(
  one: Step & { kind: 'read' },
  slotAt: (n: number) => Slot,
  at: { timeZone: string; dates: readonly string[] },
): DateRead[] {
  const calendar = one.calendar.flatMap((entry, id) => {
    if (entry === null) return [];
    const { date, startTime } = slotAt(entry.slot);
    const end = Number(startTime.slice(0, 2)) * 60 + Number(startTime.slice(3)) + entry.minutes;
    const endTime = `${String(Math.floor(end / 60)).padStart(2, '0')}:${String(end % 60).padStart(2, '0')}`;
    const status = entry.cancelled ? ('cancelled' as const) : ('scheduled' as const);
    return [appointment(`a${id}`, date, `${startTime}-${endTime}`, { status }, at.timeZone)];
  });
  return at.dates.map((date, i) =>
    one.failing.includes(i)
      ? failedRead(date)
      : { date, state: 'complete', readAt: Date.now(), appointments: calendar.filter((a) => a.date === date) },
  );
}

function reasonOf(result: BookingResult): string | null {
  return result.ok ? null : result.reason;
}
