import { describe, expect, test } from 'vitest';
import { createGpio } from '../../../src/buses/gpio.ts';
import { createChardevBackend } from '../../../src/buses/gpio-chardev.ts';
import type { GpioInputs } from '../../../src/buses/gpio-line.ts';
import { createFakeGpioKernel, type FakeChip } from '../../support/fake-gpio-kernel.ts';
import { settle } from '../../support/manual-clock.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

const PI: FakeChip = {
  label: 'pinctrl-bcm2711',
  lines: Array.from({ length: 28 }, (_, offset) => `GPIO${offset}`),
  owners: { 4: 'ed-lvd', 5: '' },
};
const EXPANDER: FakeChip = {
  label: 'pca9535',
  lines: ['DI0', 'DI1', 'DO0', ''],
  owners: {},
  levels: { 0: true },
};

function setUp(chips: Record<string, FakeChip> = { gpiochip0: PI, gpiochip1: EXPANDER }) {
  const fresh = Object.fromEntries(
    Object.entries(chips).map(([name, chip]) => [
      name,
      { ...chip, owners: { ...chip.owners }, levels: { ...chip.levels } },
    ]),
  );
  const kernel = createFakeGpioKernel(fresh);
  const { log, lines } = createQuietLog();
  const gpio = createGpio({ log, backends: [createChardevBackend({ log, kernel: () => kernel })] });
  return { kernel, gpio, log, lines, chips: fresh };
}

/** struct gpio_v2_line_event. */
function event(sequence: number, offset: number, rising = true, time = 1n): Buffer {
  const bytes = Buffer.alloc(48);
  bytes.writeBigUInt64LE(time, 0);
  bytes.writeUInt32LE(rising ? 1 : 2, 8);
  bytes.writeUInt32LE(offset, 12);
  bytes.writeUInt32LE(sequence, 16);
  return bytes;
}

/** The edges of the lines until the signal is aborted. */
function watch(inputs: Pick<GpioInputs, 'edges'>, signal: AbortSignal) {
  const seen: string[] = [];
  const ended = (async () => {
    for await (const { line, rising, lost, time } of inputs.edges(signal)) {
      seen.push(`${line} ${rising ? 'up' : 'down'} lost ${lost} at ${time}`);
    }
  })();
  return { seen, ended };
}

describe('lines are found', () => {
  test.each([
    ['DO0', 'gpiochip1', 2],
    ['GPIO17', 'gpiochip0', 17],
    ['gpiochip1:3', 'gpiochip1', 3],
  ])('%s on %s at %d', async (name, device, offset) => {
    const { gpio, kernel } = setUp();
    await gpio.line(name).input({});
    expect(kernel.requests).toMatchObject([{ device, offsets: [offset] }]);
    expect(kernel.opened.size).toBe(1);
  });

  test("by the board's number where the device tree names them otherwise", async () => {
    const { gpio, kernel } = setUp({
      gpiochip0: EXPANDER,
      gpiochip1: { ...PI, lines: PI.lines.map((_, offset) => `GPIO_GEN${offset}`) },
    });
    await gpio.line('GPIO17').input({});
    expect(kernel.requests).toMatchObject([{ device: 'gpiochip1', offsets: [17] }]);
  });

  test('by the name of a link, as of gpiochip4 on a Pi 5, which is no second chip', async () => {
    const { gpio, kernel } = setUp({
      gpiochip0: PI,
      gpiochip4: { ...PI, name: 'gpiochip0' },
      gpiochip10: EXPANDER,
    });
    for (const name of ['gpiochip4:17', 'gpiochip0:18', 'GPIO19']) await gpio.line(name).input({});
    expect(kernel.requests).toMatchObject([
      { device: 'gpiochip0', offsets: [17] },
      { device: 'gpiochip0', offsets: [18] },
      { device: 'gpiochip0', offsets: [19] },
    ]);
    await expect(gpio.line('gpiochip5:1').input({})).rejects.toThrow('is on no GPIO chip');
  });

  test('again after their chip has got another number', async () => {
    const { gpio, kernel } = setUp({ gpiochip0: EXPANDER, gpiochip3: PI });
    await gpio.line('GPIO17').input({});
    expect(kernel.requests).toMatchObject([{ device: 'gpiochip3', offsets: [17] }]);
  });

  test('or reported as missing or ambiguous', async () => {
    const { gpio, kernel } = setUp({ gpiochip0: EXPANDER, gpiochip1: EXPANDER });
    await expect(gpio.line('DI7').input({})).rejects.toThrow(
      'line DI7 is on no GPIO chip, there is gpiochip0 (pca9535, 4 lines), gpiochip1 (pca9535, 4 lines)',
    );
    await expect(gpio.line('gpiochip1:4').input({})).rejects.toThrow('is on no GPIO chip');
    await expect(gpio.line('DI0').input({})).rejects.toThrow(
      'line DI0 is there twice, expected one of gpiochip0:0 and gpiochip1:0',
    );
    expect(kernel.opened.size).toBe(0);
  });
});

