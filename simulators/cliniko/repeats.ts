/** When the bookings of a repeat series begin. */
import type { RepeatRule } from './records.ts';
import { DAY, type Seconds, secondsOf } from './time.ts';

export function repeatStarts(first: Seconds, rule: RepeatRule | null): Seconds[] {
  const starts = [first];
  for (let i = 1; rule && i <= rule.count; i++) starts.push(shifted(first, rule, i * rule.interval));
  return starts;
}

function shifted(first: Seconds, rule: RepeatRule, steps: number): Seconds {
  if (rule.type !== 'Monthly') return first + steps * DAY * (rule.type === 'Weekly' ? 7 : 1);
  const date = new Date(first * 1000);
  date.setUTCMonth(date.getUTCMonth() + steps);
  return secondsOf(date);
}
