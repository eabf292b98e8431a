import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { placeOf } from '../../../src/page/router.ts';
import {
  boundsOf,
  panned,
  sensorAddress,
  sensorPlaceOf,
  USUAL,
  zoomed,
} from '../../../src/page/sensor-address.ts';

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const partOf = (address: string): string => placeOf(address)!.encoded;

describe('the address of a sensor', () => {
  test('has the sensor, those beside it and the time; the usual time is left out', () => {
    const address = sensorAddress({
      names: ['gripper/position', 'a,b;c'],
      range: { lastMs: 8 * HOUR },
    });
    expect(address).toBe('#sensors/gripper%2Fposition,a%2Cb%3Bc;8h');
    expect(sensorAddress({ names: ['cabinet'], range: USUAL })).toBe('#sensors/cabinet');
  });

  test('leads back to the same place, whatever the names are', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, unit: 'grapheme' }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(names, (some) => {
        const place = { names: some, range: { from: NOW - HOUR, to: NOW } };
        expect(sensorPlaceOf(partOf(sensorAddress(place)))).toEqual(place);
      }),
      { numRuns: 200 },
    );
  });

  test.each([
    'a;',
    'a;7x',
    'a;2-1',
    'a;1700000000-1700000001',
    'a;__proto__',
    'a;1-99999999999999',
  ])('%s has the usual time', (part) => {
    expect(sensorPlaceOf(part)).toEqual({ names: ['a'], range: USUAL });
  });

  test('has six different sensors at most; a name that is not encoded correctly is none', () => {
    expect(sensorPlaceOf('a,b,a,c,d,e,f,g').names).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(sensorPlaceOf('%E0%A4%A').names).toEqual(['']);
  });
});

describe('the time of a chart', () => {
  const hour = { from: NOW - 2 * HOUR, to: NOW - HOUR };
  test('zooms around its middle, not beyond now, from ten seconds to ten years', () => {
    expect(zoomed(hour, 0.5, NOW)).toEqual({ from: NOW - 1.75 * HOUR, to: NOW - 1.25 * HOUR });
    expect(zoomed({ lastMs: HOUR }, 2, NOW)).toEqual({ from: NOW - 2 * HOUR, to: NOW });
    const [short, long] = [zoomed(hour, 1e-9, NOW), zoomed(hour, 1e9, NOW)].map((range) => {
      const { from, to } = boundsOf(range, NOW);
      return to - from;
    });
    expect([short, long]).toEqual([10_000, 3650 * 24 * HOUR]);
  });

  test('moves by a share of its length, not beyond now', () => {
    expect(panned(hour, -0.5, NOW)).toEqual({ from: NOW - 2.5 * HOUR, to: NOW - 1.5 * HOUR });
    expect(panned(hour, 5, NOW)).toEqual({ from: NOW - HOUR, to: NOW });
  });
});
