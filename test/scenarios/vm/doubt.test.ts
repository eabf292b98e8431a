import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { ds18b20 } from './chips/ds18b20.ts';
import { ds2482 } from './chips/ds2482.ts';
import { lm75 } from './chips/lm75.ts';
import { mcp23017 } from './chips/mcp23017.ts';
import { tmp102 } from './chips/tmp102.ts';
import { type Gateway, type Reading, startGateway } from './gateway.ts';
import { addHeader, type SimChip } from './gpio.ts';
import { type Machine, put } from './machine.ts';
import { theMachine } from './the-machine.ts';

const BUS = '/sys/bus/i2c/devices/i2c-1';
const BRIDGE = 0x1a;
/** Chips of the kernel's own driver. */
const KERNEL = ['0x4c', '0x4d'];
const PASSWORD = 'a good password';

const polled = mcp23017();
const wired = mcp23017();
const thermometers = Array.from({ length: 10 }, (_, index) => ds18b20(20 + index, 0x10 + index));
const [first, second] = [thermometers[0]!, thermometers[1]!];
const topicOf = (index: number): string => `wire${index}`;

const YAML = `
sensors:
  - { name: polled, driver: mcp23017, bus: i2c-1, address: 0x20, pins: [0], pullUps: true, activeLow: true, every: 1s, timeout: 10s }
  - { name: wired, driver: mcp23017, bus: i2c-1, address: 0x21, pins: [0], pullUps: true, activeLow: true, interrupt: GPIO5, every: 1h, timeout: 10s }
  - { name: tmp102, driver: tmp102, bus: i2c-1, address: 0x48, every: 1s, timeout: 10s }
  - { name: door, driver: digital-input, line: GPIO17, every: 1s }
  - { name: either, driver: hwmon, chip: lm75, every: 2s }
  - { name: left, driver: hwmon, chip: lm75, at: i2c-1/0x4c, every: 2s }
  - { name: right, driver: hwmon, chip: lm75, at: i2c-1/0x4d, every: 2s }
${thermometers
  .map(
    ({ id }, index) =>
      `  - { name: ${topicOf(index)}, driver: ds18b20, id: ${id}, every: 10s, timeout: 20s }`,
  )
  .join('\n')}
`;

let machine: Machine;
let header: SimChip;
let gateway: Gateway;

beforeAll(async () => {
  machine = await theMachine();
  header = await addHeader(machine.shell);
  // An interrupt output is open drain with a pull-up.
  await header.drive(5, true);
  const { chips } = machine.i2c;
  chips.set(0x20, polled).set(0x21, wired).set(0x48, tmp102(20));
  for (const chip of [polled, wired]) chip.open = 1;
  chips.set(0x4c, lm75(31)).set(0x4d, lm75(42));
  await machine.shell('modprobe lm75');
  for (const address of KERNEL) await machine.shell(`echo lm75 ${address} > ${BUS}/new_device`);
  const hash = await hashPassword(PASSWORD);
  const rules = "[{ topic: '#', allow: readwrite }]";
  const access = `users: [{ name: hmi, password: '${hash}', rules: ${rules} }]\nanonymous: { rules: ${rules} }\n`;
  await put(machine, '/tmp/access.yaml', access);
  gateway = await startGateway(machine, YAML, ['access: /tmp/access.yaml']);
});

afterAll(async () => {
  await gateway?.end();
  await header?.remove();
  for (const address of KERNEL) await machine?.shell(`echo ${address} > ${BUS}/delete_device`);
  machine?.i2c.chips.clear();
});

const isBad =
  (reason: RegExp) =>
  ({ quality, value, reason: said = '' }: Reading): boolean =>
    quality === 'bad' && value === null && reason.test(said);
const isGood =
  (value: Reading['value']) =>
  (reading: Reading): boolean =>
    reading.quality === 'good' && reading.value === value;

/** Resolves when the latest reading of a topic is as wanted. */
async function latest(topic: string, wanted: (reading: Reading) => boolean): Promise<Reading> {
  const isWanted = (reading: Reading | undefined): boolean => !!reading && wanted(reading);
  await expect.poll(() => gateway.reading(topic)).toSatisfy(isWanted);
  return gateway.reading(topic)!;
}

/** What the log says about a sensor, alone or together with others. */
async function said(name: string): Promise<string[]> {
  const lines = (await gateway.log()).split('\n').filter((line) => line.startsWith('{'));
  return lines.flatMap((line) => {
    const { msg = '', names } = JSON.parse(line) as { msg?: string; names?: string[] };
    const [, which = '', what = ''] = /^(.+?): (.+)$/.exec(msg) ?? [];
    return which === `sensor ${name}` || names?.includes(name) ? [what] : [];
  });
}

/** All readings of a topic from a number on. */
function since(topic: string, seq: number): Reading[] {
  return gateway.messages
    .filter((message) => message.topic === topic)
    .map(({ payload }) => JSON.parse(payload) as Reading)
    .filter((reading) => reading.seq >= seq);
}

test.each([
  ['polled/a0', polled],
  ['wired/a0', wired],
] as const)(
  'an expander that resets alone is bad until it is set up again (%s)',
  async (topic, chip) => {
    // The contact is open, and the pull-up makes that false.
    const { seq } = await latest(topic, isGood(false));
    expect(chip.pullUps).toBe(1);
    const isReported = gateway.next(topic, isBad(/lost its settings/));
    chip.reset();
    await isReported;
    await latest(topic, isGood(false));
    expect(chip.pullUps).toBe(1);
    // Without its pull-up the pin reads as if the contact were closed.
    expect(since(topic, seq).filter(({ value }) => value === true)).toEqual([]);
    // The log waits some seconds for others with the same cause, and logs a cause every ten seconds at most.
    const [name = ''] = topic.split('/');
    const isOver = (lines: string[]): boolean => /^reads? again$/.test(lines.at(-1) ?? '');
    const lost = (lines: string[]): string[] => lines.filter((line) => /lost its set/.test(line));
    await expect
      .poll(() => said(name))
      .toSatisfy((lines: string[]) => isOver(lines) && lost(lines).length > 0);
    expect(lost(await said(name))).toHaveLength(1);
  },
);

