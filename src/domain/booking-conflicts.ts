/**
 * Bookings that have no place any more, and where they could go.
 *
 * After a read of the calendar a slot may hold more appointments than when its places were promised. What was promised last gives
 * way first, and what was only held before what was confirmed. A proposal is a proposal: nobody's confirmed time changes here.
 */
import { type Interval, openingsOf, overlaps } from './slots.ts';

export interface DaySlot extends Interval {
  readonly id: string;
  readonly capacity: number;
  /** Appointments of the calendar that overlap it. */
  readonly appointments: number;
  /** False for slots that are kept only because of a booking. */
  readonly offered: boolean;
}

/** A booking that takes a place. */
export interface BookedTime extends Interval {
  readonly id: string;
  readonly held: boolean;
  /** When it was made, epoch ms. */
  readonly madeAt: number;
}

export interface Proposal extends Interval {
  readonly slotId: string;
}

export interface BookingConflict {
  readonly bookingId: string;
  /** `closed`: some of its time is outside the opening hours now. */
  readonly reason: 'full' | 'closed';
  /** The next opening later that day, else the first one of the day; null: there is none. */
  readonly proposal: Proposal | null;
}

/**
 * @param slots of one day, in the order of time
 * @param bookings of that day that take a place
 * @param now epoch ms; nothing is proposed before it
 */
export function conflictsOfDay(
  slots: readonly DaySlot[],
  bookings: readonly BookedTime[],
  now: number,
): readonly BookingConflict[] {
  const offered = slots.filter((slot) => slot.offered);
  const reasons = new Map<string, BookingConflict['reason']>();
  for (const booking of bookings) if (!isCovered(booking, offered)) reasons.set(booking.id, 'closed');
  for (const slot of offered) {
    const here = bookings.filter((b) => !reasons.has(b.id) && overlaps(b, slot)).sort(byWeight);
    const excess = slot.appointments + here.length - slot.capacity;
    for (const booking of excess > 0 ? here.slice(-excess) : []) reasons.set(booking.id, 'full');
  }
  const taken: Interval[] = bookings.filter((b) => !reasons.has(b.id));
  return bookings
    .filter((b) => reasons.has(b.id))
    .sort(byWeight)
    .map((booking) => {
      const proposal = proposalFor(booking, offered, taken, now);
      if (proposal !== null) taken.push(proposal);
      return { bookingId: booking.id, reason: reasons.get(booking.id)!, proposal };
    });
}

/** Whoever comes first keeps its place longest. */
function byWeight(a: BookedTime, b: BookedTime): number {
  return Number(a.held) - Number(b.held) || a.madeAt - b.madeAt || (a.id < b.id ? -1 : 1);
}

function isCovered(booking: Interval, slots: readonly Interval[]): boolean {
  let reached = booking.startsAt;
  for (const slot of slots) if (slot.startsAt <= reached && slot.endsAt > reached) reached = slot.endsAt;
  return reached >= booking.endsAt;
}

function proposalFor(
  booking: Interval,
  slots: readonly DaySlot[],
  taken: readonly Interval[],
  now: number,
): Proposal | null {
  const free = slots.map((slot) => ({
    ...slot,
    places: slot.capacity - slot.appointments - taken.filter((t) => overlaps(t, slot)).length,
  }));
  const minutes = (booking.endsAt - booking.startsAt) / 60_000;
  const [best] = nearestOpenings(
    openingsOf(free, minutes).filter((o) => o.startsAt > now),
    booking.startsAt,
  );
  return best === undefined ? null : { slotId: best.id, startsAt: best.startsAt, endsAt: best.endsAt };
}

/** Later ones first, the next one before all; then those before `at`, from the first of the day. */
export function nearestOpenings<O extends Interval>(openings: readonly O[], at: number): readonly O[] {
  return [...openings.filter((o) => o.startsAt >= at), ...openings.filter((o) => o.startsAt < at)];
}
