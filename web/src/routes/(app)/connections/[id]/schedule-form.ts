/** A schedule in the fields of a form, and as the interface takes it. */
import type { ScheduleText } from '#lib/api/client.ts';
import { words } from '#lib/words.ts';

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export const KINDS = ['manual', 'every', 'window', 'cron'] as const;
export type Kind = (typeof KINDS)[number];

export interface ScheduleFields {
  kind: Kind;
  every: string;
  from: string;
  to: string;
  on: string[];
  else: string;
  cron: string;
}

const USUAL: ScheduleFields = {
  kind: 'manual',
  every: '10m',
  from: '08:00',
  to: '18:00',
  on: ['mon', 'tue', 'wed', 'thu', 'fri'],
  else: '1h',
  cron: '0 2 * * *',
};

export function fieldsOf(schedule: ScheduleText): ScheduleFields {
  if (typeof schedule === 'string') return { ...USUAL };
  if (schedule.cron !== undefined) return { ...USUAL, kind: 'cron', cron: schedule.cron };
  const every = schedule.every ?? USUAL.every;
  if (schedule.between === undefined) return { ...USUAL, kind: 'every', every };
  const [from = '', to = ''] = schedule.between.split('-');
  return { ...USUAL, kind: 'window', every, from, to, on: schedule.on ?? USUAL.on, else: schedule.else ?? 'never' };
}

export function scheduleOf(fields: ScheduleFields): ScheduleText {
  switch (fields.kind) {
    case 'manual':
      return 'manual';
    case 'every':
      return { every: fields.every };
    case 'cron':
      return { cron: fields.cron };
    case 'window':
      return { every: fields.every, between: `${fields.from}-${fields.to}`, on: [...fields.on], else: fields.else };
  }
}

/** For people who do not write chartsync.yaml. */
export function saidOf(schedule: ScheduleText): string {
  const { said, days, kinds, units } = words.runSchedule;
  const fields = fieldsOf(schedule);
  // "10m" is how the configuration writes it.
  const time = (text: string) => text.replace(/^(\d+)([a-z]+)$/, (_, n, unit) => `${n} ${units[unit] ?? unit}`);
  switch (fields.kind) {
    case 'manual':
      return kinds.manual;
    case 'every':
      return said.every(time(fields.every));
    case 'cron':
      return said.cron(fields.cron);
    case 'window': {
      const on = DAYS.filter((day) => fields.on.includes(day)).map((day) => days[day]);
      const when = on.length === DAYS.length ? said.allDays : on.join(', ');
      const otherwise = fields.else === 'never' ? said.otherwiseNever : said.otherwise(time(fields.else));
      return `${said.window(time(fields.every), fields.from, fields.to, when)}${otherwise}`;
    }
  }
}
