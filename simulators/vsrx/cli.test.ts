import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { testDatabase } from '../../test/support/postgres.ts';
import { readArguments } from './cli.ts';

const NEEDED = ['--database', 'mysql://localhost/vsrx', '--files', '/tmp/x'];

test('reads durations and numbers, and refuses what it cannot read', () => {
  expect(readArguments([...NEEDED, '--live', '60s'])).toMatchObject({ liveMs: 60_000, seed: 1, patients: 40 });
  expect(readArguments([...NEEDED, '--live', '2h'])).toMatchObject({ liveMs: 7_200_000 });
  expect(readArguments(['--help'])).toBeNull();
  expect(() => readArguments(['--files', '/tmp/x'])).toThrow('--database');
  expect(() => readArguments([...NEEDED, '--live', 'often'])).toThrow('--live');
  expect(() => readArguments([...NEEDED, '--seed', '-1'])).toThrow();
  expect(() => readArguments(['--database', 'oracle://x/y', '--files', '/tmp/x'])).toThrow('--database');
  expect(() => readArguments([...NEEDED, '--colour'])).toThrow('--colour');
});

test('creates a practice, finds it again, and tells bad usage by its exit code', async () => {
  const database = await testDatabase({ migrated: false });
  const folder = await mkdtemp(join(tmpdir(), 'sample-cli-'));
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(import.meta.dirname, 'cli.ts'), ...args]);
  try {
    const sizes = ['--patients', '4', '--attachments', '10'];
    const created = await run('--database', database.url, '--files', folder, ...sizes);
    expect(created.stdout).toBe('Created a practice with 4 patients and 10 files.\n');
    const found = await run('--database', database.url, '--files', folder);
    expect(found.stdout).toBe('Found a practice with 4 patients and 10 files.\n');
    await expect(run('--files', folder)).rejects.toMatchObject({ code: 2 });
    expect((await run('--help')).stdout).toContain('--attachments');
  } finally {
    await rm(folder, { recursive: true, force: true });
    await database.drop();
  }
});
