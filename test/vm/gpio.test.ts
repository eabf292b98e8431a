import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gateway, type Reading, startGateway } from './gateway.ts';
import { addChip, addHeader, type SimChip } from './gpio.ts';
import type { Machine } from './machine.ts';
import { theMachine } from './the-machine.ts';

const INPUTS = Array.from({ length: 16 }, (_, index) => `DI${index}`);

const YAML = `
sensors:
  - { name: door, driver: digital-input, line: GPIO17, every: 1s }
  - { name: button, driver: digital-input, line: GPIO18, debounce: 200ms, every: 1h }
  - { name: taken, driver: digital-input, line: GPIO22, every: 1s }
  - { name: late, driver: digital-input, line: DI3, every: 1s }
  - { name: meter, driver: pulse-counter, line: GPIO19, every: 500ms, over: 1s }
outputs:
  - { name: lamp, driver: digital-output, line: GPIO23, safe: off }
  - { name: valve, driver: digital-output, line: GPIO24, safe: off, interlock: { line: GPIO25, is: on } }
  - { name: motor, driver: digital-output, line: GPIO26, safe: off, controller: { topic: cell/plc/alive, within: 2s } }
`;

/** Pulses as fast as this program gets through, or in bursts with a pause in ms after each. */
const MAKE_PULSES = `
const { openSync, writeSync } = require('node:fs');
const [file, count, burst, pauseMs] = process.argv.slice(2);
const fd = openSync(file, 'w');
const sleep = new Int32Array(new SharedArrayBuffer(4));
for (let n = 1; n <= Number(count); n += 1) {
  writeSync(fd, 'pull-up', 0);
  writeSync(fd, 'pull-down', 0);
  if (n % Number(burst) === 0) Atomics.wait(sleep, 0, 0, Number(pauseMs));
}
`;

let machine: Machine;
let header: SimChip;
let gateway: Gateway;
let started: number;

beforeAll(async () => {
  machine = await theMachine();
  // A system whose kernel has only the character device.
  await machine.shell('mount -t tmpfs none /sys/class/gpio');
  header = await addHeader(machine.shell, { 22: 'charger' });
  // Without a driver these lines would be high: a lamp that is on, a valve that is open.
  for (const line of [23, 24, 26]) await header.drive(line, true);
  await machine.shell(
    `echo ${Buffer.from(MAKE_PULSES).toString('base64')} | base64 -d > /tmp/pulses.cjs`,
  );
  gateway = await startGateway(machine, YAML);
  started = performance.now();
});

afterAll(async () => {
  await gateway?.end();
  await header?.remove();
  await machine?.shell('umount /sys/class/gpio');
});

const is =
  (value: Reading['value'], quality = 'good') =>
  (reading: Reading): boolean =>
    reading.value === value && reading.quality === quality;

