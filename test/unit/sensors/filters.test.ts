import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryState } from '../../../src/base/state.ts';
import type { FilterOutConfig } from '../../../src/config/schema/filter-out.ts';
import type { FilterConfig } from '../../../src/config/schema/filters.ts';
import { CLOCK_NOT_SET } from '../../../src/driver-kit/reading.ts';
import { createFilterChain } from '../../../src/sensors/filters.ts';
import type { QualifiedSample } from '../../../src/sensors/qualified-sample.ts';

const state = () => createMemoryState().of('sensor');
const good = (value: QualifiedSample['value']): QualifiedSample => ({ value, quality: 'good' });
const bad = (reason: string): QualifiedSample => ({ value: null, quality: 'bad', reason });

/** Pushes one value a second; a gap where one was held back. Qualities other than good stand behind the value. */
function run(
  filters: readonly FilterConfig[],
  samples: readonly (QualifiedSample | QualifiedSample['value'])[],
) {
  const chain = createFilterChain(filters, state());
  return samples.map((sample, second) => {
    const qualified = sample !== null && typeof sample === 'object' ? sample : good(sample);
    const out = chain.push(qualified, second * 1000);
    if (out === undefined) return '-';
    return out.quality === 'good' ? out.value : `${out.value} ${out.quality}: ${out.reason}`;
  });
}

const warming = (value: number, have: number, of: number): string =>
  `${value} uncertain: filter warming up (${have} of ${of})`;

test('without filters every sample passes as it is', () => {
  expect(run([], [1, 1, true, 'on', bad('x')])).toEqual([1, 1, true, 'on', 'null bad: x']);
});

describe('median', () => {
  test('takes a single spike out and is uncertain until its window is full', () => {
    expect(run([{ median: 3 }], [1, 99, 2, 3, -50, 4])).toEqual([
      warming(1, 1, 3),
      warming(50, 2, 3),
      2,
      3,
      2,
      3,
    ]);
  });

  test('starts over after a bad sample', () => {
    expect(run([{ median: 3 }], [1, 1, 1, bad('gone'), 5, 5, 5])).toEqual([
      warming(1, 1, 3),
      warming(1, 2, 3),
      1,
      'null bad: gone',
      warming(5, 1, 3),
      warming(5, 2, 3),
      5,
    ]);
  });

  test('leaves other values alone, and keeps the reason of an uncertain sample', () => {
    expect(run([{ median: 3 }], [true, 'on'])).toEqual([true, 'on']);
    const uncertain = { value: 130, quality: 'uncertain', reason: 'outside' } as const;
    expect(run([{ median: 3 }], [1, 1, uncertain])[2]).toBe('1 uncertain: outside');
  });

  test('lies between the least and the greatest of its window', () => {
    const numbers = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), numbers, (size, values) => {
        const chain = createFilterChain([{ median: size }], state());
        for (const [index, value] of values.entries()) {
          const window = values.slice(Math.max(0, index + 1 - size), index + 1);
          const out = chain.push(good(value), index)?.value;
          expect(out).toBeGreaterThanOrEqual(Math.min(...window));
          expect(out).toBeLessThanOrEqual(Math.max(...window));
        }
      }),
    );
  });
});

describe('deadband', () => {
  test('holds back what differs too little from what was published', () => {
    expect(run([{ deadband: 0.1 }], [20, 20.05, 20.09, 20.1, 20.1, 20.0, 19])).toEqual([
      20,
      '-',
      '-',
      20.1,
      '-',
      20,
      19,
    ]);
  });

  test('a slow drift is not lost', () => {
    const out = run([{ deadband: 1 }], [0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.4]);
    expect(out).toEqual([0, '-', '-', 1.2, '-', '-', 2.4]);
  });

  test('of 0 holds back what is equal, also where it is no number', () => {
    expect(run([{ deadband: 0 }], [1, 1, 2, true, true, false])).toEqual([
      1,
      '-',
      2,
      true,
      '-',
      false,
    ]);
  });

  test('never hides a change of quality', () => {
    const samples = [
      20,
      bad('gone'),
      bad('gone'),
      20,
      { value: 20, quality: 'uncertain', reason: 'x' },
    ];
    expect(run([{ deadband: 5 }], samples as QualifiedSample[])).toEqual([
      20,
      'null bad: gone',
      'null bad: gone',
      20,
      '20 uncertain: x',
    ]);
  });

  test('what is shown is never further than the band from what is measured', () => {
    const walk = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), walk, (band, values) => {
        const chain = createFilterChain([{ deadband: band }], state());
        let shown = Number.NaN;
        for (const [index, value] of values.entries()) {
          const out = chain.push(good(value), index);
          if (out !== undefined) shown = Number(out.value);
          expect(Math.abs(value - shown)).toBeLessThanOrEqual(band);
        }
      }),
    );
  });
});

