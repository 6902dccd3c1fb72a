/** What the portal's texts for the state of an appointment mean. */
import type { CalendarState } from '../../domain/appointments.ts';

/** The first that fits counts: a late cancellation is a cancellation, and "not arrived" contains "arrived". */
const RULES: readonly (readonly [RegExp, CalendarState])[] = [
  [/cancel/, 'cancelled'],
  [/no[\s_-]?show/, 'no_show'],
  [/finali[sz]ed|\bcomplete/, 'finalized'],
  [/progress|checked[\s_-]?in/, 'in_progress'],
  [/not[\s_-]arrived/, 'scheduled'],
  [/\barrived/, 'in_progress'],
  [/\blate\b/, 'scheduled'],
];

/** An unknown text keeps its place: a place too many that is kept free costs less than one that is sold twice. */
export function stateOf(text: string): { readonly state: CalendarState; readonly known: boolean } {
  const lower = text.trim().toLowerCase();
  const rule = RULES.find(([pattern]) => pattern.test(lower));
  return rule === undefined ? { state: 'scheduled', known: false } : { state: rule[1], known: true };
}