test('two hwmon chips of one name are refused with the ways to choose, which the config can use', async () => {
  const choice = /^2 devices have the name lm75 .*at: i2c-1\/0x4c or i2c-1\/0x4d$/;
  await latest('either', isBad(choice));
  await Promise.all([latest('left', isGood(31)), latest('right', isGood(42))]);
  await machine.shell(`echo 0x4c > ${BUS}/delete_device`);
  await Promise.all([
    gateway.next('left', isBad(/./)),
    // There is only one left.
    gateway.next('either', isGood(42)),
  ]);
  await machine.shell(`echo lm75 0x4c > ${BUS}/new_device`);
  await gateway.next('left', isGood(31));
});

/** Logs in with a password and publishes something; resolves with the milliseconds that it took. */
async function logIn(): Promise<number> {
  const started = performance.now();
  const args = ['-h', '127.0.0.1', '-p', `${machine.port}`, '-q', '1', '-t', 'login', '-m', 'in'];
  const client = spawn('mosquitto_pub', [...args, '-u', 'hmi', '-P', PASSWORD]);
  const [code] = (await once(client, 'exit')) as [number | null];
  expect(code).toBe(0);
  return performance.now() - started;
}

test('ten thermometers on 1-Wire: nothing waits for them', async () => {
  const alone: number[] = [];
  for (let count = 0; count < 5; count += 1) alone.push(await logIn());
  machine.i2c.chips.set(BRIDGE, ds2482(...thermometers));
  const { shell } = machine;
  // The kernel looks for new thermometers every ten seconds, and an emulated bus is busy with that for most of the time.
  await shell(
    'modprobe -r ds2482; modprobe -r w1_therm; modprobe -r wire; modprobe wire timeout=60',
  );
  await shell(`modprobe ds2482 && modprobe w1_therm && echo ds2482 0x1a > ${BUS}/new_device`);
  const all = thermometers.map((_, index) => topicOf(index));
  await Promise.all(all.map((topic, index) => gateway.next(topic, isGood(20 + index))));

  const began = gateway.messages.length;
  const firsts = all.map((topic) => gateway.reading(topic)!.seq);
  const watched = ['door', 'tmp102', 'polled/a0', ...all];
  const beside: number[] = [];
  let done = false;
  const logIns = (async () => {
    while (!done) beside.push(await logIn());
  })();
  for (let round = 0; round < 2; round += 1)
    await Promise.all(all.map((topic) => gateway.next(topic)));
  done = true;
  await logIns;

  const readings = gateway.messages.slice(began).filter(({ topic }) => watched.includes(topic));
  const of = (topics: readonly string[]) => readings.filter(({ topic }) => topics.includes(topic));
  const other = readings.filter(({ payload }) => !payload.includes('"quality":"good"'));
  expect(other).toEqual([]);
  const counts = watched.slice(0, 3).map((topic) => of([topic]).length);
  const [slowest, usual] = [Math.max(...beside), Math.max(...alone)];
  console.log(
    `${of(all).length} readings on 1-Wire; ${counts.join(', ')} of ${watched.slice(0, 3).join(', ')}; ` +
      `${beside.length} log-ins in at most ${slowest.toFixed(0)} ms, ${usual.toFixed(0)} ms without 1-Wire`,
  );
  // A read on 1-Wire takes about as long as the interval of the others, and longer than a log-in. What waits for ten of
  // them comes ten times less often; how long each takes depends on this host.
  for (const count of counts) expect(count).toBeGreaterThanOrEqual(of(all).length / 2);
  expect(beside.length).toBeGreaterThanOrEqual(of(all).length / 2);
  // They take turns. One that has just missed its deadline waits for the next one.
  const turns = all.map((topic, index) => gateway.reading(topic)!.seq - firsts[index]!);
  expect(Math.max(...turns)).toBeLessThanOrEqual(3 * Math.min(...turns));
});

test('a thermometer that is unplugged, or whose data line is held low, is bad with its reason', async () => {
  // With the others on the bus, nobody pulls the line low in its place; later the kernel forgets it.
  const unplugged =
    /^(all bits read 1|the thermometer does not answer on 1-Wire$|no answer from 28-)/;
  first.heldLow = true;
  second.absent = true;
  await Promise.all([
    gateway.next(topicOf(0), isBad(/^all bits read 0/)),
    gateway.next(topicOf(1), isBad(unplugged)),
  ]);
  first.heldLow = false;
  second.absent = false;
  await Promise.all([gateway.next(topicOf(0), isGood(20)), gateway.next(topicOf(1), isGood(21))]);
  // Without any answer to its reset, the bus is found to be empty.
  for (const one of thermometers) one.absent = true;
  await gateway.next(
    topicOf(0),
    isBad(/^(the thermometer does not answer on 1-Wire$|no answer from 28-)/),
  );
  for (const one of thermometers) one.absent = false;
  await Promise.all(
    thermometers.map((_, index) => gateway.next(topicOf(index), isGood(20 + index))),
  );
  await machine.shell(`echo 0x1a > ${BUS}/delete_device`);
  machine.i2c.chips.delete(BRIDGE);
});
