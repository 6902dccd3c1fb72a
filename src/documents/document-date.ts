/**
 * Guesses the date of a document: the day it was written, which is hardly ever the day its file was made.
 *
 * Numbers are read day first, as Australia writes them; month first only where the other is impossible.
 */
import type { DocumentDateGuess } from '../ports/document-content.ts';

/** Letters have their date at the top. */
const WITHIN = 4_000;

/** How far before a date the words that say what it is of can be. */
const LABEL_DISTANCE = 48;

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

const MONTH =
  '(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)';

const DATE = new RegExp(
  [
    '(?<![\\d./-])(\\d{4})-(\\d{2})-(\\d{2})(?!\\d)',
    '(?<![\\d./-])(\\d{1,2})[./-](\\d{1,2})[./-](\\d{4}|\\d{2})(?![\\d/-])',
    `(?<!\\d)(\\d{1,2})(?:st|nd|rd|th)?[ -]+(?:of +)?${MONTH}\\.?,?[ -]+(\\d{4})(?!\\d)`,
    `\\b${MONTH}\\.? +(\\d{1,2})(?:st|nd|rd|th)?,? +(\\d{4})(?!\\d)`,
  ].join('|'),
  'gi',
);

/** The date of the document. */
const LABEL =
  /\b(?:date of (?:report|letter|assessment|consultation|examination|issue|service|visit)|(?:report|letter|consultation|visit|exam(?:ination)?|assessment|service|issue|document) date|date(?:d| signed| issued)?|reported|printed)\b[^\p{L}\d]{0,12}$/iu;

/** The date of something else, mostly of a birth. */
const OTHER =
  /\b(?:d\.?o\.?b\.?|date of (?:birth|injury|accident|admission|onset|death)|born|birth ?date|injury|accident|expir\w*|valid (?:until|to)|next (?:appointment|review)|due|appointment|review)\b[^\n]{0,16}$/i;

export interface DateSources {
  /** When a mail was sent, `YYYY-MM-DD`. */
  readonly mailDate: string | null;
  readonly firstPage: string;
  readonly fileName: string | null;
  /** CreationDate of a PDF: `D:20240305…`. */
  readonly metadata: string | null;
  /** `YYYY-MM-DD`. No document is from the future. */
  readonly today: string;
}

export function guessDate(sources: DateSources): DocumentDateGuess | null {
  const possible = (date: string | null): date is string =>
    date !== null && date >= '1950-01-01' && date <= sources.today;
  if (possible(sources.mailDate)) return { date: sources.mailDate, confidence: 0.95, from: 'mail_header' };
  const found = datesIn(sources.firstPage.slice(0, WITHIN)).filter(({ date }) => possible(date));
  const labelled = found.find(({ before }) => LABEL.test(before) && !OTHER.test(before));
  if (labelled !== undefined) return { date: labelled.date, confidence: 0.9, from: 'label' };
  const named = datesIn((sources.fileName ?? '').replace(/[_ ]/g, ' ')).find(({ date }) => possible(date));
  const compact = compactDate(sources.fileName ?? '');
  const nameDate = named?.date ?? (possible(compact) ? compact : null);
  const others = found.filter(({ before }) => !OTHER.test(before));
  if (nameDate !== null) {
    const confidence = others.some(({ date }) => date === nameDate) ? 0.85 : 0.6;
    return { date: nameDate, confidence, from: 'file_name' };
  }
  const first = others[0];
  if (first !== undefined) {
    // With one date only there is little to confuse it with.
    const alone = new Set(others.map(({ date }) => date)).size === 1;
    return { date: first.date, confidence: alone ? 0.65 : 0.45, from: 'text' };
  }
  const metadata = compactDate(sources.metadata ?? '');
  return possible(metadata) ? { date: metadata, confidence: 0.3, from: 'metadata' } : null;
}

interface FoundDate {
  readonly date: string;
  /** The text before it on the same line and the one above. */
  readonly before: string;
}

function datesIn(text: string): FoundDate[] {
  const found: FoundDate[] = [];
  for (const match of text.matchAll(DATE)) {
    const date = dateOf(match);
    if (date !== null) found.push({ date, before: text.slice(Math.max(0, match.index - LABEL_DISTANCE), match.index) });
  }
  return found;
}

function dateOf(match: RegExpExecArray): string | null {
  const [, isoYear, isoMonth, isoDay, first, second, year, day, month, monthYear, month2, day2, monthYear2] = match;
  if (isoYear !== undefined) return calendarDate(Number(isoYear), Number(isoMonth), Number(isoDay));
  if (month !== undefined) return calendarDate(Number(monthYear), monthNumber(month), Number(day));
  if (month2 !== undefined) return calendarDate(Number(monthYear2), monthNumber(month2), Number(day2));
  const fullYear = year!.length === 2 ? 2000 + Number(year) : Number(year);
  return calendarDate(fullYear, Number(second), Number(first)) ?? calendarDate(fullYear, Number(first), Number(second));
}

/** `20240305` with nothing else of numbers around it. */
function compactDate(text: string): string | null {
  const match = /(?<!\d)((?:19|20)\d{2})(\d{2})(\d{2})(?!\d{1,5}(?:\D|$))/.exec(text);
  return match === null ? null : calendarDate(Number(match[1]), Number(match[2]), Number(match[3]));
}

function monthNumber(name: string): number {
  return MONTHS.indexOf(name.slice(0, 3).toLowerCase()) + 1;
}

function calendarDate(year: number, month: number, day: number): string | null {
  const date = new Date(Date.UTC(year, month - 1, day));
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  return date.toISOString().slice(0, 10);
}