describe('throttle and heartbeat', () => {
  test('throttle lets one pass in its time', () => {
    expect(run([{ throttle: 3000 }], [1, 2, 3, 4, 5, 6, 7])).toEqual([1, '-', '-', 4, '-', '-', 7]);
  });

  test('throttle hides no change of quality and no new reason, but repeats', () => {
    const samples = [1, 2, bad('a'), bad('a'), bad('b'), bad('b'), bad('b'), bad('b'), 9];
    expect(run([{ throttle: 3000 }], samples)).toEqual([
      1,
      '-',
      'null bad: a',
      '-',
      'null bad: b',
      '-',
      '-',
      'null bad: b',
      9,
    ]);
  });

  test.each([
    ['in front', [{ heartbeat: 3000 }, { deadband: 5 }]],
    ['behind', [{ deadband: 5 }, { heartbeat: 3000 }]],
  ])('heartbeat %s shows the current value, not the old one', (_place, filters) => {
    expect(run(filters, [20, 20.1, 20.2, 20.3, 20.4, 30, 30, 30, 30])).toEqual([
      20,
      '-',
      '-',
      20.3,
      '-',
      30,
      '-',
      '-',
      30,
    ]);
  });

  test('heartbeat alone holds nothing back', () => {
    expect(run([{ heartbeat: 60_000 }], [1, 1, 1])).toEqual([1, 1, 1]);
  });

  test('silence is never longer than the heartbeat where samples come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 50 }), (values) => {
        const filters = [{ deadband: 2 }, { throttle: 2000 }, { heartbeat: 5000 }];
        expect(run(filters, values).join('')).not.toContain('-----');
      }),
    );
  });
});

describe('round, calibrate, clamp', () => {
  test('round', () => {
    expect(run([{ round: 1 }], [23.4567, -0.04, true])).toEqual([23.5, -0, true]);
    expect(run([{ round: 0 }], [23.5, 1e21])).toEqual([24, 1e21]);
  });

  test('calibrate goes through both points and beyond', () => {
    const calibrate: FilterConfig = {
      calibrate: [
        [0.4, 0],
        [2, 100],
      ],
    };
    const out = run([calibrate], [0.4, 2, 1.2, 0, 2.4]).map(Number);
    for (const [index, expected] of [0, 100, 50, -25, 125].entries()) {
      expect(out[index]).toBeCloseTo(expected, 9);
    }
  });

  test('clamp makes a value outside uncertain and leaves it', () => {
    expect(run([{ clamp: [0, 100] }], [0, 100, 100.1, -1, false])).toEqual([
      0,
      100,
      '100.1 uncertain: outside 0 to 100',
      '-1 uncertain: outside 0 to 100',
      false,
    ]);
  });

  test('bad stays bad', () => {
    const all: FilterConfig[] = [
      { median: 3 },
      {
        calibrate: [
          [0, 1],
          [1, 2],
        ],
      },
      { round: 1 },
      { clamp: [5, 6] },
    ];
    expect(run(all, [bad('gone')])).toEqual(['null bad: gone']);
  });
});

describe('order', () => {
  test('a filter sees what those before it have made', () => {
    expect(run([{ round: 0 }, { deadband: 1 }], [20.4, 20.6, 20.9])).toEqual([20, 21, '-']);
    expect(run([{ deadband: 1 }, { round: 0 }], [20.4, 20.6, 20.9])).toEqual([20, '-', '-']);
  });

  test('a median behind a deadband still sees every sample', () => {
    expect(run([{ deadband: 10 }, { median: 3 }], [1, 2, 3, 4, 50])).toEqual([
      warming(1, 1, 3),
      '-',
      2,
      '-',
      4,
    ]);
  });

  test('leaving warm-up is a change of quality', () => {
    expect(run([{ median: 2 }, { deadband: 5 }], [1, 1, 1])).toEqual([warming(1, 1, 2), 1, '-']);
  });
});

