import { expect, test } from 'vitest';
import { Latency } from '../../../src/base/latency.ts';
import { storeStatus } from '../../../src/store/store-status.ts';

test('the wear has what the long history writes too; the bytes of a message are those of the store', () => {
  const status = storeStatus({
    journal: {
      commitTimes: new Latency(),
      counts: { commits: 1, entries: 10, lastMs: 1 },
    },
    ...{ bytesWritten: 1000, alsoWritten: 5000, freeBytes: null, failedReads: 0, lostMessages: 0 },
    disk: { diskBytes: 16e9, lifeUsed: null, reserve: null },
    ...{ runningMs: 365.25 * 86_400_000, trouble: undefined },
  });
  expect(status).toMatchObject({ bytesWritten: 6000, bytesPerMessage: 100 });
  expect(status.wear.bytesPerYear).toBe(6000);
});
