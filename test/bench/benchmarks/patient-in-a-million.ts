/** Ten changed files of one patient, synchronised by themselves out of a large practice. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPILE_CACHE } from '../../support/cli.ts';
import { type Benchmark, type Contestant, type Measurement, runRounds } from '../benchmark.ts';
import { runProgram, runSubject } from '../outside.ts';
import { CONNECTION } from '../practice.ts';
import { medianOf, seriesOf, speedAgainst } from '../statistics.ts';
import { type StoredPractice, storedPractice } from '../stored-practice.ts';
import type { PatientLoopInput } from '../subjects/patient-loop.ts';
import type { SyncInput } from '../subjects/sync.ts';

const CHANGED_FILES = 10;
const FILE_BYTES = 50_000;
const COMMAND_LINE = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

export const patientInAMillion: Benchmark = {
  name: 'patient-in-a-million',
  title: 'Ten changed files of one patient in a large practice',
  async run(context) {
    const rows = context.quick ? 20_000 : 1_000_000;
    context.log(`  preparing ${rows} stored rows`);
    const stored = await storedPractice(context.services, rows);
    const [patient] = await stored.practice.source.execute<{ uuid: string; id: number }>(
      'SELECT candidate_id AS id, silknotePatientUuid AS uuid FROM candidates ORDER BY candidate_id LIMIT 1 OFFSET 7',
    );
    const { uuid: unit, id } = patient!;
    const files = await stored.practice.source.execute<{ id: number; file: string }>(
      'SELECT id, file FROM ax_notes_attachments WHERE assessment_id = ? ORDER BY id LIMIT ?',
      [id, CHANGED_FILES],
    );
    let version = 0;
    const change = () => changeFiles(stored, files, ++version);
    const { environment, practice, databaseUrl } = stored;
    const target = join(await context.services.folder(), 'copy');
    const paths = files.map((file) => file.file);
    const { sourceUrl, filesFolder } = practice;
    const loop: PatientLoopInput = { sourceUrl, databaseUrl, filesFolder, target, unit, paths };
    const contestants: Contestant[] = [
      {
        label: 'chartsync',
        role: 'subject',
        items: CHANGED_FILES,
        async run() {
          await change();
          const expected = { updated: CHANGED_FILES, added: 0, failed: 0 };
          return runSubject('sync', { environment, unit, expected } satisfies SyncInput);
        },
      },
      {
        label: 'chartsync sync --patient',
        role: 'subject',
        items: CHANGED_FILES,
        async run(): Promise<Measurement> {
          await change();
          const command = [COMMAND_LINE, 'sync', CONNECTION, '--patient', unit, '--json'];
          return runProgram(process.execPath, command, { NODE_COMPILE_CACHE: COMPILE_CACHE, ...environment });
        },
      },
      {
        label: 'bare loop',
        role: 'floor',
        items: CHANGED_FILES,
        async run() {
          await change();
          return runSubject('patient-loop', loop);
        },
      },
    ];
    const series = await runRounds(context, context.quick ? 1 : 9, contestants);
    const chartsync = seriesOf(series, 'chartsync');
    const ms = medianOf(chartsync, 'wallMs');
    return {
      series,
      ratios: { 'speed of the bare loop': speedAgainst(chartsync, seriesOf(series, 'bare loop')) },
      promises: [{ text: 'less than a second', measured: `${Math.round(ms)} ms`, kept: ms < 1000 }],
      notes: [
        `${CHANGED_FILES} files of ${FILE_BYTES / 1000} kB of one patient changed among ${rows} rows.`,
        'The command line’s time is that of the whole process, the start of Node and its 200 modules included.',
      ],
    };
  },
};

/** The source shows a change of content by its record: here by the description. */
async function changeFiles(
  { practice }: StoredPractice,
  files: readonly { id: number; file: string }[],
  version: number,
): Promise<void> {
  for (const { id, file } of files) {
    const path = join(practice.filesFolder, file);
    await mkdir(dirname(path), { recursive: true });
    const head = `%PDF-1.7\n% ${id} version ${version}\n`;
    await writeFile(path, head.padEnd(FILE_BYTES, 'Sample text of nobody. '));
  }
  const ids = files.map((file) => file.id);
  const marks = ids.map(() => '?').join(', ');
  const sql = `UPDATE ax_notes_attachments SET description = ? WHERE id IN (${marks})`;
  await practice.source.execute(sql, [`Version ${version}`, ...ids]);
}
