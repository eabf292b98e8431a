import { describe, expect, test } from 'vitest';
import { type Facts, verdictOf } from '../../../src/page/verdict.ts';

const WELL: Facts = {
  ...{ alarms: 0, troubles: [], clients: 0, isLive: true, isDenied: false },
  uplinks: { connected: 1, all: 1, waiting: 9 },
};
const GOOD = { good: 3, uncertain: 0, bad: 0, stale: 0 };

describe('the verdict on the cell', () => {
  test('is "well" if nothing is wrong', () => {
    expect(verdictOf(WELL, GOOD)).toEqual({ state: 'well', wrong: [] });
  });

  test.each<[string, Partial<Facts>, Partial<typeof GOOD>, string]>([
    ['an alarm', { alarms: 2 }, {}, 'bad'],
    ['a trouble', { troubles: ['the disk is full'] }, {}, 'bad'],
    ['a bad reading without a trouble', {}, { bad: 1 }, 'bad'],
    ['a stale reading', {}, { stale: 1 }, 'bad'],
    ['an uncertain reading', {}, { uncertain: 1 }, 'uncertain'],
    ['a bad and an uncertain reading', {}, { bad: 1, uncertain: 1 }, 'bad'],
    ['an uplink down', { uplinks: { connected: 0, all: 1, waiting: 0 } }, {}, 'bad'],
    ['a lost connection', { isLive: false }, {}, 'unknown'],
    ['no status yet', { troubles: undefined }, {}, 'unknown'],
    ['no right to read the status', { isDenied: true }, {}, 'unknown'],
  ])('is never "well" with %s', (_name, facts, counts, state) => {
    expect(verdictOf({ ...WELL, ...facts }, { ...GOOD, ...counts }).state).toBe(state);
  });

  test('names what is wrong with its number, the most severe first', () => {
    const facts = { ...WELL, alarms: 2, uplinks: { connected: 1, all: 4, waiting: 0 } };
    expect(verdictOf(facts, { ...GOOD, bad: 5 }).wrong).toEqual([
      ['alarm', 2],
      ['badValue', 5],
      ['uplinkDown', 3],
    ]);
  });
});
