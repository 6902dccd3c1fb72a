/** Writes `docs/benchmarks.md` and its pictures from the last full results. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { ReportTable } from './benchmark.ts';
import { drawCurve } from './chart.ts';
import type { NamedResult } from './results.ts';
import { SERIES_HEAD, seriesRow } from './table.ts';

const DOCS = new URL('../../docs/', import.meta.url);

/** @param results of this machine: what it has not measured stays as it stands. @param titles of all benchmarks, in their order */
export async function writeDocs(results: readonly NamedResult[], titles: readonly string[]): Promise<void> {
  await mkdir(new URL('benchmarks/', DOCS), { recursive: true });
  for (const curve of results.flatMap((result) => result.curves ?? []))
    await writeFile(new URL(`benchmarks/${curve.name}.svg`, DOCS), drawCurve(curve));
  const page = new URL('benchmarks.md', DOCS);
  const sections = sectionsOf(await readFile(page, 'utf8').catch(() => ''));
  for (const result of results) sections.set(result.title, section(result));
  await writeFile(page, pageOf(titles.flatMap((title) => sections.get(title) ?? [])));
}

function sectionsOf(page: string): Map<string, string> {
  const [, ...sections] = page.split(/^## /m);
  return new Map(sections.map((text) => [text.slice(0, text.indexOf('\n')), `## ${text.trimEnd()}\n`]));
}

function pageOf(sections: readonly string[]): string {
  return `# Benchmarks

Written by \`npm run bench -- --write-docs\` from the last full results; nothing here is typed by hand. Every figure stands beside
a *floor* (a bare loop that does only the unavoidable) or a *peer* (another program), measured in the same run on the same
machine: the seconds depend on the machine, the ratios much less. Medians of the rounds.

\`npm run bench\` measures again; with \`--check\` it fails when a ratio is more than 25 % below the recorded one.

${sections.join('\n')}`;
}

function section(result: NamedResult): string {
  const { machine } = result;
  const facts = [
    `${machine.cores} cores (${machine.processor}), ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, load ${machine.load.toFixed(1)} at the start`,
    ...Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`),
  ];
  return [
    `## ${result.title}`,
    '',
    `\`npm run bench -- ${result.name}\`, ${machine.date.slice(0, 10)}`,
    '',
    ...(result.series.length === 0 ? [] : table({ head: SERIES_HEAD, rows: result.series.map(seriesRow) })),
    ...(result.tables ?? []).flatMap(table),
    ...result.promises.map((p) => `- ${p.kept ? 'Kept' : '**Missed**'}: ${p.text} – measured ${p.measured}.`),
    ...Object.entries(result.ratios).map(([name, ratio]) => `- Ratio, ${name}: ${ratio.toFixed(2)}`),
    ...(result.notes ?? []).map((note) => `- ${note}`),
    '',
    ...(result.curves ?? []).map((curve) => `![${curve.title}](benchmarks/${curve.name}.svg)\n`),
    `<sub>${facts.join(' · ')}</sub>`,
    '',
  ].join('\n');
}

function table({ head, rows }: ReportTable): string[] {
  return [row(head), row(head.map(() => '---')), ...rows.map(row), ''];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
