import { describe, expect, test } from 'vitest';
import pulseCounter from '../../../drivers/pulse-counter.ts';
import { settle } from '../../support/manual-clock.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';
import { playbackLine } from '../../support/playback-gpio.ts';

async function pulses(line: ReturnType<typeof playbackLine>, count: number): Promise<void> {
  for (let pulse = 0; pulse < count; pulse += 1) {
    line.set(true);
    line.set(false);
  }
  await settle();
}

test('takes the line so that nothing is missed, and gives it back', async () => {
  const line = playbackLine();
  const options = { activeLow: true, debounce: '2ms', bias: 'pull-up' } as const;
  const sensor = await openSensor(pulseCounter, line, options);
  expect(line.taken).toEqual({
    activeLow: true,
    debounceMs: 2,
    everyEdge: true,
    edge: 'rising',
    bias: 'pull-up',
  });
  await sensor.close?.();
  expect(line.taken).toBeUndefined();
});

test.each([
  ['rising', 500],
  ['falling', 500],
  ['both', 1000],
] as const)('counts %s edges', async (edge, total) => {
  const line = playbackLine();
  const sensor = await openSensor(pulseCounter, line, { edge });
  await pulses(line, 500);
  expect((await sensor.read(never)).total).toEqual({ value: total });
  await sensor.close?.();
});

test('the total is in units and survives a restart', async () => {
  const line = playbackLine();
  const { tools } = createHastyTools();
  const options = { perUnit: 100, unit: 'l' };
  const first = await openSensor(pulseCounter, line, options, tools);
  await pulses(line, 250);
  expect((await first.read(never)).total).toEqual({ value: 2.5 });
  await pulses(line, 50);
  await first.close?.();
  const second = await openSensor(pulseCounter, line, options, tools);
  expect((await second.read(never)).total).toEqual({ value: 3 });
  await second.close?.();
});

test('a state that makes no sense begins at 0', async () => {
  const { tools } = createHastyTools();
  tools.state.set('pulses', 'many');
  const sensor = await openSensor(pulseCounter, playbackLine(), {}, tools);
  expect((await sensor.read(never)).total).toEqual({ value: 0 });
  await sensor.close?.();
});

describe('the rate', () => {
  test('is the mean over its time, uncertain until that has passed', async () => {
    const line = playbackLine();
    const { tools, clock } = createHastyTools();
    const sensor = await openSensor(pulseCounter, line, { over: '10s', perUnit: 2 }, tools);
    const rate = async () => (await sensor.read(never)).rate;
    expect(await rate()).toMatchObject({ value: 0, quality: 'uncertain' });
    await pulses(line, 20);
    await clock.advance(5000);
    expect(await rate()).toEqual({ value: 2, quality: 'uncertain', reason: 'over 5.0 s only' });
    await clock.advance(5000);
    expect(await rate()).toEqual({ value: 1 });
    await clock.advance(5000);
    expect(await rate()).toEqual({ value: 0 });
    await sensor.close?.();
  });
});

test('pulses that the kernel dropped are counted, and make the total uncertain', async () => {
  const line = playbackLine();
  const sensor = await openSensor(pulseCounter, line, {});
  line.set(true, 1n);
  line.set(false, 2n);
  line.set(true, 3n, 7);
  await settle();
  const { total, lost } = await sensor.read(never);
  expect(total).toEqual({
    value: 9,
    quality: 'uncertain',
    reason: '7 pulses came too fast to be sampled; they are counted',
  });
  expect(lost).toEqual({ value: 7 });
  // Once: they are counted, so the next total is as good as any.
  expect((await sensor.read(never)).total?.quality).toBeUndefined();
  await sensor.close?.();
});

test('a bus error is the reason', async () => {
  const line = playbackLine();
  const sensor = await openSensor(pulseCounter, line, {});
  line.fail('line DI0: its chip gpiochip0 was removed');
  await settle();
  await expect(sensor.read(never)).rejects.toThrow('was removed');
  await sensor.close?.();
});

test('the total is set to another value, which survives a restart and is no rate', async () => {
  const line = playbackLine();
  const { tools } = createHastyTools();
  const options = { perUnit: 100, unit: 'l' };
  const first = await openSensor(pulseCounter, line, options, tools);
  await pulses(line, 250);
  first.set?.('total', 12_345.67);
  const { total, rate } = await first.read(never);
  expect(total).toEqual({ value: 12_345.67 });
  expect(Math.abs(Number(rate?.value))).toBeLessThan(1000);
  expect(() => first.set?.('total', -1)).toThrow('a total is 0 or more, not -1');
  await first.close?.();
  const second = await openSensor(pulseCounter, line, options, tools);
  expect((await second.read(never)).total).toEqual({ value: 12_345.67 });
  await second.close?.();
});
