/** For `node --import`: every process of tests loads what it needs as the command line does, compiled before and in few files. */
import { enableCompileCache } from 'node:module';
import { useBundledPackages } from '../../src/cli/bundled-packages.ts';
import { COMPILE_CACHE } from './cli.ts';

enableCompileCache(COMPILE_CACHE);
useBundledPackages();
