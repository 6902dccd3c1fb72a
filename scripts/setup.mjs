/** `npm run setup`: everything that Chartsync needs on this machine, and nothing started. After each update as well. */
import { buildWeb } from './build-web.mjs';
import { bundlePackages, installPackages } from './install.mjs';

await installPackages();
await bundlePackages();
await buildWeb();
console.log('Chartsync: set up. bin/chartsync --help tells what it can do.');
