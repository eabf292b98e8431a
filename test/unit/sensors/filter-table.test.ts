import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryState } from '../../../src/base/state.ts';
import { type FilterConfig, filterSchema } from '../../../src/config/schema/filters.ts';
import { createFilterChain } from '../../../src/sensors/filters.ts';
import type { QualifiedSample } from '../../../src/sensors/qualified-sample.ts';
import { bad, doubted, good, publications, type Timed } from '../../support/filter-run.ts';

/** A filter, and how many samples its value is made of: none if it only lets samples pass, or not. */
interface Example {
  readonly filter: FilterConfig;
  readonly kind: 'number' | 'boolean';
  readonly uses?: number;
}

const TABLE: Readonly<Record<string, Example>> = {
  offset: { filter: { offset: 1 }, kind: 'number' },
  multiply: { filter: { multiply: 2 }, kind: 'number' },
  calibrate: {
    filter: {
      calibrate: [
        [0, 1],
        [1, 2],
      ],
    },
    kind: 'number',
  },
  polynomial: { filter: { polynomial: [0, 2] }, kind: 'number' },
  clamp: { filter: { clamp: [-1000, 1000] }, kind: 'number' },
  round: { filter: { round: 1 }, kind: 'number' },
  median: { filter: { median: 3 }, kind: 'number', uses: 3 },
  min: { filter: { min: 4 }, kind: 'number', uses: 4 },
  max: { filter: { max: 3 }, kind: 'number', uses: 3 },
  quantile: { filter: { quantile: { of: 5, at: 0.5 } }, kind: 'number', uses: 5 },
  slidingAverage: { filter: { slidingAverage: 3 }, kind: 'number', uses: 3 },
  exponentialAverage: { filter: { exponentialAverage: 0.9 }, kind: 'number', uses: 2 },
  derivative: { filter: { derivative: 1000 }, kind: 'number', uses: 2 },
  integrate: { filter: { integrate: 1000 }, kind: 'number', uses: 2 },
  unit: { filter: { unit: 'V' }, kind: 'number' },
  invert: { filter: { invert: true }, kind: 'boolean' },
  map: { filter: { map: { true: 'on', false: 'off' } }, kind: 'boolean' },
  deadband: { filter: { deadband: 2 }, kind: 'number' },
  heartbeat: { filter: { heartbeat: 60_000 }, kind: 'number' },
  throttle: { filter: { throttle: 20_000 }, kind: 'number' },
  throttleAverage: { filter: { throttleAverage: 3000 }, kind: 'number', uses: 3 },
  debounce: { filter: { debounce: 3000 }, kind: 'boolean' },
  delayed: { filter: { delayed: { on: 30_000, off: 3000 } }, kind: 'boolean' },
  delayedOn: { filter: { delayedOn: 30_000 }, kind: 'boolean' },
  delayedOff: { filter: { delayedOff: 30_000 }, kind: 'boolean' },
  timeout: { filter: { timeout: 5000 }, kind: 'number' },
  filterOut: { filter: { filterOut: { outside: [-5, 5], per: 1000 } }, kind: 'number' },
};
const rows = Object.entries(TABLE).map(([name, example]) => ({ name, ...example }));
const combining = rows.filter(({ uses }) => uses !== undefined);
const SECOND = 1000;

/** Samples of the kind, one a second. */
function series(kind: Example['kind'], numbers: readonly number[]): Timed[] {
  return numbers.map((number, second) => [
    second * SECOND,
    good(kind === 'number' ? number : number % 2 === 1),
  ]);
}

test('the table has every filter', () => {
  expect(Object.keys(TABLE).sort()).toEqual(Object.keys(filterSchema.in.shape).sort());
});

