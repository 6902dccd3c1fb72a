/** How a command starts: it loads what it needs and no more, and what it loads is what is installed. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../support/cli.ts';
import { CONNECTION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';

const PROJECT = new URL('../../', import.meta.url);
const run = promisify(execFile);

/** Writes down, at the end of the process, the address of every module that was loaded. */
const WITNESS = `
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
const loaded = [];
registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
process.on('exit', () => writeFileSync(process.env.LOADED_MODULES, JSON.stringify(loaded)));
`;

let setup: PracticeSetup;

beforeAll(async () => {
  await run(process.execPath, [fileURLToPath(new URL('scripts/bundle-packages.ts', PROJECT))]);
  setup = await setUpPractice({ patients: 2, attachments: 4 });
  await writeFile(join(setup.folder, 'witness.mjs'), WITNESS);
});
afterAll(async () => {
  await setup?.close();
});

/** @returns packages and folders of the project that had to be loaded */
async function loadedBy(...args: string[]): Promise<Set<string>> {
  const list = join(setup.folder, 'loaded.json');
  const result = await runCli(args, {
    cwd: setup.folder,
    env: {
      ...setup.environment,
      LOADED_MODULES: list,
      NODE_OPTIONS: `--import=${pathToFileURL(join(setup.folder, 'witness.mjs'))}`,
    },
  });
  // Some files of the sample fail.
  expect([0, 3], result.stderr).toContain(result.code);
  const urls: string[] = JSON.parse(await readFile(list, 'utf8'));
  return new Set(
    urls
      .flatMap((url) => /\/node_modules\/(?:\.cache\/(bundled)\/|((?:@[^/]+\/)?[^/]+))/.exec(url)?.slice(1) ?? url)
      .filter(Boolean),
  );
}

test('help loads no library of what commands do', async () => {
  const loaded = await loadedBy('--help');
  expect(loaded).toContain('commander');
  for (const name of ['bundled', 'kysely', 'typebox', 'yaml', 'pg', 'fastify', '@azure/storage-blob']) {
    expect(loaded).not.toContain(name);
  }
});

test('a command loads no service, no source and no store that it does not ask, and large packages from one file each', async () => {
  for (const args of [['status'], ['sync', CONNECTION]]) {
    const loaded = await loadedBy(...args, '--json');
    expect(loaded).toContain('bundled');
    expect(loaded).toContain('pg');
    for (const name of [
      'kysely',
      'typebox',
      'fastify',
      'socket.io',
      'jose',
      'prom-client',
      'rate-limiter-flexible',
      'pg-boss',
      'mysql2',
      '@azure/storage-blob',
      '@lancedb/lancedb',
      'openai',
      'playwright-core',
      'sharp',
    ]) {
      expect(loaded, `${args} loads ${name}`).not.toContain(name);
    }
  }
});

test('files that were made of another version are left alone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'chartsync-bundled-'));
  try {
    await writeFile(join(folder, 'kysely.mjs'), 'export const sql = "not the library";');
    await writeFile(join(folder, 'typebox.mjs'), 'export const Check = "of the right version";');
    const { version } = JSON.parse(await readFile(new URL('node_modules/typebox/package.json', PROJECT), 'utf8'));
    await writeFile(join(folder, 'versions.json'), JSON.stringify({ kysely: '0.0.1', typebox: version }));
    const program = `
      const { useBundledPackages } = await import(${JSON.stringify(new URL('src/cli/bundled-packages.ts', PROJECT))});
      useBundledPackages(new URL(${JSON.stringify(`${pathToFileURL(folder)}/`)}));
      const [kysely, typebox] = [await import('kysely'), await import('typebox')];
      console.log(JSON.stringify([typeof kysely.sql, typebox.Check]));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: fileURLToPath(PROJECT),
    });
    expect(JSON.parse(stdout)).toEqual(['function', 'of the right version']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
