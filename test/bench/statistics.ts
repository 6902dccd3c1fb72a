/** The few numbers that are made of many. */
import type { Measurement, Series } from './benchmark.ts';

export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function medianOf(series: Series, field: keyof Measurement): number {
  return median(series.rounds.map((round) => round[field]));
}

/**
 * How many times as fast as `other` the series is: the median over rounds of the ratio within a round, because what else
 * the machine did in a round slowed both.
 */
export function speedAgainst(series: Series, other: Series, field: 'wallMs' | 'processMs' = 'wallMs'): number {
  return median(series.rounds.map((round, i) => other.rounds[i]![field] / round[field]));
}

export function seriesOf(all: readonly Series[], label: string): Series {
  const found = all.find((series) => series.label === label);
  if (found === undefined) throw new Error(`there is no series "${label}"`);
  return found;
}