test.each([
  [{ median: 0 }, 'median: 0'],
  [{ deadband: -1 }, 'deadband: -1'],
  [{ throttle: 0 }, 'throttle: 0'],
  [{ heartbeat: Number.NaN }, 'heartbeat: NaN'],
  [{ round: 1.5 }, 'round: 1.5'],
  [
    {
      calibrate: [
        [1, 0],
        [1, 5],
      ],
    },
    'calibrate: both points',
  ],
  [{ clamp: [5, 1] }, 'clamp: 5 is more than 1'],
] as const)('%j makes no sense', (filter, message) => {
  expect(() => createFilterChain([filter], state())).toThrow(message);
});

describe('filters with a memory', () => {
  test('integrate goes on after a restart', () => {
    const memory = state();
    const first = createFilterChain([{ integrate: 1000 }], memory);
    first.push(good(10), 0);
    expect(first.push(good(10), 2000)).toEqual(good(20));
    const second = createFilterChain([{ integrate: 1000 }], memory);
    expect(second.push(good(10), 50_000)).toEqual(good(20));
    expect(second.push(good(10), 51_000)).toEqual(good(30));
  });

  test('a memory that makes no sense begins at 0', () => {
    const memory = state();
    memory.set('integrate', 'x');
    expect(createFilterChain([{ integrate: 1000 }], memory).push(good(1), 0)).toEqual(good(0));
  });
});

describe('delays', () => {
  test('say when they pass a sample, and pass it once', () => {
    const chain = createFilterChain([{ debounce: 100 }, { multiply: 2 }], state());
    expect(chain.push(good(1), 0)).toEqual(good(2));
    expect(chain.due()).toBeUndefined();
    expect(chain.push(good(2), 50)).toBeUndefined();
    expect(chain.due()).toBe(150);
    expect(chain.tick(149)).toBeUndefined();
    expect(chain.tick(150)).toEqual(good(4));
    expect(chain.due()).toBeUndefined();
    expect(chain.tick(300)).toBeUndefined();
  });

  test('bad passes at once and forgets what waits', () => {
    const chain = createFilterChain([{ delayedOn: 100 }, { throttleAverage: 1000 }], state());
    expect(chain.push(good(true), 0)).toBeUndefined();
    expect(chain.push(bad('gone'), 10)).toEqual(bad('gone'));
    expect(chain.due()).toBeUndefined();
  });

  test('gates in front of a delay keep comparing', () => {
    const chain = createFilterChain([{ deadband: 1 }, { throttleAverage: 1000 }], state());
    for (const [now, value] of [10, 10.2, 10.4].entries()) chain.push(good(value), now * 100);
    expect(chain.tick(1000)?.value).toBeCloseTo(10.2, 9);
  });

  test('a mean of uncertain values is uncertain', () => {
    const chain = createFilterChain([{ throttleAverage: 1000 }], state());
    chain.push({ value: 1, quality: 'uncertain', reason: 'clock not yet set' }, 0);
    chain.push(good(3), 500);
    expect(chain.tick(1000)).toEqual({
      value: 2,
      quality: 'uncertain',
      reason: 'clock not yet set',
    });
    chain.push(good(3), 1500);
    expect(chain.tick(2500)).toEqual(good(3));
  });
});

test.each([
  [{ polynomial: [] }, 'polynomial'],
  [{ min: 0 }, 'min: 0'],
  [{ exponentialAverage: 0 }, 'exponentialAverage: 0'],
  [{ derivative: 0 }, 'derivative: 0'],
  [{ integrate: -1 }, 'integrate: -1'],
  [{ debounce: 0 }, 'debounce: 0'],
  [{ throttleAverage: 0 }, 'throttleAverage: 0'],
  [{ timeout: 0 }, 'timeout: 0'],
] as const)('%j makes no sense either', (filter, message) => {
  expect(() => createFilterChain([filter], state())).toThrow(message);
});

describe('throttle at its end', () => {
  test('the last change appears when the time is over, once, with the time of its sample', () => {
    const chain = createFilterChain([{ throttle: 10_000 }], state());
    chain.push(good(1), 0);
    expect(chain.push(good(2), 500)).toBeUndefined();
    expect(chain.due()).toBe(10_000);
    expect(chain.tick(9_999)).toBeUndefined();
    expect(chain.tick(10_000)).toEqual(good(2));
    expect(chain.ageMs).toBe(9500);
    expect(chain.due()).toBeUndefined();
  });

  test('nothing is published of a value that has come back within the deadband', () => {
    const chain = createFilterChain([{ throttle: 10_000 }, { deadband: 1 }], state());
    chain.push(good(1), 0);
    chain.push(good(5), 500);
    chain.push(good(1.2), 1000);
    expect(chain.due()).toBeUndefined();
  });

  test('several throttles: the longest counts', () => {
    const chain = createFilterChain([{ throttle: 3000 }, { throttle: 10_000 }], state());
    chain.push(good(1), 0);
    chain.push(good(2), 500);
    expect(chain.due()).toBe(10_000);
  });
});

