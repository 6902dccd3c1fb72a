import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readArguments } from './cli.ts';

test('reads its options, and refuses what it cannot read', () => {
  expect(readArguments(['serve'])).toEqual({
    port: 8502,
    clinics: 1,
    seed: 1,
    timeZone: 'America/Los_Angeles',
    isSlow: false,
    changeEveryMs: null,
  });
  expect(readArguments(['serve', '--latency', 'real', '--change-every', '30s'])).toMatchObject({
    isSlow: true,
    changeEveryMs: 30_000,
  });
  expect(readArguments(['--help'])).toBeNull();
  for (const wrong of [
    [],
    ['watch'],
    ['serve', '--port', '70000'],
    ['serve', '--clinics', '0'],
    ['serve', '--time-zone', 'Mars/Olympus'],
    ['serve', '--latency', 'some'],
    ['serve', '--change-every', 'often'],
    ['serve', '--colour'],
  ]) {
    expect(() => readArguments(wrong)).toThrow(TypeError);
  }
});

test('serves until it is told to stop', async () => {
  const child = spawn(process.execPath, [
    join(import.meta.dirname, 'cli.ts'),
    'serve',
    '--port',
    '0',
    '--clinics',
    '2',
  ]);
  const exited = once(child, 'exit');
  try {
    let output = '';
    for await (const part of child.stdout) {
      output += part;
      if (output.includes('Until Ctrl-C.')) break;
    }
    expect(output).toContain('company 10002, user desk2@example.com, password Sample-2-login');
    const url = /Portal at (\S+)/.exec(output)![1]!;
    expect(await (await fetch(url)).text()).toContain('name="companyId"');
  } finally {
    child.kill('SIGTERM');
  }
  expect(await exited).toEqual([0, null]);
});
