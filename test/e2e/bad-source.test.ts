/** The practice's side in trouble: what the command says, its exit code, nothing deleted, and the next run heals. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CliResult, runCli } from '../support/cli.ts';
import { runCommand } from '../support/command.ts';
import {
  CONNECTION,
  expectConverged,
  ORGANIZATION,
  type PracticeSetup,
  setUpPractice,
  storedState,
} from '../support/practice-setup.ts';
import { samplePdf } from '../support/sample-files.ts';
import { startSqlProxy } from '../support/sql-proxy.ts';

let setup: PracticeSetup;

beforeEach(async () => {
  setup = await setUpPractice({ patients: 5, attachments: 30 });
});
afterEach(async () => {
  await setup?.close();
});

const surroundings = () => ({ cwd: setup.folder, env: setup.environment });
const cli = (...args: string[]) => runCommand([...args, '--json'], surroundings());

/** One sentence for people: what happened, what to do, the code. */
function expectSaid(result: CliResult, code: string, exit = 1): void {
  expect(result.stderr).toContain(`"code":"${code}"`);
  expect(result.code).toBe(exit);
}

/** The sample holds some files that can never be copied, so a good run of it is "partial". */
async function expectHealed(): Promise<void> {
  expect((await cli('sync', CONNECTION, '--mode', 'deep')).code).toBe(3);
  await expectConverged(setup);
}

async function firstSync(): Promise<Awaited<ReturnType<typeof storedState>>> {
  await expectHealed();
  return storedState(setup.connection);
}

async function failureCode(reference: string): Promise<string | undefined> {
  const key = { organizationId: ORGANIZATION, connectionId: CONNECTION };
  const failures = await setup.connection.ports.runs.openFailures(key);
  return failures.find((failure) => failure.reference === reference)?.code;
}

/** A stored file of the practice, by the path on disk. */
async function someFile(): Promise<{ reference: string; path: string }> {
  for await (const document of setup.connection.ports.records.storedDocuments(setup.connection.settings)) {
    if (document.path !== null) return { reference: document.reference, path: join(setup.filesFolder, document.path) };
  }
  throw new Error('Nothing is stored.');
}

describe('the share', () => {
  test('unmounted, empty, or another one: exit 1, every document stays', async () => {
    const before = await firstSync();
    // Hard deletions, too: with half of the picture nothing must be concluded from them.
    await setup.source.execute('DELETE FROM ax_notes_attachments WHERE id % 2 = 0');
    const away = `${setup.filesFolder}-away`;
    await rename(setup.filesFolder, away);
    expectSaid(await runCli(['sync', CONNECTION, '--json'], surroundings()), 'share_unavailable');
    await mkdir(join(setup.filesFolder, 'notes'), { recursive: true });
    expectSaid(await cli('sync', CONNECTION, '--mode', 'checksum'), 'share_unavailable');
    await writeFile(join(setup.filesFolder, 'notes/other.pdf'), samplePdf());
    expectSaid(await cli('plan', CONNECTION), 'share_unavailable');
    expect(await storedState(setup.connection)).toEqual(before);
    expect(await setup.connection.ports.runs.heldSets(ORGANIZATION)).toEqual([]);

    await rm(setup.filesFolder, { recursive: true });
    await rename(away, setup.filesFolder);
    const back = await cli('sync', CONNECTION);
    expect([3, 4]).toContain(back.code);
  });

  test('its marker gone: exit 1 and a sentence that names the setting', async () => {
    const before = await firstSync();
    await rm(join(setup.filesFolder, '.chartsync-share'));
    const people = await runCli(['sync', CONNECTION], surroundings());
    expect(people.code).toBe(1);
    expect(people.stderr).toMatch(/share_unavailable/);
    expect(people.stderr).toMatch(/mount/i);
    expect(await storedState(setup.connection)).toEqual(before);
  });
});

