/**
 * Appointments that go from one date to another while a calendar is read date by date.
 *
 * One that left a date before that was read, for a date that had been read by then, is on neither; one that was read at both is on
 * two. Which answer came before which is known by the order of a run's own events: `began` and `ended` of reads are its numbers, so
 * no clock and no two reads within one millisecond can blur it.
 */
import { appointmentHash, type CalendarAppointment } from '../../domain/appointments.ts';

export interface CalendarSight {
  readonly date: string;
  /** Before the question was sent. */
  readonly began: number;
  /** After the answer had come. */
  readonly ended: number;
  readonly appointments: readonly CalendarAppointment[];
}

export interface Sightings {
  /** In the order in which the answers came. The last one of a date counts. */
  note(sight: CalendarSight): void;
  /** The date could not be read again: what it showed before does not count. */
  drop(date: string): void;
  /** Dates whose answer may be older than a move of which another date tells; empty: every appointment is where it was read, or gone. */
  readAgain(): readonly string[];
  /** Appointments that no date shows, although one did, or was known to have them. */
  missing(): readonly string[];
  /** Dates of which appointments are still looked for, or are on another one as well. */
  unsettled(): ReadonlyMap<string, 'source_incomplete' | 'source_contract_changed'>;
}

/** @param stored appointments that a date of the window is known to have had */
export function createSightings(
  stored: readonly { readonly neoAppointmentId: string; readonly date: string }[],
): Sightings {
  const sights = new Map<string, CalendarSight>();
  /** Where each was seen last. */
  const known = new Map(stored.map((a) => [a.neoAppointmentId, a.date]));
  /** When the first answer came in which one was missing: it had left by then. */
  const leftBy = new Map<string, number>();

  /** Those that are shown on no date, each with the dates that were asked for before it can be said to have left. */
  function lost(): { readonly from: string; readonly maybeAt: readonly string[] }[] {
    return [...leftBy].flatMap(([id, ended]) => {
      const from = known.get(id)!;
      const maybeAt = [...sights.values()].filter((sight) => sight.date !== from && sight.began < ended);
      return maybeAt.length === 0 ? [] : [{ from, maybeAt: maybeAt.map((sight) => sight.date) }];
    });
  }

  /** For each that two dates show differently, those dates, the one that was asked for last at the end. */
  function twice(): string[][] {
    const shown = [...sights.values()].flatMap((sight) =>
      sight.appointments.map((appointment) => ({ sight, appointment })),
    );
    return (
      [...Map.groupBy(shown, ({ appointment }) => appointment.neoAppointmentId).values()]
        .filter((places) => places.length > 1)
        // What reaches over midnight is the same on both dates.
        .filter((places) => new Set(places.map(({ appointment }) => appointmentHash(appointment))).size > 1)
        .map((places) => places.sort((a, b) => a.sight.began - b.sight.began).map(({ sight }) => sight.date))
    );
  }

  return {
    note(sight) {
      const shown = new Set(sight.appointments.map((a) => a.neoAppointmentId));
      for (const id of shown) {
        known.set(id, sight.date);
        leftBy.delete(id);
      }
      sights.set(sight.date, sight);
      for (const [id, date] of known) {
        if (date !== sight.date || shown.has(id) || leftBy.has(id)) continue;
        // Over midnight: its other date may still show it.
        const elsewhere = [...sights.values()].find((s) => s.appointments.some((a) => a.neoAppointmentId === id));
        if (elsewhere === undefined) leftBy.set(id, sight.ended);
        else known.set(id, elsewhere.date);
      }
    },
    drop: (date) => {
      sights.delete(date);
    },
    readAgain() {
      const dates = new Set(lost().flatMap(({ maybeAt }) => maybeAt));
      for (const found of twice()) for (const date of found.slice(0, -1)) dates.add(date);
      return [...dates].sort();
    },
    missing: () => [...leftBy.keys()],
    unsettled: () =>
      new Map([
        ...lost().map(({ from }) => [from, 'source_incomplete'] as const),
        ...twice()
          .flat()
          .map((date) => [date, 'source_contract_changed'] as const),
      ]),
  };
}
