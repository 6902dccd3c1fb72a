/** Our own side in trouble: a full disk, a record database that goes away, a second process. */
import { execFile } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli, startCli } from '../support/cli.ts';
import {
  CONNECTION,
  expectConverged,
  type PracticeSetup,
  setUpPractice,
  storedState,
} from '../support/practice-setup.ts';
import { startSqlProxy } from '../support/sql-proxy.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;

let setup: PracticeSetup;

beforeEach(async () => {
  setup = await setUpPractice({ patients: 5, attachments: 40 });
});
afterEach(async () => {
  await setup?.close();
});

const cli = (...args: string[]) => runCli([...args, '--json'], { cwd: setup.folder, env: setup.environment });
const storedCount = async () => Object.values(await storedState(setup.connection)).flatMap(Object.values).length;

test('a full disk: exit 1, what was copied is kept, and with more room the next run goes on', async () => {
  // The mount exists only for the script and what it starts, so nothing is left behind whatever happens.
  const script = join(setup.folder, 'full-disk.sh');
  await writeFile(
    script,
    `set -u
mkdir -p "$1"
mount -t tmpfs -o size=120k tmpfs "$1" || exit 90
shift
run() { name=$1; shift; "$@" >"$name.out" 2>"$name.err"; echo $? >"$name.code"; }
run full "$@" sync ${CONNECTION} --json
mount -o remount,size=64m "$BLOBS" || exit 91
run more "$@" sync ${CONNECTION} --json
run verify "$@" verify ${CONNECTION} --content --json
`,
  );
  await chmod(script, 0o700);
  const blobs = join(setup.folder, 'disk');
  const env = await setup.environmentWith({ sections: { stores: { blobs: { kind: 'filesystem', folder: blobs } } } });
  const namespace = process.getuid?.() === 0 ? ['-m'] : ['-rm'];
  await promisify(execFile)('unshare', [...namespace, 'sh', script, blobs, process.execPath, MAIN], {
    cwd: setup.folder,
    env: { ...env, BLOBS: blobs, PATH: process.env.PATH ?? '' },
  });
  const said = async (name: string) => readFile(join(setup.folder, name), 'utf8');

  expect(await said('full.err')).toContain('"code":"blob_disk_full"');
  expect(await said('full.code')).toBe('1\n');
  // The sample holds some files that can never be copied, so a good run of it is "partial".
  expect(await said('more.code')).toBe('3\n');
  const first = JSON.parse(lastOf(await said('full.out'), '"type":"result"'));
  const second = JSON.parse(lastOf(await said('more.out'), '"type":"result"'));
  expect(second.counts.added).toBeGreaterThan(0);
  expect(first.counts.added + second.counts.added).toBe(await storedCount());
  const differences = (await said('verify.out')).split('\n').filter((line) => line.includes('"type":"difference"'));
  expect(differences.filter((line) => !line.includes('"code":"file_'))).toEqual([]);
});

function lastOf(text: string, part: string): string {
  const line = text.split('\n').findLast((candidate) => candidate.includes(part));
  if (line === undefined) throw new Error(`No line with ${part} in:\n${text}`);
  return line;
}

test('the record database goes away in the middle: exit 1 and named; the next run heals at once', async () => {
  const proxy = await startSqlProxy(setup.environment.DATABASE_URL);
  try {
    const held = proxy.hold('silknote_documents');
    const env = { ...setup.environment, DATABASE_URL: proxy.url };
    const run = runCli(['sync', CONNECTION, '--json'], { cwd: setup.folder, env });
    await held.arrived;
    await proxy.stop();
    const result = await run;
    expect(result.stderr).toContain('"code":"database_unavailable"');
    expect(result.code).toBe(1);
  } finally {
    await proxy.stop().catch(() => undefined);
  }
  expect((await cli('sync', CONNECTION)).code).toBe(3);
  await expectConverged(setup);
});

test('no record database at all: exit 1 and what to look at, without its password', async () => {
  const url = new URL(setup.environment.DATABASE_URL);
  url.port = '1';
  url.password = 'secret-of-the-records';
  const result = await runCli(['sync', CONNECTION], {
    cwd: setup.folder,
    env: { ...setup.environment, DATABASE_URL: url.href },
  });
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/DATABASE_URL/);
  expect(result.stdout + result.stderr).not.toContain('secret-of-the-records');
});

test('a second process: exit 75 and the id of the run in progress, which is not disturbed', async () => {
  const proxy = await startSqlProxy(setup.sourceUrl);
  try {
    const held = proxy.hold('ax_notes_attachments"');
    const env = await setup.environmentWith({ settings: { database: proxy.url } });
    const first = startCli(['sync', CONNECTION, '--json'], { cwd: setup.folder, env });
    await held.arrived;
    await first.printed('started');
    const [run] = await setup.chartsync.runs.runs(setup.connection.settings, 1);
    const second = await cli('sync', CONNECTION);
    expect(second.code).toBe(75);
    expect(second.stderr).toContain('"code":"connection_busy"');
    expect(second.stderr).toContain(run!.id);
    held.release();
    expect((await first.result).code).toBe(3);
  } finally {
    await proxy.stop();
  }
  await expectConverged(setup);
});
