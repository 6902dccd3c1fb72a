/** Creates a sample practice and, on request, keeps it alive. `node simulators/vsrx/cli.ts --help` */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openPracticeDatabase } from './database.ts';
import { createPracticeLife, type LifeEvent } from './life.ts';
import { createSamplePractice } from './practice.ts';

const HELP = `Creates a sample VSRX practice with invented patients, and optionally keeps it changing.

Usage: node simulators/vsrx/cli.ts --database <url> --files <folder> [options]

  --database <url>       mysql://user:password@host/name, mariadb://… or postgres://…; the database must exist
  --files <folder>       becomes the web application's root: files go to notes/ below it
  --seed <n>             same seed, same practice (default 1)
  --patients <n>         default 40
  --attachments <n>      default 300
  --deleted-column       adds ax_notes_attachments.deleted, so that some deletions only set a flag
  --filesets             adds silknote_patient_filesets with three quarters of the patients activated
  --live <duration>      changes something every 30s, 5m or 1h until Ctrl-C
  --help                 shows this text

A practice that exists already is left as it is. Do not use a database that holds real records.

Exit codes: 0 done, 1 failed, 2 bad usage.
`;

interface Arguments {
  readonly database: string;
  readonly files: string;
  readonly seed: number;
  readonly patients: number;
  readonly attachments: number;
  readonly deletedColumn: boolean;
  readonly filesets: boolean;
  readonly liveMs: number | null;
}

/** @returns null when help was asked for. @throws TypeError for bad usage */
export function readArguments(argv: readonly string[]): Arguments | null {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      database: { type: 'string' },
      files: { type: 'string' },
      seed: { type: 'string', default: '1' },
      patients: { type: 'string', default: '40' },
      attachments: { type: 'string', default: '300' },
      'deleted-column': { type: 'boolean', default: false },
      filesets: { type: 'boolean', default: false },
      live: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  if (!values.database || !values.files) throw new TypeError('--database and --files are needed');
  if (!/^(mysql|mariadb|postgres|postgresql):\/\//.test(values.database)) {
    throw new TypeError('--database must begin with mysql://, mariadb://, postgres:// or postgresql://');
  }
  return {
    database: values.database,
    files: values.files,
    seed: wholeNumber('--seed', values.seed),
    patients: wholeNumber('--patients', values.patients),
    attachments: wholeNumber('--attachments', values.attachments),
    deletedColumn: values['deleted-column'],
    filesets: values.filesets,
    liveMs: values.live === undefined ? null : duration('--live', values.live),
  };
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new TypeError(`${name} must be a whole number`);
  return Number(text);
}

function duration(name: string, text: string): number {
  const match = /^([1-9]\d{0,4})(s|m|h)$/.exec(text);
  if (!match) throw new TypeError(`${name} must be a duration such as 30s, 5m or 1h`);
  return Number(match[1]) * { s: 1000, m: 60_000, h: 3_600_000 }[match[2] as 's' | 'm' | 'h'];
}

async function run(args: Arguments): Promise<void> {
  const database = openPracticeDatabase(args.database);
  try {
    const practice = await createSamplePractice({
      seed: args.seed,
      patients: args.patients,
      attachments: args.attachments,
      filesFolder: args.files,
      database,
      schema: { deletedColumn: args.deletedColumn, filesets: args.filesets },
    });
    console.log(
      `${practice.created ? 'Created' : 'Found'} a practice with ${practice.patients} patients and ${practice.attachments} files.`,
    );
    if (args.liveMs !== null) await live(args, args.liveMs, database);
  } finally {
    await database.close();
  }
}

async function live(
  args: Arguments,
  everyMs: number,
  database: ReturnType<typeof openPracticeDatabase>,
): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const life = createPracticeLife({
    seed: args.seed,
    database,
    filesFolder: args.files,
    maxFiles: Math.ceil(args.attachments * 1.3),
  });
  console.log('Changing it until Ctrl-C.');
  while (!stop.signal.aborted) {
    await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
    if (stop.signal.aborted) return;
    // A server that is away for a while must not end a demonstration.
    const events = await life.step().catch((error: unknown) => {
      console.error(`A step failed: ${describeError(error)}`);
      return [];
    });
    if (events.length > 0) console.log(events.map(describeEvent).join(', '));
  }
}

function describeEvent({ kind, id }: LifeEvent): string {
  return `${kind} ${id}`;
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return error.message || code || error.name;
}

if (import.meta.main) {
  let args: Arguments | null = null;
  try {
    args = readArguments(process.argv.slice(2));
    if (!args) console.log(HELP);
  } catch (error) {
    console.error(`${describeError(error)}\n\n${HELP}`);
    process.exitCode = 2;
  }
  if (args) {
    await run(args).catch((error: unknown) => {
      console.error(describeError(error));
      process.exitCode = 1;
    });
  }
}
