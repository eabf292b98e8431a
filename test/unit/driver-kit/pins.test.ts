import { describe, expect, test } from 'vitest';
import { playback } from '../../../src/buses/playback.ts';
import { inputPins, pinChannels, pinSensor } from '../../../src/driver-kit/pins.ts';
import { settle } from '../../support/manual-clock.ts';
import { createHastyTools } from '../../support/open-sensor.ts';
import { playbackLine } from '../../support/playback-gpio.ts';

test('a pin that is named twice has one channel', () => {
  expect(pinChannels(['a', 'b', 'c'], [2, 0, 2])).toEqual([
    { name: 'c', unit: '', kind: 'boolean' },
    { name: 'a', unit: '', kind: 'boolean' },
  ]);
});

test('input pins are set and cleared in both ports, the bits of others stay', async () => {
  const chip = playback([
    { write: '06', read: '0240' },
    { write: '0603c0', read: '' },
    { write: '04', read: 'ffff' },
    { write: '04fe7f', read: '' },
    { write: '00', read: '0180' },
  ]);
  const inputs = inputPins(chip, [0, 15]);
  await inputs.set(0x06, true);
  await inputs.set(0x04, false);
  expect(await inputs.read(0x00)).toBe(0x8001);
  chip.done();
});

describe('pins with an interrupt', () => {
  async function setUp() {
    const line = playbackLine(false);
    const { tools, clock } = createHastyTools();
    const chip = { levels: 0b01, reads: 0, error: undefined as Error | undefined };
    const sensor = await pinSensor({
      names: ['a', 'b'],
      pins: [0, 1],
      activeLow: false,
      interrupt: 'GPIO5',
      tools: { ...tools, line: () => line },
      async levels() {
        chip.reads += 1;
        if (chip.error) throw chip.error;
        return chip.levels;
      },
    });
    const life = new AbortController();
    const seen: unknown[] = [];
    const changes = (async () => {
      for await (const samples of sensor.changes!(life.signal)) seen.push(samples);
    })();
    await settle();
    return { line, clock, chip, sensor, life, seen, changes };
  }
  const samples = (a: boolean, b: boolean) => ({ a: { value: a }, b: { value: b } });

  test('an interrupt is read at once, and a change without one within a second', async () => {
    const { line, clock, chip, seen, life, changes, sensor } = await setUp();
    line.set(true);
    await settle();
    expect(seen).toEqual([samples(true, false)]);
    line.set(false);
    await clock.advance(3000);
    expect(seen).toHaveLength(1);
    chip.levels = 0b11;
    await clock.advance(1000);
    expect(seen).toEqual([samples(true, false), samples(true, true)]);
    life.abort();
    await changes;
    await sensor.close?.();
    expect([clock.sleeping, line.taken]).toEqual([0, undefined]);
  });

  test('that the chip was reset is found within a second, whatever the interval of reads', async () => {
    const { clock, chip, changes, seen } = await setUp();
    chip.error = new Error('the chip has lost its settings');
    const failed = expect(changes).rejects.toThrow('the chip has lost its settings');
    await clock.advance(1000);
    await failed;
    expect([seen.length, chip.reads, clock.sleeping]).toEqual([0, 1, 0]);
  });
});