describe('heartbeat behind a delay', () => {
  test('repeats what the delay lets pass while it waits', () => {
    const chain = createFilterChain([{ delayedOn: 60_000 }, { heartbeat: 10_000 }], state());
    chain.push(good(false), 0);
    expect(chain.due()).toBeUndefined();
    chain.push(good(true), 1000);
    expect(chain.tick(10_000)).toEqual(good(false));
    chain.push(good(true), 11_000);
    expect(chain.due()).toBe(20_000);
    expect(chain.tick(20_000)).toEqual(good(false));
    // Without a sample since then nothing is repeated.
    expect(chain.due()).toBe(61_000);
    expect(chain.tick(61_000)).toEqual(good(true));
  });

  test('does not repeat as good what was filtered out since', () => {
    const filters: FilterConfig[] = [
      { filterOut: { value: [85], per: 1000 } },
      { heartbeat: 3000 },
    ];
    const chain = createFilterChain(filters, state());
    chain.push(good(20), 0);
    chain.push(good(85), 1000);
    expect(chain.tick(3000)).toMatchObject({ value: 20, quality: 'uncertain' });
    expect(chain.push(good(21), 4000)).toEqual(good(21));
  });
});

describe('debounce', () => {
  test('counts anew for each other value', () => {
    const chain = createFilterChain([{ debounce: 2500 }], state());
    const out = [0, 1, 2, 3, 4, 5, 6].map((value, second) =>
      chain.push(good(value), second * 1000),
    );
    expect(out).toEqual([good(0), ...Array(6).fill(undefined)]);
    expect(chain.due()).toBe(8500);
    expect(chain.tick(8499)).toBeUndefined();
    expect(chain.tick(8500)).toEqual(good(6));
  });

  test.each([
    ['at the same moment', 2000, 2000],
    ['a little before the timer', 2000, 2000.4],
    ['a little after the timer', 2004, 2000],
  ])('publishes once where a poll comes %s', (_name, poll, timer) => {
    const chain = createFilterChain([{ debounce: 1000 }], state());
    chain.push(good(false), 0);
    chain.push(good(true), 1000);
    const steps = [
      { at: poll, run: () => chain.push(good(true), poll) },
      { at: timer, run: () => chain.tick(timer) },
    ].sort((a, b) => a.at - b.at);
    for (const order of poll === timer ? [steps, steps.toReversed()] : [steps]) {
      const out = order.map(({ run }) => run()).filter(Boolean);
      expect(out.length).toBeLessThanOrEqual(1);
    }
    expect(chain.push(good(true), 3000)).toEqual(good(true));
  });

  test('what waits has the worst quality of its samples', () => {
    const chain = createFilterChain([{ debounce: 2000 }], state());
    chain.push(good(false), 0);
    chain.push({ value: true, quality: 'uncertain', reason: 'lost edges' }, 1000);
    chain.push(good(true), 2000);
    expect(chain.tick(3000)).toEqual({ value: true, quality: 'uncertain', reason: 'lost edges' });
    expect(chain.push(good(true), 4000)).toEqual(good(true));
  });
});

test('timeout says bad once, not in each period', () => {
  const chain = createFilterChain([{ timeout: 1000 }], state());
  chain.push(good(1), 0);
  expect(chain.tick(1000)).toMatchObject({ quality: 'bad', reason: 'no sample for 1 s' });
  expect(chain.due()).toBeUndefined();
  expect(chain.tick(2000)).toBeUndefined();
  expect(chain.tick(5000)).toBeUndefined();
});

test('delayed has a time for on and another for off', () => {
  const chain = createFilterChain([{ delayed: { on: 5000, off: 1000 } }], state());
  chain.push(good(true), 0);
  expect(chain.due()).toBe(5000);
  expect(chain.tick(5000)).toEqual(good(true));
  chain.push(good(false), 6000);
  expect(chain.due()).toBe(7000);
  chain.push(good(true), 6500);
  expect(chain.due()).toBeUndefined();
  chain.push(good(false), 7000);
  expect(chain.tick(8000)).toEqual(good(false));
});

