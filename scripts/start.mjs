/** `npm start`: sets itself up, then runs the demonstration on the project's own Node. */
import { join } from 'node:path';
import { buildWeb } from './build-web.mjs';
import { bundlePackages, installPackages, node24, root, run } from './install.mjs';

await installPackages();
await bundlePackages();
await buildWeb();
// The same as in bin/chartsync, which says why.
const env = {
  MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? '2',
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'chartsync'),
};
const flags = ['--max-semi-space-size=16', '--heap-growing-percent=60'];
process.exitCode = await run(
  [node24, ...flags, join(root, 'src', 'cli', 'main.ts'), 'demo', ...process.argv.slice(2)],
  { env },
);
