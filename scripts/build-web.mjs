/** Builds the pages for the browser into web/build, when they are missing or older than what they are made of. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { fail, node24, root, run, runQuietly } from './install.mjs';

const web = join(root, 'web');
const stamp = join(web, 'build', '.made-of');
const program = (...path) => [node24, join(root, 'node_modules', ...path)];
/** Types of the interface for the pages' client; the build itself needs none. */
const TYPES = [
  ...program('openapi-typescript', 'bin', 'cli.js'),
  join(root, 'docs', 'openapi.json'),
  '--output',
  join(web, 'src', 'lib', 'api', 'schema.d.ts'),
];

/** Ends the process when the build fails. */
export async function buildWeb() {
  // A package brings the build and not what it is made of.
  if (!existsSync(join(web, 'src'))) return;
  const sources = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sources) return;
  console.log('Chartsync: building its pages for the browser (a few seconds, after each change of them) …');
  const vite = program('vite', 'bin', 'vite.js');
  await inWeb(vite, ['build', '--logLevel', 'warn'], 'The pages could not be built.', runQuietly);
  const component = ['build', '--config', join('component', 'vite.config.ts'), '--logLevel', 'warn'];
  await inWeb(vite, component, 'The embeddable component could not be built.', runQuietly);
  compress(join(web, 'build', 'component'));
  writeFileSync(stamp, sources);
}

/** Types of the pages' scripts and markup. Ends the process when there is a mistake. */
export async function checkWeb() {
  console.log('\n== types of the pages');
  const failed = 'the check "types of the pages" failed; the tests were not run.';
  await inWeb(TYPES, [], failed);
  await inWeb(program('@sveltejs', 'kit', 'svelte-kit.js'), ['sync'], failed);
  await inWeb(
    program('svelte-check', 'bin', 'svelte-check'),
    [
      '--fail-on-warnings',
      // The build of the component sets the option that this misses.
      '--compiler-warnings',
      'options_missing_custom_element:ignore',
    ],
    failed,
  );
}

/** As the build of the pages does itself. */
function compress(folder) {
  for (const name of readdirSync(folder)) {
    const content = readFileSync(join(folder, name));
    writeFileSync(join(folder, `${name}.br`), brotliCompressSync(content));
    writeFileSync(join(folder, `${name}.gz`), gzipSync(content, { level: 9 }));
  }
}

async function inWeb(command, args, otherwise, runner = run) {
  const code = await runner([...command, ...args], { cwd: web });
  if (code !== 0) fail(code, otherwise);
}

function fingerprint() {
  const hash = createHash('sha256');
  const add = (path) => hash.update(path.slice(root.length)).update(readFileSync(path));
  for (const name of ['package.json', 'vite.config.ts', 'tsconfig.json']) add(join(web, name));
  add(join(root, 'package-lock.json'));
  const names = ['src', 'component']
    .flatMap((folder) => readdirSync(join(web, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.d.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
  for (const path of names) add(path);
  return hash.digest('hex');
}
