/** For `node --import`: every process of tests loads large packages from one file each, as the command line does. */
import { useBundledPackages } from '../../src/cli/bundled-packages.ts';

useBundledPackages();
