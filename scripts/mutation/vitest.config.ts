import { defineConfig } from 'vitest/config';

/** The tests that run against the mutants, as Stryker runs them: in one thread, stopped at the first that fails. */
export default defineConfig({
  test: {
    include: process.env.MUTATION_TESTS?.split(',') ?? [],
    setupFiles: ['scripts/mutation/setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
