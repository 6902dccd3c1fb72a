/** Where the command line begins. Bundled packages are found from here on, so everything else is loaded after that. */
import { useBundledPackages } from './bundled-packages.ts';

useBundledPackages();
const { runProcess } = await import('./process.ts');
await runProcess();
