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

/** @param share of 100 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * share) / 100) - 1)] ?? Number.NaN;
}

/** Of times in ms, as a person reads it. */
export function spread(values: readonly number[]): string {
  const [p50, p95, max] = [50, 95, 100].map((share) => percentile(values, share).toFixed(1));
  return `median ${p50} ms, 95 % within ${p95} ms, slowest ${max} ms (${values.length})`;
}
