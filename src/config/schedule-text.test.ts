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
  [{ every: 'soon' }, /every/],
  [{ every: '10m', between: '18:00' }, /between/],
  [{ every: '10m', on: ['mon'] }, /./],
  [{ cron: '0 0 31 2 *' }, /five cron fields/],
  ['sometimes', /manual/],
  [{}, /./],
  [{ every: '10m', evry: 1 }, /./],
])('%j is refused with a sentence', (text, sentence) => {
  const read = readSchedule(text);
  expect((read as { mistakes: string[] }).mistakes.join(' ')).toMatch(sentence);
});
