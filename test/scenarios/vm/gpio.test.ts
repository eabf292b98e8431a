import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gateway, type Reading, startGateway } from './gateway.ts';
import { addChip, addHeader, type SimChip } from './gpio.ts';
import { type Machine, put } from './machine.ts';
import { theMachine } from './the-machine.ts';

const INPUTS = Array.from({ length: 16 }, (_, index) => `DI${index}`);

const YAML = `
sensors:
  - { name: door, driver: digital-input, line: GPIO17, every: 1s }
  - { name: button, driver: digital-input, line: GPIO18, debounce: 200ms, every: 1h }
  - { name: taken, driver: digital-input, line: GPIO22, every: 1s }
  - { name: late, driver: digital-input, line: DI3, every: 1s }
  - { name: meter, driver: pulse-counter, line: GPIO19, every: 500ms, over: 1s }
  - { name: shaft, driver: tachometer, line: GPIO20, pulsesPerTurn: 2, standstill: 2s, every: 500ms }
  - { name: axis, driver: quadrature-encoder, lines: [GPIO12, GPIO13], perUnit: 4, unit: mm, every: 500ms }
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

/** Turns an encoder by so many edges, back when it is less than 0, with a pause in ms after each. */
const TURN = `
const { openSync, writeSync } = require('node:fs');
const [a, b, edges, pauseMs] = process.argv.slice(2);
const phases = [openSync(a, 'w'), openSync(b, 'w')];
const sleep = new Int32Array(new SharedArrayBuffer(4));
const forward = Number(edges) > 0;
for (let n = 0; n < Math.abs(Number(edges)); n += 1) {
  // 00, 10, 11, 01: A is ahead; the other way round for back.
  const phase = phases[(n % 2 === 0) === forward ? 0 : 1];
  writeSync(phase, n % 4 < 2 ? 'pull-up' : 'pull-down', 0);
  Atomics.wait(sleep, 0, 0, Number(pauseMs));
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
  await put(machine, '/tmp/pulses.cjs', MAKE_PULSES);
  await put(machine, '/tmp/turn.cjs', TURN);
  gateway = await startGateway(machine, YAML);
  started = performance.now();
});

afterAll(async () => {
  await gateway?.end();
  await header?.remove();
  await machine?.shell('umount /sys/class/gpio');
});

/** What then runs there makes no edge before the kernel's thread of the line is done with the one before. */
const TO_FIRST_PROCESSOR =
  "for t in $(ps | grep '[[]irq/' | awk '{ print $1 }'); do taskset -p 1 $t > /dev/null; done";

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
    const { reason } = await gateway.next('taken', is(null, 'bad'));
    expect(reason).toMatch(/GPIO22 .*charger/);
  });

  test('a thousand edges on sixteen lines come in order, with the time of the kernel', async () => {
    const { shell } = machine;
    const names = Object.fromEntries(INPUTS.map((name, offset) => [offset, `X${name}`]));
    const chip = await addChip(shell, 'order', { label: 'order', lines: 16, names });
    const script = `
      import { execFileSync } from 'node:child_process';
      import { openSync, writeSync } from 'node:fs';
      import { createGpio } from '/dist/src/buses/gpio.js';
      const names = ${JSON.stringify(Object.values(names))};
      const files = ${JSON.stringify(INPUTS.map((_, offset) => chip.folder(offset)))};
      const gpio = createGpio({ log: { info() {}, warn() {} } });
      const lines = await gpio.lines(names).input({});
      execFileSync('sh', ['-c', ${JSON.stringify(TO_FIRST_PROCESSOR)}]);
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
        const late = performance.now() + 5000;
        while (n % 16 === 15 && seen.length <= n && performance.now() < late)
          await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await Promise.race([follow, new Promise((resolve) => setTimeout(resolve))]);
      life.abort();
      const ordered = seen.toSorted((one, other) => Number(one.time - other.time));
      const right = ordered.filter((edge, n) => edge.line === n % 16
        && edge.rising === (Math.floor(n / 16) % 2 === 0));
      const lost = seen.reduce((sum, edge) => sum + edge.lost, 0);
      console.log(JSON.stringify({ seen: seen.length, right: right.length, lost }));
      await lines.close();
    `;
    await put(machine, '/tmp/order.mjs', script);
    const said = await shell('taskset 1 node /tmp/order.mjs');
    await chip.remove();
    const { seen, right, lost } = JSON.parse(said);
    expect({ seen, right }).toEqual({ seen: 1000, right: 1000 });
    // One that its line's thread hands on later than another line's may be counted as lost, but no more.
    expect(lost).toBeLessThan(50);
  });
});

