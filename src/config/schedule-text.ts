/** A schedule as `chartsync.yaml` writes it, and back: the pages speak of it in the same words. */
import type { Schedule } from '../domain/schedule.ts';
import { checkShape } from './check.ts';
import type { Mistake } from './mistake.ts';
import { parseDuration } from './quantity.ts';
import { parseWindow, type ScheduleFile, ScheduleShape, WEEKDAYS } from './schema.ts';
import { EMPTY_SOURCE } from './source.ts';

const OFFICE_DAYS = [1, 2, 3, 4, 5];
const DAY_MINUTES = 1440;
const UNITS = [
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** @returns the schedule (null: only when somebody asks), or what is wrong, as sentences */
export function readSchedule(
  value: unknown,
): { readonly schedule: Schedule | null } | { readonly mistakes: readonly string[] } {
  const mistakes: Mistake[] = [];
  const checked = checkShape(ScheduleShape, { ...EMPTY_SOURCE, value }, mistakes);
  if (mistakes.length > 0) return { mistakes: mistakes.map(sentenceOf) };
  return { schedule: resolveSchedule(checked as ScheduleFile) };
}

/** What the parts of a schedule are called by people; they may never have seen the file. */
const PARTS: Readonly<Record<string, string>> = {
  '': 'The schedule',
  every: 'The time between two runs',
  between: 'The part of the day',
  on: 'The days',
  else: 'The time between two runs in the rest of the day',
  cron: 'The cron expression',
};

function sentenceOf({ path, message }: Mistake): string {
  const [name = ''] = path.split('[');
  const part = PARTS[name] ?? `The schedule has "${path}":`;
  const sentence = `${part} ${message.replace(/^expected /, 'must be ')}`;
  return /[.?]$/.test(sentence) ? sentence : `${sentence}.`;
}

export function resolveSchedule(schedule: ScheduleFile): Schedule | null {
  if (schedule === 'manual') return null;
  if ('cron' in schedule) return { kind: 'cron', cron: schedule.cron };
  const everyMs = parseDuration(schedule.every) ?? 0;
  if (!('between' in schedule)) return { kind: 'every', everyMs };
  const window = parseWindow(schedule.between) ?? { from: 0, to: 1 };
  return {
    kind: 'window',
    everyMs,
    fromMinute: window.from,
    toMinute: window.to,
    days: schedule.on?.map((day) => WEEKDAYS.indexOf(day) + 1).sort() ?? OFFICE_DAYS,
    elseMs: schedule.else === undefined || schedule.else === 'never' ? null : parseDuration(schedule.else),
  };
}

export function writeSchedule(schedule: Schedule | null): ScheduleFile {
  if (schedule === null) return 'manual';
  if (schedule.kind === 'cron') return { cron: schedule.cron };
  const every = writeDuration(schedule.everyMs);
  if (schedule.kind === 'every') return { every };
  return {
    every,
    between: `${timeOfDay(schedule.fromMinute)}-${timeOfDay(schedule.toMinute)}`,
    on: schedule.days.flatMap((day) => WEEKDAYS[day - 1] ?? []),
    else: schedule.elseMs === null ? 'never' : writeDuration(schedule.elseMs),
  };
}

/** In the largest unit that it is a whole number of. */
function writeDuration(ms: number): string {
  const [unit, size] = UNITS.find(([, length]) => ms >= length && ms % length === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

function timeOfDay(minute: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return minute === DAY_MINUTES ? '24:00' : `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}
