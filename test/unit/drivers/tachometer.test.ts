import { expect, test } from 'vitest';
import tachometer, { toTurnsPerMinute } from '../../../drivers/tachometer.ts';
import { settle } from '../../support/manual-clock.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';
import { playbackLine } from '../../support/playback-gpio.ts';

test('60 pulses a second at 4 a turn are 900 turns a minute', () => {
  expect(toTurnsPerMinute(60, 1_000_000_000n, 4)).toBe(900);
});

async function setUp() {
  const line = playbackLine();
  const { tools, clock } = createHastyTools();
  const sensor = await openSensor(tachometer, line, { standstill: '2s' }, tools);
  const pulse = async (ms: number, lost = 0): Promise<void> => {
    line.set(true, BigInt(ms) * 1_000_000n, lost);
    line.set(false);
    await settle();
  };
  const read = async () => (await sensor.read(never))[''];
  return { line, clock, sensor, pulse, read };
}

test("the speed is that between the kernel's timestamps", async () => {
  const { pulse, read, sensor, line } = await setUp();
  expect(await read()).toMatchObject({ value: 0, quality: 'uncertain' });
  await pulse(1000);
  expect(await read()).toEqual({
    value: 0,
    quality: 'uncertain',
    reason: 'waiting for two pulses',
  });
  await pulse(1100);
  await pulse(1200);
  expect(await read()).toEqual({ value: 600 });
  await pulse(1250);
  expect(await read()).toEqual({ value: 1200 });
  await pulse(1450, 3);
  expect(await read()).toEqual({ value: 1200 });
  await sensor.close?.();
  expect(line.taken).toBeUndefined();
});

test('a shaft that stops is reported slower and slower, then still', async () => {
  const { pulse, read, clock, sensor } = await setUp();
  await pulse(0);
  await pulse(100);
  expect(await read()).toEqual({ value: 600 });
  await clock.advance(50);
  expect(await read()).toEqual({ value: 600 });
  await clock.advance(450);
  expect(await read()).toEqual({ value: 120 });
  await clock.advance(1500);
  expect(await read()).toEqual({ value: 0 });
  await pulse(9000);
  expect(await read()).toMatchObject({ value: 0, quality: 'uncertain' });
  await pulse(9100);
  expect(await read()).toEqual({ value: 600 });
  await sensor.close?.();
});

test('a bus error is the reason', async () => {
  const { line, read, sensor } = await setUp();
  line.fail('line DI0: its chip gpiochip0 was removed');
  await settle();
  await expect(read()).rejects.toThrow('was removed');
  await sensor.close?.();
});
