/**
 * `npm test`: sets itself up, then checks everything; the first stage that fails ends it with that stage's exit code.
 * `npm test -- src/config` runs just the tests of these files. The last line says `N passed, N failed`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildWeb, checkWeb } from './build-web.mjs';
import { bundlePackages, installPackages, node24, root, run } from './install.mjs';
import { installSystemPackages } from './system-packages.mjs';

const program = (...path) => [node24, join(root, 'node_modules', ...path)];

const STATIC_STAGES = [
  ['types', [...program('ts7', 'bin', 'tsc'), '-p', root]],
  ['format and lint', [...program('@biomejs', 'biome', 'bin', 'biome'), 'ci', '.']],
  [
    'dependencies between folders',
    [
      ...program('dependency-cruiser', 'bin', 'dependency-cruiser.mjs'),
      '--config',
      '.dependency-cruiser.cjs',
      'src',
      'simulators',
      'test',
    ],
  ],
];

const args = process.argv.slice(2);
await installPackages();
await bundlePackages();
await installSystemPackages();
await buildWeb();
if (args.length === 0) {
  for (const [name, command] of STATIC_STAGES) {
    console.log(`\n== ${name}`);
    const code = await run(command);
    if (code !== 0) {
      console.error(`\nChartsync: the check "${name}" failed; the tests were not run.`);
      process.exit(code);
    }
  }
}

if (args.length === 0) await checkWeb();

console.log('\n== tests');
const folder = mkdtempSync(join(tmpdir(), 'chartsync-totals-'));
const file = join(folder, 'totals.json');
const reporters = ['--reporter=default', `--reporter=${join(root, 'scripts', 'totals-reporter.mjs')}`];
let code = await run([...program('vitest', 'vitest.mjs'), 'run', ...reporters, ...args], {
  // Hundreds of processes compile the same packages.
  env: { CHARTSYNC_TEST_TOTALS: file, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'chartsync') },
});
let totals = { passed: 0, failed: 1, skipped: [] };
try {
  totals = JSON.parse(readFileSync(file, 'utf8'));
} catch {
  console.error('\nChartsync: the tests ended before they were counted.');
  code ||= 1;
}
rmSync(folder, { recursive: true, force: true });
// With arguments a skip is what was asked for; without, nobody would notice it.
if (args.length === 0 && totals.skipped.length > 0) {
  console.error(`\nChartsync: these tests were skipped, which counts as failed:\n  ${totals.skipped.join('\n  ')}`);
  totals.failed += totals.skipped.length;
}
if (totals.failed > 0) code ||= 1;
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = code;
