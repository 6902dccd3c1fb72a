import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/sequencer.ts';

/** Beside `test`, files whose tests start other processes. */
const WITH_PROCESSES = ['src/documents/**/*.test.ts', 'src/stores/postgres/**/*.test.ts', 'simulators/**/*.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 180_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // Many tests wait for other processes: one at a time would leave a small machine idle.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    globalSetup: ['test/support/global-setup.ts'],
    // Node loads the files as it does in production: Vite's way of loading makes each call into another module slower.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    execArgv: ['--import', new URL('test/support/bundled-packages.ts', import.meta.url).href],
    projects: [
      {
        extends: true,
        test: {
          name: 'functions',
          include: ['src/**/*.test.ts', 'web/src/**/*.test.ts'],
          exclude: WITH_PROCESSES,
          // They leave nothing behind: loading the modules anew for each file would take longer than its tests.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'processes', include: ['test/**/*.test.ts', ...WITH_PROCESSES] } },
    ],
  },
});