describe('inputs', () => {
  test('are asked for with what they need', async () => {
    const { gpio, kernel } = setUp();
    await gpio.line('DI1').input({ activeLow: true, bias: 'pull-up', debounceMs: 2.5 });
    const { bytes } = kernel.requests[0]!;
    expect(bytes.toString('latin1', 256, 264)).toBe('cellgate');
    expect(bytes.readBigUInt64LE(288)).toBe(BigInt(2 + 4 + 16 + 32 + 256));
    expect([bytes.readUInt32LE(320), bytes.readUInt32LE(328)]).toEqual([3, 2500]);
    expect(bytes.readUInt32LE(564)).toBe(1024);
  });

  test.each([
    ['rising', 16],
    ['falling', 32],
  ] as const)('only %s edges', async (edge, flag) => {
    const { gpio, kernel } = setUp();
    await gpio.line('DI1').input({ edge, everyEdge: true });
    expect(kernel.requests[0]!.bytes.readBigUInt64LE(288)).toBe(BigInt(4 + flag));
  });

  test('are read, several at once and after active-low', async () => {
    const { gpio } = setUp();
    const inputs = await gpio.lines(['DI1', 'DI0']).input({});
    expect(await inputs.read()).toEqual([false, true]);
    await inputs.close();
    const input = await gpio.line('DI0').input({ activeLow: true });
    expect(await input.read()).toBe(false);
    await input.close();
    await input.close();
    await expect(input.read()).rejects.toThrow('line DI0 is closed');
  });

  test('an edge that another line has overtaken in the kernel comes in its place, and late is not lost', async () => {
    const { gpio, kernel } = setUp();
    const inputs = await gpio.lines(['DI0', 'DI1']).input({});
    const end = new AbortController();
    const { seen, ended } = watch(inputs, end.signal);
    kernel.event(Buffer.concat([event(2, 0, true, 200n), event(1, 1, true, 100n)]));
    await settle();
    kernel.event(event(4, 0, false, 400n));
    await settle();
    kernel.event(event(3, 1, false, 300n));
    await settle();
    end.abort();
    await ended;
    expect(seen).toEqual([
      '1 up lost 0 at 100',
      '0 up lost 0 at 200',
      '0 down lost 1 at 400',
      '1 down lost 0 at 300',
    ]);
    await inputs.close();
  });

  test("report their edges in order, with the kernel's time and what it has dropped", async () => {
    const { gpio, kernel } = setUp();
    const inputs = await gpio.lines(['DI0', 'DI1']).input({});
    const end = new AbortController();
    const { seen, ended } = watch(inputs, end.signal);
    kernel.event(Buffer.concat([event(1, 1, true, 100n), event(2, 0, false, 200n)]));
    await settle();
    kernel.event(event(6, 1, false, 300n));
    await settle();
    end.abort();
    await ended;
    expect(seen).toEqual(['1 up lost 0 at 100', '0 down lost 0 at 200', '1 down lost 3 at 300']);
    expect(kernel.watchers).toBe(0);
    await inputs.close();
    expect(kernel.opened.size).toBe(0);
  });

  test('a gap before the first edge and over the end of the numbers is seen too', async () => {
    const { gpio, kernel } = setUp();
    const inputs = await gpio.lines(['DI0']).input({});
    const end = new AbortController();
    const { seen, ended } = watch(inputs, end.signal);
    kernel.event(event(3, 0));
    kernel.event(event(0x7fff_ffff, 0));
    kernel.event(event(0xffff_fffe, 0));
    kernel.event(event(1, 0));
    await settle();
    end.abort();
    await ended;
    const lost = seen.map((one) => Number(one.split(' ')[3]));
    expect(lost).toEqual([2, 0x7fff_fffb, 0x7fff_fffe, 2]);
  });

  test('end with an error when the chip is removed', async () => {
    const { gpio, kernel } = setUp();
    const inputs = await gpio.lines(['DI0']).input({});
    const { ended } = watch(inputs, new AbortController().signal);
    kernel.remove();
    await expect(ended).rejects.toThrow('line DI0: its chip gpiochip1 was removed');
    await expect(inputs.read()).rejects.toThrow('was removed');
    expect(kernel.watchers).toBe(0);
  });

  test('of a chip without interrupts can be read but not counted', async () => {
    const { gpio, kernel } = setUp({ gpiochip0: { ...EXPANDER, interrupts: false } });
    await expect(gpio.line('DI0').input({ everyEdge: true })).rejects.toThrow(
      "line DI0: its chip raises no interrupts, so pulses can't be counted",
    );
    const input = await gpio.line('DI0').input({ debounceMs: 5 });
    expect(await input.read()).toBe(true);
    const end = new AbortController();
    const { seen, ended } = watch(input as never, end.signal);
    await settle();
    expect(kernel.watchers).toBe(0);
    end.abort();
    await ended;
    expect(seen).toEqual([]);
  });
});

