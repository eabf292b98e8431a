import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/scenarios/vm/systemd/*.test.ts'],
    globalSetup: ['test/support/build.ts'],
    // Of an emulated machine on a busy host.
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
    disableConsoleIntercept: true,
    pool: 'forks',
    maxWorkers: 2,
    // Each test goes on with the machine as the one before left it.
    bail: 1,
  },
});
