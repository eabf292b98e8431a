import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createGpio } from '../../../src/buses/gpio.ts';
import { parseLine } from '../../../src/buses/gpio-backend.ts';
import {
  createSysfsBackend,
  type RawGpio,
  resolveLine,
  sysfsChips,
} from '../../../src/buses/gpio-sysfs.ts';
import { settle } from '../../support/manual-clock.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cellgate-gpio-'));
});

afterEach(() => rmSync(root, { recursive: true }));

function addChip(base: number, label: string, lines: number, device?: string): void {
  const folder = join(root, `gpiochip${base}`);
  mkdirSync(join(folder, 'device', ...(device === undefined ? [] : [device])), { recursive: true });
  writeFileSync(join(folder, 'base'), `${base}\n`);
  writeFileSync(join(folder, 'label'), `${label}\n`);
  writeFileSync(join(folder, 'ngpio'), `${lines}\n`);
}

function addControls(): void {
  writeFileSync(join(root, 'export'), '');
  writeFileSync(join(root, 'unexport'), '');
}

describe('looking up lines', () => {
  test.each([
    ['pinctrl-bcm2711', 512],
    ['pinctrl-bcm2835', 966],
    ['pinctrl-rp1', 571],
    ['pinctrl-bcm2835', 0],
  ])("GPIO17 of %s is 17 above the chip's base %d", async (label, base) => {
    addChip(base + 100, 'raspberrypi-exp-gpio', 8);
    addChip(base, label, 54);
    const { globalNumber } = await resolveLine(root, parseLine('GPIO17'));
    expect(globalNumber).toBe(base + 17);
  });

  test('gpiochip1:3 is found by the name of the character device', async () => {
    addChip(512, 'pinctrl-bcm2711', 58, 'gpiochip0');
    addChip(570, 'raspberrypi-exp-gpio', 8, 'gpiochip1');
    expect((await resolveLine(root, parseLine('gpiochip1:3'))).globalNumber).toBe(573);
    expect(await sysfsChips(root)).toEqual([
      { name: 'gpiochip0', label: 'pinctrl-bcm2711', lines: 58, base: 512 },
      { name: 'gpiochip1', label: 'raspberrypi-exp-gpio', lines: 8, base: 570 },
    ]);
  });

  test('what is not there is named', async () => {
    await expect(resolveLine(root, parseLine('GPIO17'))).rejects.toThrow(
      "line GPIO17: the board's chip is not in /sys/class/gpio, there is no chip at all",
    );
    addChip(512, 'pinctrl-bcm2711', 58, 'gpiochip0');
    await expect(resolveLine(root, parseLine('GPIO99'))).rejects.toThrow('has only 58 lines');
    await expect(resolveLine(root, parseLine('gpiochip4:1'))).rejects.toThrow(
      'line gpiochip4:1: gpiochip4 is not in /sys/class/gpio, there is gpiochip0 (pinctrl-bcm2711)',
    );
    await expect(resolveLine(root, parseLine('DI0'))).rejects.toThrow('knows no line names');
  });
});

type Listener = Parameters<RawGpio['watch']>[0];

function createRaw() {
  const listeners: Listener[] = [];
  let level: 0 | 1 = 0;
  const opened: unknown[] = [];
  let unexported = 0;
  const raw: RawGpio = {
    read: (async () => level) as RawGpio['read'],
    write: (async (value: 0 | 1) => {
      level = value;
    }) as RawGpio['write'],
    watch: (listener) => {
      listeners.push(listener);
    },
    unwatch: (listener) => {
      listeners.splice(listeners.indexOf(listener as Listener), 1);
    },
    unexport: () => {
      unexported += 1;
    },
  };
  return {
    listeners,
    opened,
    unexported: () => unexported,
    set(value: 0 | 1) {
      level = value;
      for (const listener of [...listeners]) listener(null, value);
    },
    open: async (globalNumber: number, direction: string, options: unknown): Promise<RawGpio> => {
      opened.push([globalNumber, direction, options]);
      return raw;
    },
  };
}

