/** `npm start`: sets itself up, then runs the demonstration on the project's own Node. */
import { join } from 'node:path';
import { installPackages, node24, root, run } from './install.mjs';

await installPackages();
process.exitCode = await run([node24, join(root, 'src', 'cli', 'main.ts'), 'demo', ...process.argv.slice(2)]);
