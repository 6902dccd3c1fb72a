/** Results for people at a terminal. */
import Table from 'cli-table3';
import type { ReportTable, Role, Series } from './benchmark.ts';
import type { NamedResult } from './results.ts';
import { medianOf } from './statistics.ts';

const ROLES: Readonly<Record<Role, string>> = { subject: '', floor: 'floor', peer: 'peer' };

export function seriesRow(series: Series): string[] {
  const wallMs = medianOf(series, 'wallMs');
  return [
    series.label,
    ROLES[series.role],
    duration(wallMs),
    count(series.items / (wallMs / 1000)),
    duration(medianOf(series, 'cpuMs')),
    `${Math.round(medianOf(series, 'peakBytes') / 1e6)} MB`,
    String(series.rounds.length),
  ];
}

export const SERIES_HEAD = ['', 'role', 'wall time', 'items/s', 'CPU', 'peak memory', 'rounds'];

export function resultText(result: NamedResult): string {
  const series = result.series.length === 0 ? [] : [{ head: SERIES_HEAD, rows: result.series.map(seriesRow) }];
  const { machine } = result;
  return [
    '',
    `${result.title} (${result.name}, ${result.scale})`,
    ...[...series, ...(result.tables ?? [])].map(tableText),
    ...Object.entries(result.ratios).map(([name, ratio]) => `  ${name}: ${ratio.toFixed(2)}`),
    ...result.promises.map((p) => `  ${p.kept ? 'kept  ' : 'MISSED'} ${p.text}: ${p.measured}`),
    ...(result.notes ?? []).map((note) => `  ${note}`),
    `  ${machine.cores} cores, load ${machine.load.toFixed(1)} at the start, Node ${machine.versions.node}`,
  ].join('\n');
}

function tableText({ head, rows }: ReportTable): string {
  const table = new Table({ head: [...head], style: { head: [], border: [] } });
  for (const row of rows) table.push([...row]);
  return table.toString();
}

export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export function count(value: number): string {
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}
