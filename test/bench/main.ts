/**
 * Measures the product: `npm run bench [-- name …] [-- --check] [--quick] [--record] [--write-docs]`.
 *
 * Not a part of `npm test`: a figure that depends on what else the machine does must not fail a test.
 */
import { parseArgs } from 'node:util';
import type { Benchmark } from './benchmark.ts';
import { cliniko } from './benchmarks/cliniko.ts';
import { documents } from './benchmarks/documents.ts';
import { firstSyncAzure } from './benchmarks/first-sync-azure.ts';
import { firstSyncFolder } from './benchmarks/first-sync-folder.ts';
import { growth } from './benchmarks/growth.ts';
import { idexx } from './benchmarks/idexx.ts';
import { nothingToDo } from './benchmarks/nothing-to-do.ts';
import { patientInAMillion } from './benchmarks/patient-in-a-million.ts';
import { reindex } from './benchmarks/reindex.ts';
import { runs } from './benchmarks/runs.ts';
import { search } from './benchmarks/search.ts';
import { web } from './benchmarks/web.ts';
import { writeDocs } from './docs.ts';
import { describeMachine } from './machine.ts';
import { findFalls, MAX_FALL, type NamedResult, readRecorded, readResult, record, writeResult } from './results.ts';
import { openServices } from './services.ts';
import { resultText } from './table.ts';

const BENCHMARKS: readonly Benchmark[] = [
  firstSyncAzure,
  firstSyncFolder,
  nothingToDo,
  patientInAMillion,
  growth,
  runs,
  cliniko,
  documents,
  idexx,
  search,
  web,
  reindex,
];

const USAGE = `npm run bench [-- name …] [-- options]

  Names:         ${BENCHMARKS.map((benchmark) => benchmark.name).join(', ')}. Without a name: all.
  --check        exit with 1 when a ratio is more than ${MAX_FALL * 100} % below the recorded one
  --quick        small sizes, one round: shows that the benchmarks work
  --record       keep the ratios as those to compare with
  --write-docs   write docs/benchmarks.md from the last full results, without names and measuring nothing new`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return 2;
  }
  const { values, positionals: names } = parsed;
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const unknown = names.filter((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
  const contradiction = values.quick && (values.check || values.record || values['write-docs']);
  if (unknown.length > 0 || contradiction) {
    const why = contradiction ? '--quick measures nothing that could be compared or kept.' : `Unknown: ${unknown}.`;
    console.error(`${why}\n\n${USAGE}`);
    return 2;
  }
  const chosen = BENCHMARKS.filter((benchmark) => names.length === 0 || names.includes(benchmark.name));
  const onlyDocs = values['write-docs'] && names.length === 0;
  const results = onlyDocs ? [] : await runAll(chosen, values.quick);
  if (values.record) await record(results);
  if (values['write-docs']) {
    const all = await Promise.all(BENCHMARKS.map((benchmark) => readResult(benchmark.name)));
    await writeDocs(
      all.filter((result) => result !== null),
      BENCHMARKS.map(({ title }) => title),
    );
  }
  return values.check ? await check(results) : 0;
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const;
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { check: flag, quick: flag, record: flag, 'write-docs': flag, help: flag },
  });
}

async function runAll(chosen: readonly Benchmark[], quick: boolean): Promise<NamedResult[]> {
  const services = await openServices();
  const results: NamedResult[] = [];
  try {
    for (const benchmark of chosen) {
      const machine = await describeMachine();
      console.log(`\n${benchmark.name}`);
      const measured = await benchmark.run({ services, quick, log: (sentence) => console.log(sentence) });
      const { name, title } = benchmark;
      const result: NamedResult = { name, title, scale: quick ? 'quick' : 'full', machine, ...measured };
      await writeResult(result);
      console.log(resultText(result));
      results.push(result);
    }
  } finally {
    await services.close();
  }
  return results;
}

async function check(results: readonly NamedResult[]): Promise<number> {
  const recorded = await readRecorded();
  let falls = 0;
  for (const { name, ratios } of results) {
    const before = recorded[name];
    if (before === undefined) {
      console.error(`\n${name}: nothing is recorded to compare with; see --record.`);
      falls++;
      continue;
    }
    for (const fall of findFalls(before.ratios, ratios)) {
      const now = fall.measured === null ? 'not measured' : fall.measured.toFixed(2);
      console.error(`\n${name}: "${fall.ratio}" is ${now}, recorded was ${fall.recorded.toFixed(2)}.`);
      falls++;
    }
  }
  if (falls === 0) console.log(`\nNo ratio is more than ${MAX_FALL * 100} % below the recorded one.`);
  return falls === 0 ? 0 : 1;
}