describe('the database', () => {
  test('an emptied attachments table: exit 4, everything held, nothing deleted; refilled, the held set is withdrawn', async () => {
    const before = await firstSync();
    await setup.source.execute('CREATE TABLE kept AS SELECT * FROM ax_notes_attachments');
    await setup.source.execute('DELETE FROM ax_notes_attachments');
    const first = await cli('sync', CONNECTION);
    const missing = Object.values(before).flatMap(Object.keys).length;
    expect(first.lines.find((line) => line.type === 'result')).toMatchObject({ counts: { missing, removed: 0 } });
    const second = await runCli(['sync', CONNECTION, '--json'], surroundings());
    expect(second.code).toBe(4);
    expect(await storedState(setup.connection)).toEqual(before);
    const held = await cli('held', 'list');
    expect(held.lines.filter((line) => line.type === 'set')).toHaveLength(1);

    await setup.source.execute('INSERT INTO ax_notes_attachments SELECT * FROM kept');
    await expectHealed();
    expect(await storedState(setup.connection)).toEqual(before);
    expect((await cli('held', 'list')).lines.filter((line) => line.type === 'set')).toEqual([]);
  });

  test('a missing column: exit 1 and its name; back again, the run goes on', async () => {
    const before = await firstSync();
    await setup.source.execute('ALTER TABLE ax_notes_attachments RENAME COLUMN description TO remark');
    const result = await cli('sync', CONNECTION);
    expectSaid(result, 'source_mapping');
    expect(result.stderr).toContain('description');
    expect(await storedState(setup.connection)).toEqual(before);
    await setup.source.execute('ALTER TABLE ax_notes_attachments RENAME COLUMN remark TO description');
    await expectHealed();
  });

  test('gone in the middle of a read: exit 1, nothing concluded', async () => {
    const before = await firstSync();
    const proxy = await startSqlProxy(setup.sourceUrl);
    try {
      const env = await setup.environmentWith({ settings: { database: proxy.url } });
      const held = proxy.hold('ax_notes_attachments"');
      const run = runCli(['sync', CONNECTION, '--json'], { cwd: setup.folder, env });
      await held.arrived;
      await proxy.stop();
      expectSaid(await run, 'source_unreachable');
    } finally {
      await proxy.stop().catch(() => undefined);
    }
    expect(await storedState(setup.connection)).toEqual(before);
    await expectHealed();
  });
});

describe('a file', () => {
  test('that may not be read is an error of its own, exit 3, and its document stays', async () => {
    const before = await firstSync();
    const { reference, path } = await someFile();
    await chmod(path, 0o000);
    // The superuser may read everything, unless this right is taken from it.
    const through = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : [];
    const options = { cwd: setup.folder, env: setup.environment, through };
    const result = await runCli(['sync', CONNECTION, '--mode', 'checksum', '--json'], options);
    expect(result.code).toBe(3);
    expect(await failureCode(reference)).toBe('file_unreadable');
    expect(await storedState(setup.connection)).toEqual(before);
    await chmod(path, 0o644);
    await expectHealed();
    expect(await failureCode(reference)).toBeUndefined();
  });

  test('that grows while it is read is never stored half, and is copied when it rests', {
    timeout: 90_000,
  }, async () => {
    await firstSync();
    const { reference, path } = await someFile();
    const writer = await startProgram(
      `const fs = require('node:fs'); const file = fs.openSync(process.argv[1], 'a');
       process.stdout.write('writing'); for (;;) fs.writeSync(file, ' ');`,
      path,
    );
    try {
      // Whether the two meet within the moment of reading is the machine's affair.
      while ((await failureCode(reference)) === undefined) {
        expect((await cli('sync', CONNECTION, '--mode', 'checksum')).code).toBe(3);
      }
    } finally {
      await end(writer);
    }
    expect(await failureCode(reference)).toBe('file_changed_while_read');
    await expectHealed();
    expect(await failureCode(reference)).toBeUndefined();
  });

  test('that vanishes and comes back meanwhile costs no document', async () => {
    const before = await firstSync();
    const { path } = await someFile();
    const program = `const fs = require('node:fs'); const path = process.argv[1]; process.stdout.write('moving');
       for (;;) { fs.renameSync(path, path + '.away'); fs.renameSync(path + '.away', path); }`;
    const mover = await startProgram(program, path);
    try {
      for (let run = 0; run < 3; run++) expect((await cli('sync', CONNECTION, '--mode', 'checksum')).code).toBe(3);
    } finally {
      await end(mover);
    }
    await rename(`${path}.away`, path).catch(() => undefined);
    expect(await storedState(setup.connection)).toEqual(before);
    await expectHealed();
  });

  test('that is a folder, or gone for good, is named; its document stays while the row stays', async () => {
    const before = await firstSync();
    const { reference, path } = await someFile();
    await rename(path, `${path}.away`);
    expect((await cli('sync', CONNECTION, '--mode', 'deep')).code).toBe(3);
    expect(await failureCode(reference)).toBe('file_missing');
    await mkdir(path);
    expect((await cli('sync', CONNECTION, '--mode', 'deep')).code).toBe(3);
    expect(await failureCode(reference)).toBe('file_not_regular');
    expect(await storedState(setup.connection)).toEqual(before);
    await rmdir(path);
    await rename(`${path}.away`, path);
    await expectHealed();
  });
});

async function startProgram(program: string, argument: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', program, argument], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}
