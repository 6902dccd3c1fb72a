/** What `npm start` builds on the side says nothing, unless it fails. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const INSTALL = JSON.stringify(new URL('../../scripts/install.mjs', import.meta.url).href);
const run = promisify(execFile);

/** @param end exit code of a program that says something on both of its outputs */
async function build(end: number): Promise<{ stdout: string; stderr: string }> {
  const said = `console.log('a line of the build'); console.error('a warning of it'); process.exitCode = ${end};`;
  const program = `
    const { run } = await import(${INSTALL});
    console.log(await run([process.execPath, '--eval', ${JSON.stringify(said)}], { quiet: true }));`;
  return run(process.execPath, ['--input-type=module', '--eval', program]);
}

test('it succeeds in silence', async () => {
  expect(await build(0)).toEqual({ stdout: '0\n', stderr: '' });
});

test('when it fails everything that it said is told', async () => {
  const { stdout, stderr } = await build(3);
  expect(stdout).toBe('3\n');
  expect(stderr.split('\n').sort()).toEqual(['', 'a line of the build', 'a warning of it']);
});
