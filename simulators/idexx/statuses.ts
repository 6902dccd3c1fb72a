/** The status texts of the portal, and what each must become in a copy. */

export type Stage =
  | 'booked'
  | 'confirmed'
  | 'late'
  | 'arrived'
  | 'inProgress'
  | 'readyToPay'
  | 'finalized'
  | 'noShow'
  | 'cancelled';
export type Language = 'en' | 'de';
export type ExpectedStatus = 'scheduled' | 'finalized' | 'no_show' | 'cancelled' | 'in_progress';

export const STAGE_TEXTS: Readonly<Record<Language, Readonly<Record<Stage, string>>>> = {
  en: {
    booked: 'Not arrived',
    confirmed: 'Confirmed by phone',
    late: 'Late',
    arrived: 'Arrived',
    inProgress: 'In Progress',
    readyToPay: 'Ready to Pay',
    finalized: 'Finalized',
    noShow: 'No Show',
    cancelled: 'Cancelled',
  },
  de: {
    booked: 'Nicht eingetroffen',
    confirmed: 'Telefonisch bestätigt',
    late: 'Verspätet',
    arrived: 'Eingetroffen',
    inProgress: 'In Behandlung',
    readyToPay: 'Zahlung offen',
    finalized: 'Abgeschlossen',
    noShow: 'Nicht erschienen',
    cancelled: 'Storniert',
  },
};

/** Texts, in lower case, that a copy must know. Whatever is not here counts as scheduled and as unknown. */
const KNOWN: Readonly<Record<string, ExpectedStatus>> = {
  'not arrived': 'scheduled',
  late: 'scheduled',
  arrived: 'in_progress',
  'in progress': 'in_progress',
  checked_in: 'in_progress',
  finalized: 'finalized',
  complete: 'finalized',
  completed: 'finalized',
  'no show': 'no_show',
  'no-show': 'no_show',
  cancelled: 'cancelled',
  canceled: 'cancelled',
  'cancelled by client': 'cancelled',
  'late cancellation': 'cancelled',
};

export function expectedStatus(text: string): { status: ExpectedStatus; unknown: boolean } {
  const status = KNOWN[text.toLowerCase()];
  return status ? { status, unknown: false } : { status: 'scheduled', unknown: true };
}

/** Spellings that turn up in place of the usual text of a stage. */
export const OTHER_TEXTS: Readonly<Partial<Record<Stage, readonly string[]>>> = {
  arrived: ['checked_in'],
  finalized: ['Complete', 'completed'],
  noShow: ['No-Show', 'NO SHOW'],
  cancelled: ['Canceled', 'Cancelled by client', 'Late cancellation'],
};