describe('an input', () => {
  test('is opened by its global number, read, watched and given back', async () => {
    addControls();
    addChip(512, 'pinctrl-bcm2711', 58);
    const { open, opened, set, listeners, unexported } = createRaw();
    const { log, lines } = createQuietLog();
    const gpio = createGpio({ log, backends: [createSysfsBackend({ log, root, open })] });
    const input = await gpio.line('GPIO17').input({ activeLow: true, debounceMs: 10 });
    expect(opened).toEqual([[529, 'in', { activeLow: true, debounceTimeout: 10 }]]);
    expect(lines).toEqual(['GPIO backend chosen']);
    expect(await input.read()).toBe(false);

    const end = new AbortController();
    const seen: boolean[] = [];
    const watching = (async () => {
      for await (const { rising } of input.edges(end.signal)) seen.push(rising);
    })();
    set(1);
    await settle();
    set(0);
    set(1);
    await settle();
    expect(await input.read()).toBe(true);
    end.abort();
    await watching;
    expect(seen).toEqual([true, false, true]);
    expect(listeners).toEqual([]);

    await input.close();
    await input.close();
    expect(unexported()).toBe(1);
    await expect(input.read()).rejects.toThrow('line GPIO17 is closed');
  });

  test('an error of the kernel ends the watching', async () => {
    addControls();
    addChip(512, 'pinctrl-bcm2711', 58);
    const { open, listeners } = createRaw();
    const { log } = createQuietLog();
    const backend = createSysfsBackend({ log, root, open });
    const input = await backend.inputs([parseLine('GPIO4')], {});
    const first = input.edges(new AbortController().signal)[Symbol.asyncIterator]().next();
    listeners[0]?.(new Error('poll failed'), 0);
    await expect(first).rejects.toThrow('line GPIO4: poll failed');
    expect(listeners).toEqual([]);
  });

  test('a line that is still exported is given back first', async () => {
    addControls();
    addChip(512, 'pinctrl-bcm2711', 58);
    mkdirSync(join(root, 'gpio529'));
    const { open } = createRaw();
    const { log } = createQuietLog();
    await createSysfsBackend({ log, root, open }).inputs([parseLine('GPIO17')], {});
    expect(readFileSync(join(root, 'unexport'), 'utf8')).toBe('529');
  });

  test.each([
    ['EBUSY', 'line GPIO17 is in use by another program or a kernel driver'],
    ['EACCES', 'no permission for /sys/class/gpio: add the user to group gpio'],
    ['EROFS', '/sys/class/gpio is read-only here'],
    ['EIO', 'line GPIO17: EIO: failed'],
  ])('%s', async (code, sentence) => {
    addControls();
    addChip(512, 'pinctrl-bcm2711', 58);
    const open = async (): Promise<RawGpio> => {
      throw Object.assign(new Error(`${code}: failed`), { code });
    };
    const { log } = createQuietLog();
    const opening = createSysfsBackend({ log, root, open }).inputs([parseLine('GPIO17')], {});
    await expect(opening).rejects.toThrow(sentence);
  });

  test('a bias can not be had this way', async () => {
    addControls();
    addChip(512, 'pinctrl-bcm2711', 58);
    const { log } = createQuietLog();
    const backend = createSysfsBackend({ log, root, open: createRaw().open });
    await expect(backend.inputs([parseLine('GPIO17')], { bias: 'pull-up' })).rejects.toThrow(
      "can't set a pull-up, gpio=17=pu in config.txt does",
    );
  });
});

test('pulses are never counted this way, nor are several lines taken', async () => {
  addControls();
  addChip(512, 'pinctrl-bcm2711', 58);
  const { log } = createQuietLog();
  const backend = createSysfsBackend({ log, root, open: createRaw().open });
  await expect(backend.inputs([parseLine('GPIO17')], { everyEdge: true })).rejects.toThrow(
    'line GPIO17: /sys/class/gpio loses pulses, counting needs /dev/gpiochip*',
  );
  const two = backend.inputs([parseLine('GPIO17'), parseLine('GPIO18')], {});
  await expect(two).rejects.toThrow("can't take several lines at once");
});

test.each([
  [false, false, 'low'],
  [false, true, 'high'],
  [true, false, 'high'],
  [true, true, 'low'],
])(
  'an output that is active low: %s and begins at %s begins with the pin %s',
  async (activeLow, initial, level) => {
    addControls();
    addChip(512, 'pinctrl-bcm2711', 58);
    const { log } = createQuietLog();
    const { open, opened, unexported } = createRaw();
    const backend = createSysfsBackend({ log, root, open });
    const output = await backend.output(parseLine('GPIO17'), { activeLow, initial });
    expect(opened).toEqual([[529, level, { activeLow }]]);
    await output.write(true);
    expect(await output.read()).toBe(true);
    await output.close();
    expect(unexported()).toBe(1);
    await expect(output.write(true)).rejects.toThrow('line GPIO17 is closed');
  },
);

test('a machine without GPIO has no chips and no lines', async () => {
  const { log } = createQuietLog();
  const gpio = createGpio({ log, backends: [createSysfsBackend({ log, root })] });
  expect(await gpio.chips()).toEqual([]);
  await expect(gpio.line('DI0').input({})).rejects.toThrow('line DI0: this machine offers no GPIO');
});
