import { defineConfig } from 'vitest/config';

/** The tests that run against the mutants, as Stryker runs them: in one thread, stopped at the first that fails. */
export default defineConfig({
  test: {
    include: process.env.MUTATION_TESTS?.split(',') ?? [],
    setupFiles: ['scripts/mutation/setup.ts'],
    // Measures memory over millions of steps, each of them several times slower here.
    testNamePattern: /^(?!.*the cache takes less than 20 MB)/,
    // The changed code is several times slower, also without a change in force; a mutant has Stryker's own limit.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
