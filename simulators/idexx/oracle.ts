/**
 * What a correct copy of a clinic's calendar must hold, worked out from the world alone.
 *
 * It looks at no answer of the portal, and shares no code with whatever makes the copy.
 */
import { expectedPhone } from './people.ts';
import { DEFAULT_VARIANT, type PortalVariant } from './portal.ts';
import type { ExpectedStatus } from './statuses.ts';
import { addMinutes, at, type Day, dayOf, timeOf, type Wall, weekdayOf } from './wall.ts';
import {
  type BusinessHours,
  type CalendarEvent,
  type Clinic,
  endOf,
  isShown,
  peopleOf,
  shownId,
  statusOf,
  titleOf,
} from './world.ts';

export interface ExpectedAppointment {
  /** What the portal calls `id`. */
  readonly externalId: string;
  readonly block: boolean;
  /** Of the start. */
  readonly date: Day;
  /** `HH:MM` */
  readonly startTime: string;
  readonly endTime: string;
  readonly start: Wall;
  /** Where the portal gives no end: the type's duration, else one slot. */
  readonly end: Wall;
  readonly patientName: string | null;
  readonly clientFirstName: string | null;
  readonly clientLastName: string | null;
  /** As typed at the desk. */
  readonly clientPhoneRaw: string | null;
  /** E.164; null when the number has neither ten digits nor eleven with a leading 1. */
  readonly clientPhone: string | null;
  readonly providerName: string | null;
  readonly roomId: string;
  /** `block` for blocks. */
  readonly appointmentType: string | null;
  readonly status: ExpectedStatus;
  readonly rawStatus: string | null;
  /** The status text is none that a copy can know. */
  readonly unknownStatus: boolean;
}

export interface SlotRules {
  readonly hours: readonly BusinessHours[];
  readonly breaks: readonly BusinessHours[];
  readonly slotMinutes: number;
  /** Places at a time. */
  readonly capacity: number;
  /** Only these columns count; null: all. */
  readonly roomIds: readonly string[] | null;
}

export interface ExpectedSlot {
  readonly date: Day;
  readonly startTime: string;
  readonly endTime: string;
  readonly capacity: number;
  readonly bookedCount: number;
}

/** What of the portal's behaviour changes what can be known. */
export type Seen = Partial<Pick<PortalVariant, 'calendarShape' | 'cancelled' | 'language' | 'sharedBlockIds'>>;

/** Appointments and blocks that begin on one of these days, by start and id. Rosters never count. */
export function expectedAppointments(clinic: Clinic, dates: Iterable<Day>, seen: Seen = {}): ExpectedAppointment[] {
  const days = new Set(dates);
  return clinic.events
    .filter((event) => days.has(dayOf(event.start)) && counts(event, seen))
    .map((event) => expected(clinic, event, { ...DEFAULT_VARIANT, ...seen }))
    .sort((a, b) => compare(a.start, b.start) || compare(a.externalId, b.externalId));
}

/** The rules a clinic has of its own: all rooms, its hours and breaks. */
export function rulesOf(clinic: Clinic): SlotRules {
  return {
    hours: clinic.hours,
    breaks: clinic.breaks,
    slotMinutes: clinic.slotMinutes,
    capacity: Math.max(1, clinic.rooms.length),
    roomIds: null,
  };
}

/**
 * The slots of these days. One begins every `slotMinutes` from the opening, as long as it ends by the closing, unless it
 * overlaps a break; it counts every appointment and block that overlaps it, whatever day that one began, but
 * neither cancelled ones nor no-shows. Days and hours are those on the dial: a change of the clock moves nothing.
 */
export function expectedSlotCounts(
  clinic: Clinic,
  dates: Iterable<Day>,
  rules: SlotRules = rulesOf(clinic),
  seen: Seen = {},
): ExpectedSlot[] {
  const language = seen.language ?? DEFAULT_VARIANT.language;
  const busy = clinic.events
    .filter((event) => {
      if (!counts(event, seen) || !(rules.roomIds?.includes(event.roomId) ?? true)) return false;
      if (event.kind === 'block') return true;
      const { status } = statusOf(event, { language });
      return status !== 'cancelled' && status !== 'no_show';
    })
    .map((event) => ({ start: event.start, end: endOf(clinic, event) }));

  const slots: ExpectedSlot[] = [];
  for (const date of [...new Set(dates)].sort(compare)) {
    const breaks = hoursOn(rules.breaks, date);
    for (const open of hoursOn(rules.hours, date)) {
      for (let start = open.start; ; start = addMinutes(start, rules.slotMinutes)) {
        const end = addMinutes(start, rules.slotMinutes);
        if (end > open.end) break;
        const overlaps = (other: { start: Wall; end: Wall }): boolean => other.start < end && other.end > start;
        if (breaks.some(overlaps)) continue;
        slots.push({
          date,
          startTime: timeOf(start),
          endTime: timeOf(end),
          capacity: rules.capacity,
          bookedCount: busy.filter(overlaps).length,
        });
      }
    }
  }
  return slots;
}

function counts(event: CalendarEvent, seen: Seen): boolean {
  return event.kind !== 'roster' && isShown(event, { cancelled: seen.cancelled ?? DEFAULT_VARIANT.cancelled });
}

function expected(clinic: Clinic, event: CalendarEvent, seen: Required<Seen>): ExpectedAppointment {
  const isBlock = event.kind === 'block';
  const compact = seen.calendarShape === 'compact';
  const people = peopleOf(clinic, event.patientId);
  const end = endOf(clinic, event);
  const { status, unknown, text } = statusOf(event, seen);
  // The title has capitals only: what was small before is lost.
  const [fromTitle, last, first] = event.titleOnly ? titleOf(clinic, event).split(/; |, /) : [];
  return {
    externalId: shownId(event, seen),
    block: isBlock,
    date: dayOf(event.start),
    startTime: timeOf(event.start),
    endTime: timeOf(end),
    start: event.start,
    end,
    patientName: fromTitle ?? people.patientName,
    clientFirstName: first ?? people.firstName,
    clientLastName: last ?? people.lastName,
    clientPhoneRaw: people.phone,
    clientPhone: people.phone === null ? null : expectedPhone(people.phone),
    providerName: clinic.providers.find(({ id }) => id === event.providerId)?.name ?? null,
    roomId: compact ? `room-${event.roomId}` : event.roomId,
    appointmentType: isBlock ? 'block' : (clinic.types.find(({ id }) => id === event.typeId)?.name ?? null),
    status: isBlock ? 'scheduled' : status,
    rawStatus: isBlock ? null : text,
    unknownStatus: !isBlock && unknown,
  };
}

function hoursOn(hours: readonly BusinessHours[], day: Day): { start: Wall; end: Wall }[] {
  const weekday = weekdayOf(day);
  return hours
    .filter(({ daysOfWeek }) => daysOfWeek.includes(weekday))
    .map(({ start, end }) => ({ start: at(day, start), end: at(day, end) }));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
