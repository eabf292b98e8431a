import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/vm/systemd/*.test.ts'],
    globalSetup: ['test/support/build.ts'],
    testTimeout: 240_000,
    hookTimeout: 600_000,
    pool: 'forks',
    // Each test goes on with the machine as the one before left it.
    bail: 1,
  },
});