describe('inputs', () => {
  test('the character device is taken, and a change is told at once', async () => {
    expect(await gateway.log()).toContain('"backend":"chardev"');
    const changed = gateway.next('door', is(true));
    await header.drive(17, true);
    await changed;
  });

  test('ten bounces are one change', async () => {
    const before = gateway.messages.length;
    const pull = `${header.folder(18)}/pull`;
    const changed = gateway.next('button', is(true));
    await machine.shell(
      `for n in 1 2 3 4 5 6 7 8 9 10; do echo pull-up > ${pull}; echo pull-down > ${pull}; done; echo pull-up > ${pull}`,
    );
    await changed;
    await header.drive(18, false);
    await gateway.next('button', is(false));
    const told = gateway.messages.slice(before).filter(({ topic }) => topic === 'button');
    expect(told).toHaveLength(2);
  });

  test('a line that somebody else owns is told with its owner', async () => {
    const { reason } = await gateway.next('taken', is(null, 'bad'), 40_000);
    expect(reason).toMatch(/GPIO22 .*charger/);
  });

  test('a thousand edges on sixteen lines come in order, with the time of the kernel', async () => {
    const { shell } = machine;
    const names = Object.fromEntries(INPUTS.map((name, offset) => [offset, `X${name}`]));
    const chip = await addChip(shell, 'order', { label: 'order', lines: 16, names });
    const script = `
      import { openSync, writeSync } from 'node:fs';
      import { createGpio } from '/dist/src/buses/gpio.js';
      const names = ${JSON.stringify(Object.values(names))};
      const files = ${JSON.stringify(INPUTS.map((_, offset) => chip.folder(offset)))};
      const gpio = createGpio({ log: { info() {}, warn() {} } });
      const lines = await gpio.lines(names).input({});
      const life = new AbortController();
      const seen = [];
      const follow = (async () => {
        for await (const edge of lines.edges(life.signal)) if (seen.push(edge) === 1000) break;
      })();
      const pulls = files.map((file) => openSync(file + '/pull', 'w'));
      for (let n = 0; n < 1000; n += 1) {
        // All sixteen rise one after the other, then all fall.
        writeSync(pulls[n % 16], Math.floor(n / 16) % 2 === 0 ? 'pull-up' : 'pull-down', 0);
        // A line's next edge waits until the kernel has handed the one before on.
        if (n % 16 === 15) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await Promise.race([follow, new Promise((resolve) => setTimeout(resolve, 10_000))]);
      life.abort();
      const ordered = seen.toSorted((one, other) => Number(one.time - other.time));
      const right = ordered.filter((edge, n) => edge.line === n % 16
        && edge.rising === (Math.floor(n / 16) % 2 === 0));
      const lost = seen.reduce((sum, edge) => sum + edge.lost, 0);
      console.log(JSON.stringify({ seen: seen.length, right: right.length, lost }));
      await lines.close();
    `;
    const code = Buffer.from(script).toString('base64');
    await shell(`echo ${code} | base64 -d > /tmp/order.mjs`);
    const said = await shell('node /tmp/order.mjs', 60_000);
    await chip.remove();
    const { seen, right, lost } = JSON.parse(said);
    expect({ seen, right }).toEqual({ seen: 1000, right: 1000 });
    // One that its line's thread hands on later than another line's may be counted as lost, but no more.
    expect(lost).toBeLessThan(50);
  });
});

/** All of them on request only: an emulated processor takes its time. */
const PULSES = process.env.CELLGATE_VM_WHOLE === '1' ? 200_000 : 20_000;

describe('pulses', () => {
  let counted = 0;
  const make = async (pulses: number, burst: number, pauseMs: number): Promise<void> => {
    // On one processor the kernel's thread of the line takes over before the next pulse is made.
    const threads = await machine.shell("ps | grep '[[]irq/' | awk '{ print $1 }'");
    for (const thread of threads.split('\n')) await machine.shell(`taskset -p 1 ${thread}`);
    const pull = `${header.folder(19)}/pull`;
    counted += pulses;
    await machine.shell(
      `taskset 1 node /tmp/pulses.cjs ${pull} ${pulses} ${burst} ${pauseMs}`,
      250_000,
    );
  };
  const allCounted = async (): Promise<Reading> => {
    const total = await gateway.next('meter/total', ({ value }) => value === counted, 30_000);
    // Nothing comes after it.
    expect((await gateway.next('meter/total')).value).toBe(counted);
    return total;
  };

  test(`${PULSES} in bursts: each one is counted, and what the kernel had no room for is told`, async () => {
    await make(PULSES, 1000, 20);
    const { quality } = await allCounted();
    const lost = gateway.reading('meter/lost')?.value;
    console.log(`of ${PULSES} pulses, the kernel's buffer had no room for ${lost}`);
    expect(quality).toBe(lost === 0 ? 'good' : 'uncertain');
  }, 300_000);

  test('what the kernel has no room for while the gateway does not look is told, and counted', async () => {
    const before = Number(gateway.reading('meter/lost')?.value);
    await gateway.signal('STOP');
    await make(3000, 3000, 0);
    await gateway.signal('CONT');
    expect(await allCounted()).toMatchObject({ quality: 'uncertain' });
    // The buffer of the line holds 1024.
    const lost = Number(gateway.reading('meter/lost')?.value) - before;
    expect(lost).toBeGreaterThanOrEqual(3000 - 1024 - 64);
    expect(lost).toBeLessThan(3000);
  }, 100_000);
});

