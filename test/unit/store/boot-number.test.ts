import { describe, expect, test } from 'vitest';
import { BootNumber } from '../../../src/store/boot-number.ts';
import type { Operation } from '../../../src/store/commit/batch.ts';
import type { Recovered } from '../../../src/store/recovery/load-state.ts';
import { startStore } from '../../support/store.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const IN_2026 = Date.UTC(2026, 10, 29);
const SECONDS = IN_2026 / 1000;
const recovered = (lastBoot: number | undefined, bootIsProvisional = false) =>
  ({ lastBoot, bootIsProvisional }) as Recovered;

function journalOf() {
  const operations: Operation[] = [];
  return { operations, add: (operation: Operation) => void operations.push(operation) };
}

test('each start adds one', () => {
  expect(new BootNumber(recovered(41), IN_2026).value).toBe(42);
});

test('a new data folder begins above all numbers of an earlier one, and fits into 32 bits', () => {
  const earlier = new BootNumber(recovered(undefined), IN_2026).value;
  expect(earlier).toBe(SECONDS);
  const later = new BootNumber(recovered(undefined), IN_2026 + 1000 * 3600).value;
  expect(later).toBeGreaterThan(earlier + 1000);
  expect(new BootNumber(recovered(undefined), Date.UTC(2038, 0, 1)).value).toBeLessThan(2 ** 31);
});

describe('a new data folder whose clock is slow', () => {
  const SLOW = Date.UTC(2020, 0, 1);

  test('continues above them when the clock is right, also after restarts, once', () => {
    const first = new BootNumber(recovered(undefined), SLOW);
    expect(first.meta).toEqual({ boot: SLOW / 1000, bootIsProvisional: 1 });
    const second = new BootNumber(recovered(first.value, true), SLOW + 5000);
    expect(second.value).toBe(first.value + 1);
    const journal = journalOf();
    second.clockIsRight(IN_2026, journal);
    expect(second.value).toBe(SECONDS);
    expect(journal.operations).toEqual([
      ['setMeta', 'boot', SECONDS],
      ['setMeta', 'bootIsProvisional', 0],
    ]);
    second.clockIsRight(IN_2026 + 3_600_000, journal);
    expect(second.value).toBe(SECONDS);
    expect(journal.operations).toHaveLength(2);
  });

  test('a clock that was right changes nothing, nor does an older folder', () => {
    const right = new BootNumber(recovered(undefined), IN_2026);
    right.clockIsRight(IN_2026 + 10_000, journalOf());
    expect(right.value).toBe(SECONDS);
    const older = new BootNumber(recovered(12), SLOW);
    older.clockIsRight(IN_2026, journalOf());
    expect(older.value).toBe(13);
  });

  test('the next start finds the larger number on disk', async () => {
    const folder = tempFolder();
    const { store } = await startStore(folder);
    store.bootNumber.value = 100;
    store.bootNumber.clockIsRight(IN_2026, store.journal);
    await store.stop();
    const again = await startStore(folder);
    expect(again.store.recovered).toMatchObject({ lastBoot: SECONDS, bootIsProvisional: false });
    expect(again.store.bootNumber.value).toBe(SECONDS + 1);
    await again.store.stop();
  });
});