describe('filterOut', () => {
  const chainOf = (filterOut: Omit<FilterOutConfig, 'per'> & { per?: number }) =>
    createFilterChain([{ filterOut: { per: 1000, ...filterOut } }], state());
  const passes = (chain: ReturnType<typeof chainOf>, sample: QualifiedSample, at = 0) =>
    chain.push(sample, at) !== undefined;
  const doubted: QualifiedSample = { value: 20, quality: 'uncertain', reason: 'power-on value' };

  test.each([
    [{ value: [85, true] }, [85, true], [84.9, false]],
    [{ above: 50 }, [50.1], [50]],
    [{ below: -10 }, [-10.1], [-10]],
    [{ outside: [0, 100] as const }, [-1, 101], [0, 100, 'word']],
    [{ above: 5, value: [1] }, [1, 6], [2]],
  ])('%j', (config, out, through) => {
    for (const value of out) expect(passes(chainOf(config), good(value))).toBe(false);
    for (const value of through) expect(passes(chainOf(config), good(value))).toBe(true);
  });

  test('by quality', () => {
    expect(passes(chainOf({ quality: 'uncertain' }), doubted)).toBe(false);
    expect(passes(chainOf({ above: 30 }), doubted)).toBe(true);
  });

  test('by rate of change, from the last that passed: a step that lasts passes when its time has come', () => {
    const chain = chainOf({ rate: 2, per: 1000 });
    expect(passes(chain, good(20), 0)).toBe(true);
    expect(passes(chain, good(22), 1000)).toBe(true);
    expect(passes(chain, good(26), 2000)).toBe(false);
    expect(passes(chain, good(26), 3000)).toBe(true);
    expect(passes(chain, bad('gone'), 4000)).toBe(true);
    expect(passes(chain, good(90), 5000)).toBe(true);
  });

  test('the average never gets it', () => {
    const filters: FilterConfig[] = [
      { filterOut: { value: [85], per: 1000 } },
      { slidingAverage: 2 },
    ];
    expect(run(filters, [20, 85, 22])).toEqual([warming(20, 1, 2), '-', 21]);
  });

  test('what lasts is published as bad', () => {
    const out = run([{ filterOut: { value: [85], per: 1000 } }], [20, 85, 85, 85, 85, 85, 85, 20]);
    const reason = 'null bad: filtered out: 85';
    expect(out).toEqual([20, '-', '-', '-', '-', reason, reason, 20]);
  });
});

