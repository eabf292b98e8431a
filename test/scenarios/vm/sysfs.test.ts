import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gateway, startGateway } from './gateway.ts';
import { addChip, addHeader, type SimChip } from './gpio.ts';
import type { Machine } from './machine.ts';
import { theMachine } from './the-machine.ts';

const YAML = `
sensors:
  - { name: door, driver: digital-input, line: GPIO17, every: 1s }
  - { name: meter, driver: pulse-counter, line: GPIO19, every: 1s }
outputs:
  - { name: lamp, driver: digital-output, line: GPIO23, safe: off }
`;

let machine: Machine;
let header: SimChip;
let filler: SimChip | undefined;
let gateway: Gateway;
/** The bases of the header: alone, and beside a chip of 454 lines. */
let bases: readonly [alone: number, beside: number];

/** The header's chip, on a system that has no character device. */
async function addOldHeader(): Promise<void> {
  header = await addHeader(machine.shell);
  await machine.shell('rm -f /dev/gpiochip*');
}

/** The global number of the header's first line. */
async function base(): Promise<number> {
  const chip = '/sys/class/gpio/gpiochip*';
  const at = 'grep -l pinctrl-bcm2711 /sys/class/gpio/gpiochip*/label';
  return Number(await machine.shell(`ls -d ${chip} > /dev/null && cat $(dirname $(${at}))/base`));
}

/** Since Linux 6.2 bases count up from 512, before they count down from 1024. */
async function countsUp(): Promise<boolean> {
  const [major = 0, minor = 0] = (await machine.shell('uname -r')).split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 2);
}

beforeAll(async () => {
  machine = await theMachine();
  bases = (await countsUp()) ? [512, 966] : [966, 512];
  await addOldHeader();
  await header.drive(23, true);
  gateway = await startGateway(machine, YAML);
});

afterAll(async () => {
  await gateway?.end();
  await header?.remove();
  await filler?.remove();
});

async function works(): Promise<void> {
  for (const high of [true, false]) {
    const changed = gateway.next('door', ({ value }) => value === high);
    await header.drive(17, high);
    await changed;
  }
  for (const word of ['on', 'off']) {
    const done = gateway.next('lamp', ({ value }) => value === (word === 'on'));
    await gateway.publish('lamp/set', word);
    await done;
    expect(await header.level(23)).toBe(word === 'on');
  }
}

describe('without a character device, through onoff', () => {
  test('lines are found at their base, read and driven; the output is safe from the start on', async () => {
    expect(await base()).toBe(bases[0]);
    expect(await gateway.log()).toContain('"backend":"sysfs"');
    await gateway.next('door', ({ quality }) => quality === 'good');
    await expect.poll(() => gateway.reading('lamp')).toMatchObject({ value: false });
    expect(await header.level(23)).toBe(false);
    await works();
  });

  test('pulses are not counted, as they would be lost', async () => {
    const { reason } = await gateway.next('meter/total', ({ quality }) => quality === 'bad');
    expect(reason).toMatch(/loses pulses, counting needs \/dev\/gpiochip/);
  });

  test('a killed gateway leaves its output driven; the next one takes the lines anew, safe', async () => {
    const done = gateway.next('lamp', ({ value }) => value === true);
    await gateway.publish('lamp/set', 'on');
    await done;
    await gateway.end('KILL');
    // Unlike a character device's, the line of a sysfs export outlives its owner.
    await header.drive(23, false);
    expect(await header.level(23)).toBe(true);
    await gateway.start();
    expect(await header.level(23)).toBe(false);
    expect(await gateway.log()).toContain('line was still exported, taking it again');
    await gateway.next('door', ({ quality }) => quality === 'good');
    await works();
  });

  test('a header that comes back at another base is found again while the gateway runs', async () => {
    const lost = gateway.next('door', ({ quality }) => quality === 'bad');
    await header.remove();
    await lost;
    filler = await addChip(machine.shell, 'filler', { label: 'filler', lines: 454 });
    await addOldHeader();
    expect(await base()).toBe(bases[1]);
    await gateway.next('door', ({ quality }) => quality === 'good');
    await expect
      .poll(() => gateway.reading('lamp'))
      .toMatchObject({
        quality: 'good',
      });
    await works();
  });
});
