import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'simulators/**/*.test.ts', 'test/**/*.test.ts', 'web/src/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // Many tests wait for other processes: one at a time would leave a small machine idle.
    maxWorkers: 2,
    globalSetup: ['test/support/global-setup.ts'],
  },
});