describe('the sum of integrate', () => {
  const W = { unit: 'W' };
  const summed = (
    filters: readonly FilterConfig[],
    memory: ReturnType<typeof state>,
    options = W,
  ) => {
    const notes: string[] = [];
    const chain = createFilterChain(filters, memory, {
      ...options,
      note: (text) => notes.push(text),
    });
    return { chain, notes };
  };
  /** 100 W for an hour. */
  const hour = (memory: ReturnType<typeof state>) => {
    const { chain } = summed([{ integrate: 3_600_000 }, { unit: 'Wh' }], memory);
    chain.push(good(100), 0);
    expect(chain.push(good(100), 3_600_000)).toEqual(good(100));
  };

  test.each<[string, FilterConfig[], number, RegExp | undefined]>([
    ['a filter in front', [{ round: 3 }, { integrate: 3_600_000 }, { unit: 'Wh' }], 100, undefined],
    ['filters behind', [{ integrate: 3_600_000 }, { round: 1 }, { unit: 'Wh' }], 100, undefined],
    [
      'another time unit',
      [{ integrate: 1000 }, { unit: 'Ws' }],
      360_000,
      /100 "Wh" of before is 360000 "Ws"/,
    ],
    [
      'another unit by a factor in front',
      [{ multiply: 0.001 }, { integrate: 3_600_000 }, { unit: 'kWh' }],
      0.1,
      /is 0.1 "kWh"/,
    ],
    [
      'a correction in front',
      [{ multiply: 1.02 }, { integrate: 3_600_000 }, { unit: 'Wh' }],
      100,
      undefined,
    ],
    [
      'another unit behind',
      [{ integrate: 3_600_000 }, { multiply: 0.001 }, { unit: 'kWh' }],
      0.1,
      /continues/,
    ],
    [
      'another unit in front',
      [{ unit: 'A' }, { integrate: 3_600_000 }],
      0,
      /begins at 0: its values are in "A", those before in "W"/,
    ],
  ])('%s', (_name, filters, expected, note) => {
    const memory = state();
    hour(memory);
    const { chain, notes } = summed(filters, memory);
    expect(chain.push(good(100), 0)?.value).toBeCloseTo(expected, 9);
    if (note === undefined) expect(notes).toEqual([]);
    else expect(notes.join()).toMatch(note);
  });

  test('two sums of a chain are kept apart, and one of an earlier version continues', () => {
    const memory = state();
    memory.set('filter 1', 7);
    const { chain } = summed([{ round: 1 }, { integrate: 1000 }, { integrate: 1000 }], memory);
    expect(chain.push(good(0), 0)).toEqual(good(0));
    chain.push(good(0), 1000);
    expect(chain.push(good(0), 2000)).toEqual(good(14));
    const again = summed([{ integrate: 1000 }], memory).chain;
    expect(again.push(good(0), 0)).toEqual(good(7));
  });

  test('another unit of the channel begins at 0', () => {
    const memory = state();
    hour(memory);
    const { chain, notes } = summed([{ integrate: 3_600_000 }], memory, { unit: 'V' });
    expect(chain.push(good(1), 0)).toEqual(good(0));
    expect(notes).toHaveLength(1);
  });

  test('is set to what the chain is to publish', () => {
    const { chain } = summed([{ integrate: 1000 }, { multiply: 0.5 }, { offset: 1 }], state());
    chain.push(good(3), 0);
    expect(chain.setSum(11)).toBe(true);
    expect(chain.push(good(0), 0)).toEqual(good(11));
    expect(createFilterChain([{ round: 1 }], state()).setSum(1)).toBe(false);
  });

  const line: FilterConfig = {
    calibrate: [
      [0, 1],
      [10, 21],
    ],
  };
  test.each<[FilterConfig[], number]>([
    [[line], 11],
    [[{ polynomial: [1, 2] }, { round: 2 }], 11],
    [[{ offset: -1 }, line, { multiply: 2 }], 20],
  ])('or to what becomes it through %j', (filters, published) => {
    const { chain } = summed([{ integrate: 1000 }, ...filters], state());
    chain.push(good(3), 0);
    expect(chain.setSum(published)).toBe(true);
    expect(chain.push(good(0), 0)).toEqual(good(published));
    const plain = createFilterChain(filters, state());
    expect(plain.push(good(plain.rawOf(published)), 0)).toEqual(good(published));
  });

  test.each<FilterConfig>([
    { polynomial: [0, 1, 1] },
    { multiply: 0 },
    { derivative: 1000 },
    { map: { 1: 'one' } },
  ])('is refused where a filter can not be calculated backwards: %j', (filter) => {
    const chain = createFilterChain([filter], state());
    expect(() => chain.rawOf(5)).toThrow(/^the filter \w+ can not be calculated backwards/);
  });
});

describe('what an average is worth', () => {
  const unsure = (value: number): QualifiedSample => ({
    value,
    quality: 'uncertain',
    reason: 'noise',
  });
  const weights = [0.5, 0.1, 0.02, 0.005];

  test.each(weights)('many uncertain samples count together: weight %d', (weight) => {
    const chain = createFilterChain([{ exponentialAverage: weight }], state());
    // Their share of the mean, and the mean of 0 and 1 is that share.
    let share = 0;
    let now = 0;
    chain.push(good(0), now);
    for (let round = 0; round < 1000; round += 1) {
      const isUnsure = round < 20 || round % 97 === 0;
      share = share * (1 - weight) + (isUnsure ? weight : 0);
      now += 1000;
      const out = chain.push(isUnsure ? unsure(1) : good(0), now)!;
      expect(out.value).toBeCloseTo(share, 9);
      expect(out.quality).toBe(isUnsure || share >= 0.01 ? 'uncertain' : 'good');
    }
  });

  test.each(weights)('a mean that began with an uncertain sample: weight %d', (weight) => {
    const chain = createFilterChain([{ exponentialAverage: weight }], state());
    chain.push(unsure(85), 0);
    chain.push(unsure(85), 1000);
    for (let count = 1; (1 - weight) ** count >= 0.01; count += 1) {
      expect(chain.push(good(20), 1000 + 1000 * count)).toMatchObject({ quality: 'uncertain' });
    }
  });
});

test('a clock that is not set is no reason to leave a value out', () => {
  const samples: QualifiedSample[] = Array.from({ length: 6 }, () => ({
    value: 20,
    quality: 'uncertain',
    reason: CLOCK_NOT_SET,
  }));
  const filter: FilterConfig = { filterOut: { quality: 'uncertain', per: 1000 } };
  expect(run([filter], samples)).toEqual(samples.map(({ reason }) => `20 uncertain: ${reason}`));
});
