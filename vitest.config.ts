import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // They need a machine of their own and its times: npm run test:vm.
    exclude: ['test/vm/**'],
    // The store's writer thread and the spawned gateway run the build, so it must be current.
    globalSetup: ['test/support/build.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    pool: 'forks',
    maxConcurrency: 12,
  },
});
