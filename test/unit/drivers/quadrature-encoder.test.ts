import { describe, expect, test } from 'vitest';
import quadratureEncoder, { phaseOf, stepsBetween } from '../../../drivers/quadrature-encoder.ts';
import { settle } from '../../support/manual-clock.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';
import { playbackLine, playbackLines } from '../../support/playback-gpio.ts';

describe('steps', () => {
  const cycle = [
    phaseOf(false, false),
    phaseOf(true, false),
    phaseOf(true, true),
    phaseOf(false, true),
  ];

  test('A ahead of B is forward', () => {
    expect(cycle).toEqual([0, 1, 2, 3]);
    expect(cycle.map((from) => stepsBetween(from, (from + 1) % 4))).toEqual([1, 1, 1, 1]);
    expect(cycle.map((from) => stepsBetween(from, (from + 3) % 4))).toEqual([-1, -1, -1, -1]);
    expect(stepsBetween(2, 2)).toBe(0);
    expect(stepsBetween(1, 3)).toBeUndefined();
  });
});

async function setUp(options: Parameters<typeof quadratureEncoder.options.parse>[0] = {}) {
  const lines = playbackLines([false, false]);
  const { tools, clock } = createHastyTools();
  const sensor = await openSensor(quadratureEncoder, lines, options as object, tools);
  const turn = async (cycles: number): Promise<void> => {
    for (let cycle = 0; cycle < Math.abs(cycles); cycle += 1) {
      const order = cycles > 0 ? [0, 1, 0, 1] : [1, 0, 1, 0];
      for (const [index, line] of order.entries()) lines.set(line, index < 2);
    }
    await settle();
  };
  return { lines, clock, sensor, turn };
}

test('counts each edge, in both directions', async () => {
  const { lines, clock, sensor, turn } = await setUp({ bias: 'pull-up' });
  expect(lines.taken).toEqual({
    activeLow: false,
    debounceMs: 0,
    everyEdge: true,
    bias: 'pull-up',
  });
  await turn(100);
  await clock.advance(2000);
  expect(await sensor.read(never)).toEqual({ position: { value: 400 }, speed: { value: 200 } });
  await turn(-30);
  await clock.advance(1000);
  expect(await sensor.read(never)).toEqual({ position: { value: 280 }, speed: { value: -120 } });
  await sensor.close?.();
  expect(lines.taken).toBeUndefined();
  expect(lines.watching).toBe(0);
});

test('in units, and reversed', async () => {
  const { clock, sensor, turn } = await setUp({ perUnit: 400, unit: 'mm', reverse: true });
  await turn(50);
  await clock.advance(1000);
  expect(await sensor.read(never)).toEqual({ position: { value: -0.5 }, speed: { value: -0.5 } });
  await sensor.close?.();
});

test('a missed edge makes the position uncertain', async () => {
  const { lines, clock, sensor, turn } = await setUp();
  await turn(1);
  lines.set(0, true, 5n, 2);
  await settle();
  await clock.advance(1000);
  expect((await sensor.read(never)).position).toEqual({
    value: 5,
    quality: 'uncertain',
    reason: '2 edges were missed since the start',
  });
  await sensor.close?.();
});

test('a bus error is the reason', async () => {
  const { lines, sensor } = await setUp();
  lines.fail('line DI0: its chip gpiochip0 was removed');
  await settle();
  await expect(sensor.read(never)).rejects.toThrow('was removed');
  await sensor.close?.();
});

describe('after a restart', () => {
  /** Turned by a cycle, closed, and opened again with the same state. */
  async function restarted(options: { reference?: string; referenceAt?: number } = {}) {
    const { tools, clock } = createHastyTools();
    const home = playbackLine();
    const named: string[] = [];
    const line = (name: string) => {
      named.push(name);
      return home;
    };
    const open = async (lines: ReturnType<typeof playbackLines>) =>
      openSensor(quadratureEncoder, lines, { perUnit: 2, ...options }, { ...tools, line });
    const lines = playbackLines([false, false]);
    const first = await open(lines);
    for (const one of [0, 1]) lines.set(one, true);
    await settle();
    await clock.advance(1000);
    expect((await first.read(never)).position).toMatchObject({ value: 1 });
    await first.close?.();
    expect([home.taken, lines.watching]).toEqual([undefined, 0]);
    const again = playbackLines([true, true]);
    return { sensor: await open(again), lines: again, home, named, clock };
  }

  const moved = 'not referenced since the start: the shaft may have moved';

  test('the position continues, and is uncertain until it is referenced', async () => {
    const { sensor, home, named, clock, lines } = await restarted({
      reference: 'GPIO5',
      referenceAt: 100,
    });
    expect(named).toEqual(['GPIO5', 'GPIO5']);
    await clock.advance(1000);
    const uncertain = { value: 1, quality: 'uncertain', reason: moved };
    expect((await sensor.read(never)).position).toEqual(uncertain);
    home.set(true);
    await settle();
    await clock.advance(1000);
    // That the position is another one is no movement.
    expect(await sensor.read(never)).toEqual({ position: { value: 100 }, speed: { value: 0 } });
    lines.set(0, false);
    lines.set(1, false, 5n, 2);
    await settle();
    await clock.advance(1000);
    expect((await sensor.read(never)).position).toMatchObject({ quality: 'uncertain' });
    home.set(false);
    home.set(true);
    await settle();
    await clock.advance(1000);
    expect((await sensor.read(never)).position).toEqual({ value: 100 });
    await sensor.close?.();
  });

  test('without a reference it stays uncertain', async () => {
    const { sensor, named, clock } = await restarted();
    await clock.advance(1000);
    expect((await sensor.read(never)).position).toMatchObject({ value: 1, reason: moved });
    expect(named).toEqual([]);
    await sensor.close?.();
  });
});

test('the position is set, from then on without the missed edges, and this is no speed', async () => {
  const { lines, clock, sensor, turn } = await setUp({ perUnit: 4 });
  await turn(1);
  lines.set(0, true, 5n, 2);
  await settle();
  sensor.set?.('position', 100);
  await clock.advance(1000);
  const { position, speed } = await sensor.read(never);
  expect(position).toEqual({ value: 100 });
  expect(speed?.value).toBeLessThan(5);
  await sensor.close?.();
});

test('with a reference line the position is not known until the first reference', async () => {
  const home = playbackLine(false);
  const { tools, clock } = createHastyTools();
  const own = { ...tools, line: () => home };
  const options = { reference: 'GPIO5', referenceAt: 10 };
  const sensor = await openSensor(quadratureEncoder, playbackLines([false, false]), options, own);
  await clock.advance(1000);
  expect((await sensor.read(never)).position).toEqual({
    value: 0,
    quality: 'uncertain',
    reason: 'not referenced since the start: the position is not known',
  });
  home.set(true);
  await settle();
  expect((await sensor.read(never)).position).toEqual({ value: 10 });
  await sensor.close?.();
});

test('missed edges make the speed of their time uncertain, and no later one', async () => {
  const { lines, clock, sensor } = await setUp();
  lines.set(0, true, 5n, 2);
  await settle();
  await clock.advance(1000);
  expect((await sensor.read(never)).speed).toMatchObject({
    quality: 'uncertain',
    reason: '2 edges were missed',
  });
  await clock.advance(1000);
  expect((await sensor.read(never)).speed).toEqual({ value: 0 });
  await sensor.close?.();
});
