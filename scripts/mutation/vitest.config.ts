import { defineConfig } from 'vitest/config';

/** The tests that run against the mutants, as Stryker runs them: in one thread, stopped at the first that fails. */
export default defineConfig({
  test: {
    include: process.env.MUTATION_TESTS?.split(',') ?? [],
    setupFiles: ['scripts/mutation/setup.ts'],
    // The changed code is several times slower, also without a change in force; a mutant has Stryker's own limit.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
