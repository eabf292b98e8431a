import { expect, test } from 'vitest';
import { type Trouble, troubleSentences } from '../../../src/base/troubles.ts';

const of = (kind: Trouble['kind'], cause: string, ...names: string[]): Trouble[] =>
  names.map((name) => ({ kind, name, cause }));

test('several that fail for one cause are one sentence with a count', () => {
  const names = Array.from({ length: 12 }, (_, index) => `s${index}`);
  expect(troubleSentences(of('sensor', 'i2c-1 does not exist', ...names))).toEqual([
    '12 sensors: i2c-1 does not exist',
  ]);
});

test('one alone keeps its name, and other causes their own sentences', () => {
  const troubles = [
    ...of('sensor', 'no answer from 0x48 on i2c-1', 'boiler'),
    ...of('uplink', 'mqtt://a:1 does not answer', 'plant'),
    ...of('sensor', 'i2c-2 does not exist', 'a', 'b'),
    ...of('output', 'line DO0 is in use by ed-lvd', 'lamp'),
  ];
  expect(troubleSentences(troubles)).toEqual([
    'boiler: no answer from 0x48 on i2c-1',
    'uplink plant: mqtt://a:1 does not answer',
    '2 sensors: i2c-2 does not exist',
    'lamp: line DO0 is in use by ed-lvd',
  ]);
});

test('sensors and outputs behind one missing bus are one sentence', () => {
  const cause = 'i2c-1 does not exist';
  const troubles = [...of('sensor', cause, 'a', 'b'), ...of('output', cause, 'lamp')];
  expect(troubleSentences(troubles)).toEqual([`2 sensors and 1 output: ${cause}`]);
});

test('where the words of one cause differ, those that they share are shown', () => {
  const shared = 'plant refuses the connection: nothing listens there';
  const troubles = [1, 2].map((port) => ({
    ...{ kind: 'uplink' as const, name: `u${port}`, shared },
    cause: `mqtt://plant:${port} refuses the connection: nothing listens there`,
  }));
  expect(troubleSentences(troubles)).toEqual([`2 uplinks: ${shared}`]);
  expect(troubleSentences(troubles.slice(1))).toEqual([`uplink u2: ${troubles[1]?.cause}`]);
});