describe('what can not be had', () => {
  test('is reported with its owner', async () => {
    const { gpio, kernel } = setUp();
    await expect(gpio.line('GPIO4').input({})).rejects.toThrow('line GPIO4 is in use by "ed-lvd"');
    await expect(gpio.line('GPIO5').input({})).rejects.toThrow(
      'line GPIO5 is in use by the kernel',
    );
    const two = gpio.lines(['GPIO17', 'GPIO4']).input({});
    await expect(two).rejects.toMatchObject({
      fault: 'owned',
      message: 'line GPIO4 is in use by "ed-lvd"',
    });
    expect(kernel.opened.size).toBe(0);
  });

  test('because of rights', async () => {
    const { gpio, kernel } = setUp();
    kernel.refuse('EACCES');
    await expect(gpio.line('DI0').input({})).rejects.toThrow(
      'no permission for /dev/gpiochip0: add the user to group gpio',
    );
  });

  test('because the lines are on different chips', async () => {
    const { gpio } = setUp();
    await expect(gpio.lines(['DI0', 'GPIO17']).input({})).rejects.toThrow(
      'lines must be on one chip, found DI0 on gpiochip1, GPIO17 on gpiochip0',
    );
  });
});

describe('an output', () => {
  test('begins at its initial value, is driven, read back and given back', async () => {
    const { gpio, kernel, chips } = setUp();
    const output = await gpio.line('DO0').output({ initial: true, drive: 'open-drain' });
    expect(kernel.requests[0]!.bytes.readBigUInt64LE(288)).toBe(BigInt(8 + 64));
    expect(chips.gpiochip1?.levels?.[2]).toBe(true);
    expect(await output.read()).toBe(true);
    await output.write(false);
    expect(await output.read()).toBe(false);
    await expect(gpio.line('DO0').input({})).rejects.toThrow('line DO0 is in use by "cellgate"');
    await output.close();
    expect(kernel.opened.size).toBe(0);
    await expect(output.write(true)).rejects.toThrow('line DO0 is closed');
  });

  test('that is active low has the pin low when it is on', async () => {
    const { gpio, chips } = setUp();
    const output = await gpio.line('DO0').output({ initial: false, activeLow: true });
    expect(chips.gpiochip1?.levels?.[2]).toBe(true);
    await output.write(true);
    expect(chips.gpiochip1?.levels?.[2]).toBe(false);
    expect(await output.read()).toBe(true);
  });

  test('reports when its chip has gone', async () => {
    const { gpio, kernel } = setUp();
    const output = await gpio.line('DO0').output({ initial: false });
    kernel.remove();
    await expect(output.write(true)).rejects.toThrow('line DO0: its chip was removed');
  });
});

describe('the choice', () => {
  test('is the character device, unless its modules are not built', async () => {
    const { log, lines } = createQuietLog();
    const backend = createChardevBackend({
      log,
      kernel: () => {
        throw new Error('Cannot find module ioctl');
      },
    });
    const gpio = createGpio({ log, backends: [backend] });
    await expect(gpio.line('DI0').input({})).rejects.toThrow('this machine offers no GPIO');
    expect(await gpio.chips()).toEqual([]);
    expect(lines).toEqual(['no GPIO character device: a native module is not built']);
  });

  test('shows names and owners, and each chip once', async () => {
    const { gpio } = setUp({ gpiochip1: EXPANDER });
    await gpio.line('gpiochip1:3').input({});
    expect(await gpio.chips()).toEqual([
      {
        name: 'gpiochip1',
        label: 'pca9535',
        lines: 4,
        named: [
          { offset: 0, name: 'DI0' },
          { offset: 1, name: 'DI1' },
          { offset: 2, name: 'DO0' },
          { offset: 3, owner: 'cellgate' },
        ],
      },
    ]);
  });
});
