import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/scenarios/vm/*.test.ts'],
    globalSetup: ['test/support/build.ts'],
    // Bounds for what fails; a busy host makes an emulated machine slow.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 240_000, interval: 50 } },
    disableConsoleIntercept: true,
    pool: 'forks',
    // The files of one process share a machine, which boots once. Two machines, as one is idle for half of the time.
    maxWorkers: 2,
    isolate: false,
  },
});
