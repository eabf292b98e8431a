import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Gateway, type Reading, startGateway } from './gateway.ts';
import { addChip, addHeader, type SimChip } from './gpio.ts';
import { type Machine, put } from './machine.ts';
import { theMachine } from './the-machine.ts';

const YAML = `
outputs:
  - { name: lamp, driver: digital-output, line: GPIO23, safe: off }
  - { name: valve, driver: digital-output, line: GPIO24, safe: off, interlock: { line: GPIO25, is: on } }
  - { name: motor, driver: digital-output, line: GPIO26, safe: off, controller: { topic: cell/plc/alive, within: 2s } }
  - { name: feed, driver: digital-output, line: GPIO27, safe: off, whenUplinkLost: safe }
  - { name: brake, driver: digital-output, line: GPIO22, safe: on, activeLow: true }
powerFail: { line: LVD, within: 20s }
uplinks:
  - { name: plant, url: mqtt://127.0.0.1:1884, protocol: 4, reconnectMax: 1s, routes: [ { out: nothing/#, to: plant/ } ] }
`;

/** The plant's broker. */
const PLANT = `
import { createServer } from 'node:net';
import { Aedes } from '/node_modules/aedes/aedes.js';
const broker = await Aedes.createBroker();
createServer(broker.handle).listen(1884, '127.0.0.1');
`;

/** What systemd does for a service with a watchdog: ends it when it is silent for too long, and starts it anew. */
const SUPERVISE = `
const { spawn } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const datagrams = require('/node_modules/unix-dgram');
const [limitMs, ...command] = process.argv.slice(2);
const path = '/tmp/notify';
let child, timer, ending = false;
const feed = () => {
  clearTimeout(timer);
  timer = setTimeout(() => {
    console.log('the watchdog ends the gateway');
    child.kill('SIGABRT');
    setTimeout(() => child.kill('SIGKILL'), 500);
  }, Number(limitMs));
};
const start = () => {
  const env = { ...process.env, NOTIFY_SOCKET: path, WATCHDOG_USEC: String(limitMs * 1000) };
  child = spawn(command[0], command.slice(1), { stdio: 'inherit', env });
  writeFileSync('/tmp/gateway.pid', String(child.pid));
  child.once('exit', () => {
    clearTimeout(timer);
    if (ending) process.exit(0);
    else start();
  });
};
datagrams.createSocket('unix_dgram', (said) => {
  if (/^(READY|WATCHDOG)=1/m.test(said)) feed();
}).bind(path);
process.on('SIGTERM', () => {
  ending = true;
  child.kill('SIGTERM');
});
start();
`;

const lines = { lamp: 23, valve: 24, interlock: 25, motor: 26, feed: 27, brake: 22 };

let machine: Machine;
let header: SimChip;
let expander: SimChip;
let gateway: Gateway;
let plant = '';

beforeAll(async () => {
  machine = await theMachine();
  header = await addHeader(machine.shell);
  const names = { 0: '5V_GOOD', 1: 'LVD' };
  expander = await addChip(machine.shell, 'expander', { label: 'pca9535', lines: 16, names });
  await expander.drive(1, true);
  // Without a driver these lines would be high: a lamp that is on, a valve that is open, a brake that is loose.
  for (const line of [23, 24, 26, 27, 22]) await header.drive(line, true);
  await put(machine, '/tmp/plant.mjs', PLANT);
  await put(machine, '/tmp/supervise.cjs', SUPERVISE);
  await startPlant();
  gateway = await startGateway(machine, YAML);
});

afterAll(async () => {
  await gateway?.end();
  await expander?.remove();
  await header?.remove();
  await machine?.shell(`kill -9 ${plant} 2>/dev/null || true`);
});

async function startPlant(): Promise<void> {
  plant = await machine.shell('node /tmp/plant.mjs > /tmp/plant.log 2>&1 & echo $!');
}

const level = (line: keyof typeof lines): Promise<boolean> => header.level(lines[line]);

const is =
  (value: Reading['value'], quality = 'good') =>
  (reading: Reading): boolean =>
    reading.value === value && reading.quality === quality;

/** Commands until the line follows: what an output waits for may still be on its way. */
async function drive(output: 'valve' | 'motor' | 'feed', before = async () => {}): Promise<void> {
  await expect
    .poll(
      async () => {
        await before();
        await gateway.publish(`${output}/set`, 'on');
        return level(output);
      },
      { interval: 300 },
    )
    .toBe(true);
}

async function lampOn(): Promise<void> {
  await gateway.publish('lamp/set', 'on');
  const isOn = async () => gateway.reading('lamp')?.value === true && (await level('lamp'));
  await expect.poll(isOn).toBe(true);
}