describe.each(rows)('$name', ({ filter, kind }) => {
  const value = kind === 'number' ? 1 : true;

  test('passes a bad sample at once, with its reason', () => {
    const samples: Timed[] = [...series(kind, [1, 1, 1]), [3000, bad('gone')]];
    expect(publications([filter], samples, 3001).at(-1)).toEqual([3000, bad('gone')]);
  });

  test('keeps the doubt and its reason', () => {
    const samples = [0, 1, 2, 3, 4, 5, 6].map((at): Timed => [at * SECOND, doubted(value, 'x')]);
    const out = publications([filter], samples, 60_000).map(([, sample]) => sample);
    const values = out.filter(({ quality }) => quality !== 'bad');
    expect(values.length).toBeGreaterThan(0);
    for (const { quality, reason } of values)
      expect({ quality, reason }).toEqual({ quality: 'uncertain', reason: 'x' });
  });

  test.each([
    ['in front', (one: FilterConfig): FilterConfig[] => [{ heartbeat: 7000 }, one]],
    ['behind', (one: FilterConfig): FilterConfig[] => [one, { heartbeat: 7000 }]],
  ])('with a heartbeat %s the pause is never longer', (_place, filters) => {
    const numbers = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 40, maxLength: 60 });
    fc.assert(
      fc.property(numbers, fc.constantFrom(1, 2, 3), (values, every) => {
        const samples = series(kind, values).map(([at, sample]): Timed => [at * every, sample]);
        const end = values.length * SECOND * every;
        const moments = publications(filters(filter), samples, end).map(([at]) => at);
        for (const [index, at] of moments.entries()) {
          const next = moments[index + 1] ?? end - SECOND * every;
          expect(next - at).toBeLessThanOrEqual(7000);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('behind it, throttle publishes the last change', () => {
    const numbers = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(numbers, (values) => {
        const samples = series(kind, values);
        const all = publications([filter], samples, 200_000).map(([, sample]) => sample);
        const few = publications([filter, { throttle: 15_000 }], samples, 200_000);
        // A deadband compares with what was published, which is not the same without a throttle.
        if (!('deadband' in filter)) expect(few.at(-1)?.[1]).toEqual(all.at(-1));
        for (const [index, [at, sample]] of few.entries()) {
          const before = few[index - 1];
          if (before === undefined || before[1].quality !== sample.quality) continue;
          expect(at - before[0]).toBeGreaterThanOrEqual(15_000);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe.each(combining)('$name uses several samples', ({ filter, uses = 1 }) => {
  const isOfPeriods = 'throttleAverage' in filter;

  test('and carries the worst quality of what it used, with the reason of the newest', () => {
    const doubts = fc.array(fc.boolean(), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(doubts, (isDoubted) => {
        if (isOfPeriods) return;
        const chain = createFilterChain([filter], createMemoryState().of('sensor'));
        for (const [index, doubt] of isDoubted.entries()) {
          const out = chain.push(doubt ? doubted(index, `${index}`) : good(index), index * SECOND);
          const used = isDoubted.slice(Math.max(0, index + 1 - uses), index + 1);
          const newest = used.lastIndexOf(true);
          if (newest >= 0) {
            const reason = `${index + 1 - used.length + newest}`;
            expect(out).toMatchObject({ quality: 'uncertain', reason });
          } else if (out?.quality === 'uncertain') {
            expect(out.reason).toContain('warming up');
            expect(index + 1).toBeLessThan(uses);
          }
        }
      }),
    );
  });

  test('and is good again when the doubted one is used no more', () => {
    const samples = Array.from({ length: 12 }, (_, index): Timed => {
      return [index * SECOND, index === 4 ? doubted(85, 'power-on value') : good(20)];
    });
    const out = publications([filter], samples, 60_000);
    const at = (quality: QualifiedSample['quality']) =>
      out.filter(([, one]) => one.quality === quality && !one.reason?.includes('warming'));
    expect(at('uncertain').map(([, { reason }]) => reason)).toContain('power-on value');
    expect(out.at(-1)?.[1].quality).toBe('good');
  });

  test('and a bad one among them is not averaged away', () => {
    const samples: Timed[] = [...series('number', [1, 2, 3, 4, 5]), [5000, bad('gone')]];
    const out = publications([filter], [...samples, [6000, good(9)]], 6001);
    expect(out.map(([, { quality }]) => quality)).toContain('bad');
  });
});
