import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { fakeDrivers } from '../../support/fake-drivers.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cellgate-in-routes-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const CELL = `cell: robotcell1
outputs:
  - { name: stacklight/red, driver: digital-output, line: DO0, controller: { topic: plc/alive, within: 5s } }
sensors:
  - { name: boiler, driver: tmp102, bus: i2c-1, alarms: [{ name: hot, above: 70 }] }
  - { name: motor, driver: motor, filters: { power: [integrate: 1h, unit: Wh] } }
`;

/** The warnings about one in route of this cell, without their place. */
async function warningsOf(route: string, more = ''): Promise<string[]> {
  const uplink = `uplinks: [{ name: plant, url: 'mqtt://a', routes: [{ out: '#', to: plant/line4/ }, ${route}] }]\n`;
  writeFileSync(path.join(folder, 'c.yaml'), `${CELL}${uplink}${more}`);
  const { problems, warnings } = await loadConfig('c.yaml', fakeDrivers, folder);
  expect(problems).toEqual([]);
  return warnings.map(({ message }) => message);
}

test.each([
  ['an output', "{ in: 'plant/line4/robotcell1/stacklight/+/set', strip: plant/line4/ }"],
  [
    'an output under a prefix',
    "{ in: 'order/red/set', strip: order/, to: robotcell1/stacklight/ }",
  ],
  ['an alarm', "{ in: 'a/robotcell1/alarm/+/+/set', strip: a/ }"],
  ['a sum', "{ in: 'a/robotcell1/motor/power/set', strip: a/ }"],
  ['a controller', '{ in: plc/alive }'],
])('an in route that reaches %s is no warning', async (_what, route) => {
  expect(await warningsOf(route)).toEqual([]);
});

test.each([
  [
    "{ in: 'plant/line4/robotcell1/set/#', strip: plant/line4/ }",
    'robotcell1/set/#',
    '{ in: plant/line4/robotcell1/stacklight/red/set, strip: plant/line4/ }',
  ],
  [
    "{ in: 'plant/line4/robotcell1/+/set', strip: plant/line4/ }",
    'robotcell1/+/set',
    '{ in: plant/line4/robotcell1/stacklight/red/set, strip: plant/line4/ }',
  ],
  [
    '{ in: down/robotcell1/stacklight/red/set }',
    'down/robotcell1/stacklight/red/set',
    '{ in: down/robotcell1/stacklight/red/set, strip: down/ }',
  ],
  [
    "{ in: 'order/stacklight/red', strip: order/, to: robotcell1/ }",
    'robotcell1/stacklight/red',
    '{ in: order/stacklight/red/set, strip: order/, to: robotcell1/ }',
  ],
  [
    "{ in: 'a/robotcell1/motor/voltage/set', strip: a/ }",
    'robotcell1/motor/voltage/set',
    '{ in: a/robotcell1/stacklight/red/set, strip: a/ }',
  ],
  ["{ in: 'recipes/#' }", 'recipes/#', '{ in: robotcell1/stacklight/red/set }'],
])('%s gets a warning with a route that reaches the output', async (route, local, instead) => {
  expect(await warningsOf(route)).toEqual([
    `warning: brings ${local}, on which no output, counter, alarm or controller of this gateway receives; expected a route such as ${instead} for the output in line 3; nothing to change if a client here subscribes to it`,
  ]);
  expect(await warningsOf(instead)).toEqual([]);
});

test.each([
  ['recipes/#', 0],
  ['recipes/press/+', 0],
  ['robotcell1/#', 1],
  ['#', 1],
  ['%u/#', 1],
])('a rule of the access file for %s leaves %i warnings of recipes', async (topic, count) => {
  const rules = `[{ topic: '${topic}', allow: read }, { topic: 'recipes/x', allow: write }]`;
  writeFileSync(
    path.join(folder, 'access.yaml'),
    `users: [{ name: hmi, password: x, rules: ${rules} }]\n`,
  );
  const route = "{ in: 'plant/recipes/#', strip: plant/ }";
  const broker = 'broker: { access: access.yaml }\n';
  // An out route would send it back: another prefix than its own.
  expect(await warningsOf(route.replaceAll('plant/', 'office/'), broker)).toHaveLength(count);
});
