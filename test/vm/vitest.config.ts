import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/vm/*.test.ts'],
    globalSetup: ['test/support/build.ts'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
    pool: 'forks',
    // All files use one machine, which boots once: they run in one process, one after the other.
    fileParallelism: false,
    isolate: false,
  },
});
