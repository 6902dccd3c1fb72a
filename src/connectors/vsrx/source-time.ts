/**
 * Times of the source: wall clock without a zone, read in the zone that the mapping names.
 *
 * A million times have to be read in a second, so the offset of a day without a clock change is remembered; only times
 * of a day with a change are worked out one by one. In a gap or an overlap `compatible` of Temporal (RFC 5545) holds.
 */
import { Temporal } from 'temporal-polyfill';

export interface SourceTime {
  /** ISO instant with milliseconds, or null: no time, a zero date, or text that is no date. */
  readonly instant: string | null;
  /** The source's own value, spelled the same way by every database; null when there is none. */
  readonly raw: string | null;
}

/**
 * @param text  `YYYY-MM-DD[ hh:mm:ss[.f]]`, with an offset when the column knows its zone
 * @param isUtc the text is UTC although it does not say so
 */
export type ReadTime = (text: string | null, isUtc: boolean) => SourceTime;

const TIME = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?)?(?:(Z)|([+-]\d\d)(?::?([0-5]\d))?)?$/;
const NONE: SourceTime = { instant: null, raw: null };
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const REMEMBERED_DAYS = 50_000;

interface Day {
  /** Epoch ms of the day's midnight in UTC. */
  readonly midnight: number;
  /** Offset in ms of every time of the day; null when the clock is changed in it. */
  readonly offset: number | null;
}

/** @param timeZone IANA name, valid */
export function createTimeReader(timeZone: string): ReadTime {
  /** By year, month and day in one number; null: there is no such day. */
  const days = new Map<number, Day | null>();

  function dayOf(text: string): Day | null {
    const key = number(text, 0, 4) * 10_000 + number(text, 5, 7) * 100 + number(text, 8, 10);
    const known = days.get(key);
    if (known !== undefined) return known;
    if (days.size >= REMEMBERED_DAYS) days.clear();
    const day = lookAt(text.slice(0, 10), timeZone);
    days.set(key, day);
    return day;
  }

  /** @param seconds `YYYY-MM-DD hh:mm:ss` */
  function epochOf(seconds: string, milliseconds: number, inUtc: boolean): number | null {
    const day = dayOf(seconds);
    const hour = number(seconds, 11, 13);
    const minute = number(seconds, 14, 16);
    const second = number(seconds, 17, 19);
    if (day === null || hour > 23 || minute > 59 || second > 59) return null;
    const wall = day.midnight + hour * HOUR_MS + minute * 60_000 + second * 1000 + milliseconds;
    return wall - (inUtc ? 0 : (day.offset ?? offsetAt(wall, timeZone)));
  }

  return (text, isUtc) => {
    if (text === null) return NONE;
    // The spelling of nearly every value; the expression below takes five times as long.
    if (!isUtc && isPlainSeconds(text)) {
      return new PlainTime(text, epochOf(text, 0, false));
    }
    const match = TIME.exec(text);
    if (!match) return { instant: null, raw: text };
    const [, date, time = '00:00:00', fraction = '', zulu, offsetHour, offsetMinute = '0'] = match;
    const digits = fraction.replace(/0+$/, '');
    const withFraction = (seconds: string) => (digits === '' ? seconds : `${seconds}.${digits}`);
    const seconds = `${date} ${time}`;
    const knowsZone = isUtc || zulu !== undefined || offsetHour !== undefined;
    const wall = epochOf(seconds, Number(digits.slice(0, 3).padEnd(3, '0')), knowsZone);
    if (wall === null) return { instant: null, raw: text };
    if (!knowsZone) return { instant: new Date(wall).toISOString(), raw: withFraction(seconds) };
    const sign = offsetHour?.startsWith('-') ? -1 : 1;
    const offset = offsetHour === undefined ? 0 : Number(offsetHour) * 60 + sign * Number(offsetMinute);
    const instant = new Date(wall - offset * 60_000).toISOString();
    return { instant, raw: withFraction(instant.slice(0, 19)) };
  };
}

/** Of two times in a row only one is ever asked for its instant: spelling it takes longer than all the rest. */
class PlainTime implements SourceTime {
  readonly raw: string;
  readonly #epoch: number | null;

  constructor(raw: string, epoch: number | null) {
    this.raw = raw;
    this.#epoch = epoch;
  }

  get instant(): string | null {
    return this.#epoch === null ? null : new Date(this.#epoch).toISOString();
  }
}

function lookAt(date: string, timeZone: string): Day | null {
  // Date.UTC reads the years 0 to 99 as 1900 and later, and no file is that old.
  if (date < '0100') return null;
  try {
    const day = Temporal.PlainDate.from(date, { overflow: 'reject' });
    const start = day.toZonedDateTime(timeZone);
    const next = day.add({ days: 1 }).toZonedDateTime(timeZone);
    const offset = start.offsetNanoseconds / 1e6;
    const even = next.epochMilliseconds - start.epochMilliseconds === DAY_MS && next.offsetNanoseconds / 1e6 === offset;
    return { midnight: Date.UTC(day.year, day.month - 1, day.day), offset: even ? offset : null };
  } catch {
    return null;
  }
}

/** @param wall epoch ms of the wall clock's reading, as if it were UTC */
function offsetAt(wall: number, timeZone: string): number {
  const reading = Temporal.Instant.fromEpochMilliseconds(wall).toZonedDateTimeISO('UTC').toPlainDateTime();
  return wall - reading.toZonedDateTime(timeZone, { disambiguation: 'compatible' }).epochMilliseconds;
}

/** `YYYY-MM-DD hh:mm:ss`, digits where digits belong. */
function isPlainSeconds(text: string): boolean {
  if (text.length !== 19) return false;
  for (let i = 0; i < 19; i++) {
    const code = text.charCodeAt(i);
    if (
      i === 4 || i === 7 ? code !== 45 : i === 10 ? code !== 32 : i === 13 || i === 16 ? code !== 58 : !isDigit(code)
    ) {
      return false;
    }
  }
  return true;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function number(text: string, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) value = value * 10 + text.charCodeAt(i) - 48;
  return value;
}
