import { expect, test } from 'vitest';
import { fieldsOf, saidOf, scheduleOf } from './schedule-form.ts';

test.each([
  ['manual' as const, 'Only when somebody asks'],
  [{ every: '10m' }, 'Every 10 min'],
  [{ cron: '30 2 * * *' }, 'By the cron expression 30 2 * * *'],
  [
    { every: '15m', between: '08:00-18:00', on: ['mon', 'fri'], else: '2h' },
    'Every 15 min from 08:00 until 18:00 (Mon, Fri), otherwise every 2 h',
  ],
  [
    { every: '1h', between: '00:00-24:00', on: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
    'Every 1 h from 00:00 until 24:00 (every day), otherwise not',
  ],
])('%o is said as "%s", and is the same after the form', (schedule, text) => {
  expect(saidOf(schedule)).toBe(text);
  expect(saidOf(scheduleOf(fieldsOf(schedule)))).toBe(text);
});
