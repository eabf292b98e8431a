import { beforeAll } from 'vitest';

interface Stryker {
  readonly activeMutant?: string;
}

/** Stryker's setup sets the mutant for this thread; the writer's thread and the programs of the build read the variable. */
beforeAll(() => {
  const { __stryker__: stryker } = globalThis as { __stryker__?: Stryker };
  const mutant = stryker?.activeMutant;
  if (mutant === undefined) delete process.env.__STRYKER_ACTIVE_MUTANT__;
  else process.env.__STRYKER_ACTIVE_MUTANT__ = mutant;
});