describe('what turns', () => {
  test('a shaft has the speed of its pulses, and then stands still', async () => {
    const pull = `${header.folder(20)}/pull`;
    const before = gateway.messages.length;
    // Its own clock says how fast it was, on a machine of any speed.
    const took = await machine.shell(
      `s=$(cut -d' ' -f1 /proc/uptime); node /tmp/pulses.cjs ${pull} 200 1 20; e=$(cut -d' ' -f1 /proc/uptime); echo "$s $e"`,
    );
    const [from = 0, to = 0] = took.split(' ').map(Number);
    await gateway.next('shaft', is(0));
    const told = gateway.messages.slice(before).filter(({ topic }) => topic === 'shaft');
    const speeds = told
      .map(({ payload }) => (JSON.parse(payload) as Reading).value)
      .filter((value): value is number => typeof value === 'number' && value > 0)
      .sort((one, other) => one - other);
    const median = speeds[speeds.length >> 1] ?? 0;
    // Half a turn each; the program also has to start in that time, so that it was a little faster.
    const least = (200 / 2 / (to - from)) * 60;
    expect(speeds.length).toBeGreaterThan(2);
    expect(median).toBeGreaterThan(least * 0.8);
    expect(median).toBeLessThan(60 * (1000 / 20 / 2) * 1.1);
  });

  test('an encoder is where it was turned to, to the edge', async () => {
    const files = [12, 13].map((line) => `${header.folder(line)}/pull`).join(' ');
    const at = (mm: number) => gateway.next('axis/position', is(mm));
    await machine.shell(TO_FIRST_PROCESSOR);
    const forth = at(100);
    await machine.shell(`taskset 1 node /tmp/turn.cjs ${files} 400 2`);
    await forth;
    const back = at(-25);
    await machine.shell(`taskset 1 node /tmp/turn.cjs ${files} -500 2`);
    await back;
    await gateway.next('axis/speed', is(0));
  });
});

/** All of them on request only: an emulated processor takes its time. */
const PULSES = process.env.CELLGATE_VM_WHOLE === '1' ? 200_000 : 20_000;

let counted = 0;

describe('pulses', () => {
  const make = async (pulses: number, burst: number, pauseMs: number): Promise<void> => {
    await machine.shell(TO_FIRST_PROCESSOR);
    const pull = `${header.folder(19)}/pull`;
    counted += pulses;
    await machine.shell(
      `taskset 1 node /tmp/pulses.cjs ${pull} ${pulses} ${burst} ${pauseMs}`,
      250_000,
    );
  };
  const allCounted = async (): Promise<Reading> => {
    const total = await gateway.next('meter/total', ({ value }) => value === counted);
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
  });

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
  });
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
    await gateway.next('late', is(false));

    const gone = gateway.next('late', is(null, 'bad'));
    await chip.remove();
    await gone;
    // The number that the chip had is another's now.
    const other = await addChip(machine.shell, 'other', { label: 'other', lines: 8 });
    const again = await expander();
    await again.drive(3, true);
    await gateway.next('late', is(true));
    await again.remove();
    await other.remove();
  });
});

test('the count survives that the gateway is killed', async () => {
  await gateway.end('KILL');
  await gateway.start();
  await expect.poll(() => gateway.reading('meter/total')?.value).toBe(counted);
});
