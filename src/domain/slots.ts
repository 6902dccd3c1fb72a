/**
 * The bookable slots of a clinic, and what takes their places.
 *
 * The grid of a day starts at the opening time and follows the wall clock. Where the clocks change it starts again, so that no
 * two slots share a minute of real time: the hour that comes twice gives two sets of slots, told apart by `fold`, and the hour
 * that is left out gives none. A slot that would reach over the change is left out too: its end would be in doubt.
 */
import { datesBetween, minutesOf, type Stretch, stretchesOf, timeOf, weekdayOf } from './clinic-day.ts';

const MINUTE_MS = 60_000;

/** Wall times `HH:MM`; `to` may be 24:00. */
export interface OpenHours {
  readonly from: string;
  readonly to: string;
}

export interface ClinicBreak extends OpenHours {
  readonly name: string;
  /** 0 = Sunday. */
  readonly days: readonly number[];
}

export interface ClinicHours {
  /** IANA. */
  readonly timeZone: string;
  /** By weekday, 0 = Sunday; a weekday without hours is closed. Each part has a grid of its own; parts that overlap are one. */
  readonly hours: Readonly<Partial<Record<number, readonly OpenHours[]>>>;
  readonly breaks: readonly ClinicBreak[];
  /** Dates on which the clinic is closed. */
  readonly closedDays: ReadonlySet<string>;
  readonly slotMinutes: number;
  /** Appointments at one time. */
  readonly capacity: number;
}

/** Instants in epoch milliseconds; the end is exclusive. */
export interface Interval {
  readonly startsAt: number;
  readonly endsAt: number;
}

export interface Slot extends Interval {
  readonly date: string;
  /** `HH:MM`. */
  readonly startTime: string;
  /** `HH:MM`, 24:00 at the end of the day. */
  readonly endTime: string;
  /** 1 when the clock shows this time for the second time that day. */
  readonly fold: 0 | 1;
  readonly capacity: number;
}

/** Capacity: one appointment per calendar column that counts; without columns, what the clinic says. */
export function capacityOf(rooms: number, defaultCapacity: number): number {
  return Math.max(1, rooms > 0 ? rooms : defaultCapacity);
}

/** All slots from `from` to `to`, both included, in the order of time. */
export function slotsBetween(from: string, to: string, clinic: ClinicHours): readonly Slot[] {
  return datesBetween(from, to).flatMap((date) => slotsOfDay(date, clinic));
}

export function slotsOfDay(date: string, clinic: ClinicHours): readonly Slot[] {
  const weekday = weekdayOf(date);
  const hours = joined((clinic.hours[weekday] ?? []).map(wallOf));
  if (hours.length === 0 || clinic.closedDays.has(date)) return [];
  const breaks = clinic.breaks.filter((b) => b.days.includes(weekday)).map(wallOf);
  const stretches = stretchesOf(date, clinic.timeZone);
  return stretches
    .flatMap((stretch, index) =>
      hours
        .flatMap((open) => gridOf(open, stretch, clinic.slotMinutes))
        .filter((start) => !breaks.some((b) => start < b.to && start + clinic.slotMinutes > b.from))
        .map((start) => slotAt(date, start, stretch, isRepeated(start, stretches.slice(0, index)), clinic)),
    )
    .sort((a, b) => a.startsAt - b.startsAt);
}

interface WallInterval {
  readonly from: number;
  readonly to: number;
}

/** A source may say hours twice, or those of each of its doctors. */
function joined(parts: readonly WallInterval[]): readonly WallInterval[] {
  const sorted = [...parts].sort((a, b) => a.from - b.from);
  const whole: WallInterval[] = [];
  for (const part of sorted) {
    const last = whole.at(-1);
    if (last === undefined || part.from >= last.to) whole.push(part);
    else whole[whole.length - 1] = { from: last.from, to: Math.max(last.to, part.to) };
  }
  return whole;
}

function wallOf(hours: OpenHours): WallInterval {
  return { from: minutesOf(hours.from), to: minutesOf(hours.to) };
}

/** Wall minutes at which a slot of `open` starts within the stretch. */
function gridOf(open: WallInterval, stretch: Stretch, slotMinutes: number): number[] {
  const wallEnd = stretch.wallStart + (stretch.endsAt - stretch.startsAt) / MINUTE_MS;
  const end = Math.min(open.to, wallEnd);
  const steps = Math.max(0, Math.ceil((stretch.wallStart - open.from) / slotMinutes));
  const starts: number[] = [];
  for (let start = open.from + steps * slotMinutes; start + slotMinutes <= end; start += slotMinutes)
    starts.push(start);
  return starts;
}

function isRepeated(start: number, earlier: readonly Stretch[]): 0 | 1 {
  return earlier.some((s) => start >= s.wallStart && start < s.wallStart + (s.endsAt - s.startsAt) / MINUTE_MS) ? 1 : 0;
}

function slotAt(date: string, start: number, stretch: Stretch, fold: 0 | 1, clinic: ClinicHours): Slot {
  const startsAt = stretch.startsAt + (start - stretch.wallStart) * MINUTE_MS;
  return {
    date,
    startTime: timeOf(start),
    endTime: timeOf(start + clinic.slotMinutes),
    fold,
    startsAt,
    endsAt: startsAt + clinic.slotMinutes * MINUTE_MS,
    capacity: clinic.capacity,
  };
}

export function overlaps(a: Interval, b: Interval): boolean {
  return a.startsAt < b.endsAt && a.endsAt > b.startsAt;
}

/** For each slot, how many of `busy` share time with it: those that began before its end, less those that ended by its beginning. */
export function countOverlaps(slots: readonly Interval[], busy: readonly Interval[]): readonly number[] {
  const starts = Float64Array.from(busy, (b) => b.startsAt).sort();
  const ends = Float64Array.from(busy, (b) => b.endsAt).sort();
  return slots.map((slot) => countBelow(starts, slot.endsAt) - countBelow(ends, slot.startsAt + 1));
}

/** @returns how many of the sorted numbers are less than `limit` */
function countBelow(sorted: Float64Array, limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface OpenSlot extends Interval {
  /** Free places; 0 when the slot cannot be booked. */
  readonly places: number;
}

/**
 * Slots at which something of `minutes` can begin: it and the slots that follow without a gap have places for all that time.
 *
 * @param slots in the order of time, not overlapping
 * @returns each with the fewest places of the time that it needs
 */
export function openingsOf<S extends OpenSlot>(
  slots: readonly S[],
  minutes: number,
  minPlaces = 1,
): readonly (S & { readonly endsAt: number })[] {
  const needed = minutes * MINUTE_MS;
  return slots.flatMap((first, index) => {
    let places = first.places;
    let end = first.endsAt;
    for (let next = index + 1; end - first.startsAt < needed && places >= minPlaces; next++) {
      const slot = slots[next];
      if (slot?.startsAt !== end) return [];
      places = Math.min(places, slot.places);
      end = slot.endsAt;
    }
    return places >= minPlaces ? [{ ...first, places, endsAt: first.startsAt + needed }] : [];
  });
}