/** The line is low from some moment on. */
const goesLow = (line: keyof typeof lines): Promise<void> =>
  expect.poll(() => level(line), { interval: 100 }).toBe(false);

test('all are safe from the start on, whatever their lines were', async () => {
  const all = ['lamp', 'valve', 'motor', 'feed', 'brake'] as const;
  expect(await Promise.all(all.map(level))).toEqual([false, false, false, false, false]);
  // Its electrical low is on, and on is safe.
  await expect.poll(() => gateway.reading('brake')).toMatchObject({ value: true });
});

test('they follow a command, tell its result, and end a pulse by themselves', async () => {
  const on = gateway.next('lamp', is(true));
  await gateway.publish('lamp/set', '{"value":true,"id":"a"}');
  await on;
  expect(await level('lamp')).toBe(true);
  const result = () => gateway.messages.find(({ topic }) => topic === 'lamp/result')?.payload;
  await expect.poll(result).toBe('{"id":"a","ok":true}');
  const ended = gateway.next('lamp', is(false));
  await gateway.publish('lamp/set', '{"value":true,"for":"300ms"}');
  await ended;
  expect(await level('lamp')).toBe(false);
});

test('a command that comes too late is refused, and the line stays as it is', async () => {
  const time = await machine.shell("date -u -d @$(($(date +%s) - 11)) '+%Y-%m-%dT%H:%M:%SZ'");
  await gateway.publish('lamp/set', JSON.stringify({ value: true, id: 'late', time }));
  const result = () => gateway.messages.findLast(({ topic }) => topic === 'lamp/result')?.payload;
  await expect
    .poll(result)
    .toMatch(/^{"id":"late","ok":false,"reason":"too late: given 1\d\.\d s ago, at most 10 s"}$/);
  expect(await level('lamp')).toBe(false);
});

test('an interlock that opens makes its output safe', async () => {
  await gateway.publish('valve/set', '{"value":true,"id":"early"}');
  expect(await level('valve')).toBe(false);
  await header.drive(lines.interlock, true);
  await drive('valve');
  await header.drive(lines.interlock, false);
  await goesLow('valve');
});

test('a controller that falls silent makes its output safe', async () => {
  await drive('motor', () => gateway.publish('plc/alive', '1'));
  await goesLow('motor');
});

test('an uplink that is lost makes the output safe that asks for it, and no other', async () => {
  await expect.poll(() => gateway.log(), { interval: 300 }).toContain('messages flow');
  await drive('feed');
  await lampOn();
  await machine.shell(`kill -9 ${plant}`);
  await goesLow('feed');
  expect(await level('lamp')).toBe(true);
  const off = gateway.next('lamp', is(false));
  await gateway.publish('lamp/set', 'off');
  await off;
});

test('a supply that fails makes them safe and puts all on disk, and they obey again when it is back', async () => {
  await lampOn();
  const secured = gateway.next('power/secured');
  await expander.drive(1, false);
  await goesLow('lamp');
  expect(await secured).toMatchObject({ quality: 'good', unit: 'ms' });
  expect(gateway.reading('power/supplied')).toMatchObject({ value: false });
  await gateway.publish('lamp/set', '{"value":true,"id":"dark"}');
  const result = () => gateway.messages.findLast(({ topic }) => topic === 'lamp/result')?.payload;
  await expect.poll(result).toBe('{"id":"dark","ok":false,"reason":"the supply has failed"}');
  expect(await level('lamp')).toBe(false);
  const back = gateway.next('power/supplied', is(true));
  await expander.drive(1, true);
  await back;
  await lampOn();
});

test('killed, the gateway leaves its lines to the board; started anew, they are safe', async () => {
  await lampOn();
  await header.drive(lines.lamp, false);
  expect(await level('lamp')).toBe(true);
  await gateway.end('KILL');
  expect(await level('lamp')).toBe(false);
  await header.drive(lines.lamp, true);
  expect(await level('lamp')).toBe(true);
  await gateway.start();
  expect(await level('lamp')).toBe(false);
});

test('at the stop they are made safe before the lines are given back', async () => {
  await lampOn();
  await header.drive(lines.lamp, false);
  const safe = gateway.next('lamp', is(false));
  await gateway.end('TERM');
  await safe;
  expect(await level('lamp')).toBe(false);
});

test('a process that hangs holds its lines until the watchdog ends it; the next one makes them safe', async () => {
  await gateway.end();
  await header.drive(lines.lamp, true);
  await gateway.start('node /tmp/supervise.cjs 6000');
  await lampOn();
  await machine.shell('kill -STOP $(cat /tmp/gateway.pid)');
  expect(await level('lamp')).toBe(true);
  // The board itself would have it high, so that only the new one can make it low.
  await goesLow('lamp');
  expect(await gateway.log()).toContain('the watchdog ends the gateway');
  await lampOn();
});
