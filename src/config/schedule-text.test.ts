import { expect, test } from 'vitest';
import { readSchedule, writeSchedule } from './schedule-text.ts';

test.each([
  ['manual'],
  [{ every: '10m' }],
  [{ every: '90m' }],
  [{ cron: '0 2 * * *' }],
  [{ every: '10m', between: '08:00-18:00', on: ['mon', 'fri'], else: '30m' }],
  [{ every: '1h', between: '22:00-06:00', on: ['sat'], else: 'never' }],
  [{ every: '5m', between: '12:00-24:00', on: ['sun'], else: '1d' }],
] as const)('%j is written as it was read', (text) => {
  const read = readSchedule(text);
  expect(read).not.toHaveProperty('mistakes');
  expect(writeSchedule((read as { schedule: never }).schedule)).toEqual(text);
});

test.each([
  [{ every: 'soon' }, /^The time between two runs must be a time from 1m to 7d, such as 10m or 2h\.$/],
  [{ every: '10m', between: '18:00' }, /^The part of the day must be two different times of day/],
  [{ every: '10m', on: ['mon'] }, /^The part of the day is missing: .*\.$/],
  [{ every: '10m', between: '08:00-18:00', on: [] }, /^The days must be a list of days/],
  [{ every: '10m', between: '08:00-18:00', on: ['monday'] }, /^The days must be one of "mon", "tue", .*\.$/],
  [{ every: '10m', between: '08:00-18:00', else: 'soon' }, /^The time between two runs in the rest of the day must be/],
  [{ cron: '0 0 31 2 *' }, /^The cron expression must be five cron fields, such as "0 2 \* \* \*"\.$/],
  ['sometimes', /^The schedule must be .* manual\.$/],
  [{}, /^The time between two runs is missing|^The cron expression is missing/],
  [{ every: '10m', evry: 1 }, /^The schedule has "evry": there is no setting of this name\. Did you mean "every"\?$/],
])('%j is refused with a sentence', (text, sentence) => {
  const read = readSchedule(text);
  expect((read as { mistakes: string[] }).mistakes.join(' ')).toMatch(sentence);
});
