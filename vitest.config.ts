import { defineConfig } from 'vitest/config';

/** They compare times, so nothing else may run beside them. */
const ALONE = [
  'test/scenarios/isolation/**/*.test.ts',
  'test/scenarios/bench/**/*.test.ts',
  'test/scenarios/flow/**/*.test.ts',
  'test/scenarios/uplink/outage.test.ts',
];
/** They need a machine of their own: npm run test:vm, npm run test:systemd. */
const ELSEWHERE = 'test/scenarios/vm/**';

/** Long enough for a machine that is busy with other work. */
const each = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: 20_000 } },
  pool: 'forks',
} as const;

export default defineConfig({
  test: {
    // The store's writer thread and the spawned gateway run the build, so it must be current.
    globalSetup: ['test/support/build.ts'],
    maxConcurrency: 12,
    projects: [
      {
        test: {
          ...each,
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: [ELSEWHERE, ...ALONE],
          // Many tests wait for clocks and disks: one more than the processors of the smallest machine that runs them.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...each,
          name: 'alone',
          include: ALONE,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
