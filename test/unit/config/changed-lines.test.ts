import { expect, test } from 'vitest';
import { changedLines } from '../../../src/config/changed-lines.ts';

const CONFIG = `cell: c # the cell
broker:
  limits: { inflight: 20, queue: { age: 7d } }
sensors:
  - { name: a, driver: tmp102, bus: i2c-1, address: 0x48, filters: [ median: 5, deadband: 0.1 ] }
  - { name: b, driver: host, every: 1s }
`;

test.each([
  ['a value', '20', '5', ['broker.limits.inflight: 20'], ['broker.limits.inflight: 5']],
  [
    'a value as it is written',
    '0x48',
    '0x49',
    ['sensors.a.address: 0x48'],
    ['sensors.a.address: 0x49'],
  ],
  [
    'an element of a list',
    'median: 5',
    'median: 3',
    ['sensors.a.filters[0].median: 5'],
    ['sensors.a.filters[0].median: 3'],
  ],
  ['a comment', '# the cell', '# password: x', [], []],
  ['the order of named elements', /(.*name: a.*\n)(.*name: b.*\n)/, '$2$1', [], []],
  ['a removed key', ', every: 1s', '', ['sensors.b.every: 1s'], []],
  [
    'a list that becomes empty',
    '[ median: 5, deadband: 0.1 ]',
    '[]',
    ['sensors.a.filters[0].median: 5', 'sensors.a.filters[1].deadband: 0.1'],
    ['sensors.a.filters: []'],
  ],
])('finds %s', (_, from, to, before, after) => {
  expect(changedLines(CONFIG, CONFIG.replace(from, to))).toEqual({ before, after });
});

test('a secret and the user of an address are never in it', () => {
  const text = (secret: string) =>
    `uplinks: [{ name: p, password: ${secret}, url: 'mqtt://u:${secret}@h', options: { token: { a: ${secret} } } }]\n`;
  const { before, after } = changedLines(text('file:one'), text('two'));
  expect([before, after].flat().join()).not.toMatch(/two/);
  expect(before).toContain('uplinks.p.password: file:one');
  expect(after).toContain('uplinks.p.password: (removed)');
  expect(after).toContain('uplinks.p.options.token.a: (removed)');
});

test('a text that is no YAML has no values, and two elements with one name are both in it', () => {
  expect(changedLines('a: [', 'a: 1').before).toEqual([]);
  const twins = 'sensors: [{ name: a, x: 1 }, { name: a, x: 2 }]';
  expect(changedLines('', twins).after).toContain('sensors.a[1].x: 2');
});