describe('chips that come, go, and change their number', () => {
  const names = Object.fromEntries(INPUTS.map((name, offset) => [offset, name]));
  const expander = () => addChip(machine.shell, 'expander', { label: 'pca9535', lines: 16, names });

  test('hardware that comes 30 s after the start is taken up', async () => {
    expect(gateway.reading('late')).toMatchObject({ quality: 'bad', value: null });
    expect(gateway.reading('late')?.reason).toMatch(/DI3 is on no GPIO chip/);
    const left = 30_000 - (performance.now() - started);
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    const chip = await expander();
    await gateway.next('late', is(false), 40_000);

    const gone = gateway.next('late', is(null, 'bad'), 10_000);
    await chip.remove();
    await gone;
    // The number that the chip had is another's now.
    const other = await addChip(machine.shell, 'other', { label: 'other', lines: 8 });
    const again = await expander();
    await again.drive(3, true);
    await gateway.next('late', is(true), 40_000);
    await again.remove();
    await other.remove();
  }, 150_000);
});

describe('outputs', () => {
  const lines = { lamp: 23, valve: 24, interlock: 25, motor: 26 };
  const level = (line: keyof typeof lines): Promise<boolean> => header.level(lines[line]);

  test('are safe from the start on, whatever the line was', async () => {
    expect(await Promise.all([level('lamp'), level('valve'), level('motor')])).toEqual([
      false,
      false,
      false,
    ]);
  });

  test('follow a command, tell its result, and end a pulse by themselves', async () => {
    const on = gateway.next('lamp', is(true));
    await gateway.publish('lamp/set', '{"value":true,"id":"a"}');
    await on;
    expect(await level('lamp')).toBe(true);
    expect(gateway.messages.find(({ topic }) => topic === 'lamp/result')?.payload).toBe(
      '{"id":"a","ok":true}',
    );
    const ended = gateway.next('lamp', is(false));
    await gateway.publish('lamp/set', '{"value":true,"for":"300ms"}');
    await ended;
    expect(await level('lamp')).toBe(false);
  });

  test('an interlock that opens makes its output safe', async () => {
    await gateway.publish('valve/set', '{"value":true,"id":"early"}');
    expect(await level('valve')).toBe(false);
    await header.drive(lines.interlock, true);
    await expect
      .poll(
        async () => {
          await gateway.publish('valve/set', 'on');
          return level('valve');
        },
        { timeout: 10_000, interval: 500 },
      )
      .toBe(true);
    await header.drive(lines.interlock, false);
    await expect.poll(() => level('valve'), { timeout: 5000 }).toBe(false);
  });

  test('a controller that falls silent makes its output safe', async () => {
    await expect
      .poll(
        async () => {
          await gateway.publish('plc/alive', '1');
          await gateway.publish('motor/set', 'on');
          return level('motor');
        },
        { timeout: 10_000, interval: 500 },
      )
      .toBe(true);
    await expect.poll(() => level('motor'), { timeout: 10_000 }).toBe(false);
  });

  test('a process that hangs leaves its lines as they are; killed, it leaves them to the board; started anew, they are safe', async () => {
    const on = gateway.next('lamp', is(true));
    await gateway.publish('lamp/set', 'on');
    await on;
    await gateway.signal('STOP');
    expect(await level('lamp')).toBe(true);
    await header.drive(lines.lamp, false);
    expect(await level('lamp')).toBe(true);
    await gateway.end('KILL');
    expect(await level('lamp')).toBe(false);
    await header.drive(lines.lamp, true);
    expect(await level('lamp')).toBe(true);
    await gateway.start();
    expect(await level('lamp')).toBe(false);
  }, 120_000);

  test('a count survives the kill', async () => {
    const { value } = await gateway.next('meter/total');
    expect(value).toBeGreaterThan(0);
  });

  test('at the stop they are made safe before the lines are given back', async () => {
    const on = gateway.next('lamp', is(true));
    await gateway.publish('lamp/set', 'on');
    await on;
    await header.drive(lines.lamp, false);
    const safe = gateway.next('lamp', is(false));
    await gateway.end('TERM');
    await safe;
    expect(await level('lamp')).toBe(false);
  });
});
