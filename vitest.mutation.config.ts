import { defineConfig } from 'vitest/config';

/** The tests that mutation testing runs: those that need no server, so that a thousand runs of them are affordable. */
export default defineConfig({
  test: {
    include: [
      'src/domain/**/*.test.ts',
      'src/engine/**/*.test.ts',
      'test/simulation/mutation.test.ts',
      'test/simulation/engine.test.ts',
    ],
    testTimeout: 20_000,
  },
});
