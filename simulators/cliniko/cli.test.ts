import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readArguments } from './cli.ts';

const CLI = join(import.meta.dirname, 'cli.ts');

test('reads durations and numbers, and refuses what it cannot read', () => {
  expect(readArguments(['serve'])).toMatchObject({ port: 8501, patients: 500, changeEveryMs: null, rateLimit: true });
  expect(readArguments(['serve', '--change-every', '30s', '--no-rate-limit'])).toMatchObject({
    changeEveryMs: 30_000,
    rateLimit: false,
  });
  expect(readArguments(['--help'])).toBeNull();
  expect(() => readArguments([])).toThrow('serve');
  expect(() => readArguments(['serve', '--port', '70000'])).toThrow('--port');
  expect(() => readArguments(['serve', '--change-every', 'often'])).toThrow('--change-every');
  expect(() => readArguments(['serve', '--shard', 'evil.example/'])).toThrow('--shard');
  expect(() => readArguments(['serve', '--time-zone', 'Moon/Base'])).toThrow('--time-zone');
  expect(() => readArguments(['serve', '--colour'])).toThrow('--colour');
});

test('serves until it is told to stop, and tells bad usage by its exit code', async () => {
  const run = promisify(execFile);
  await expect(run(process.execPath, [CLI, 'dance'])).rejects.toMatchObject({ code: 2 });
  const child = spawn(process.execPath, [CLI, 'serve', '--port', '0', '--patients', '20', '--appointments', '10']);
  const ended = once(child, 'exit');
  try {
    let said = '';
    for await (const chunk of child.stdout) {
      said += chunk;
      if (said.includes('Serving')) break;
    }
    const url = /Address: (\S+)/.exec(said)![1]!;
    const key = /Key: +(\S+)/.exec(said)![1]!;
    const answer = await fetch(`${url}/user`, {
      headers: { authorization: `Basic ${btoa(`${key}:`)}`, 'user-agent': 'Sample (tests@example.invalid)' },
    });
    expect(await answer.json()).toMatchObject({ email: 'staff1@example.invalid' });
  } finally {
    child.kill('SIGTERM');
  }
  expect(await ended).toEqual([0, null]);
});
