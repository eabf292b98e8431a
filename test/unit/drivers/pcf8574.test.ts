import { expect, test } from 'vitest';
import pcf8574 from '../../../drivers/pcf8574.ts';
import { playback } from '../../../src/buses/playback.ts';
import { settle } from '../../support/manual-clock.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';
import { playbackLine } from '../../support/playback-gpio.ts';

test('makes all pins inputs and reads them', async () => {
  const chip = playback([
    { write: 'ff', read: '' },
    { write: 'ff', read: '81' },
  ]);
  const sensor = await openSensor(pcf8574, chip, {});
  expect(await sensor.read(never)).toEqual({
    p0: { value: true },
    p1: { value: false },
    p2: { value: false },
    p3: { value: false },
    p4: { value: false },
    p5: { value: false },
    p6: { value: false },
    p7: { value: true },
  });
  expect(sensor.changes).toBeUndefined();
  chip.done();
});

test('reads at once when the interrupt comes, and gives its line back', async () => {
  const chip = playback([
    { write: 'ff', read: '' },
    { write: 'ff', read: '02' },
  ]);
  const line = playbackLine();
  const { tools } = createHastyTools();
  const named: string[] = [];
  const withLine = {
    ...tools,
    line: (name: string) => {
      named.push(name);
      return line;
    },
  };
  const options = { pins: [1, 4], activeLow: true, interrupt: 'GPIO5' };
  const sensor = await openSensor(pcf8574, chip, options, withLine);
  expect(named).toEqual(['GPIO5']);
  expect(line.taken).toEqual({ activeLow: true, bias: 'pull-up' });
  const end = new AbortController();
  const seen: unknown[] = [];
  const watching = (async () => {
    for await (const samples of sensor.changes?.(end.signal) ?? []) seen.push(samples);
  })();
  line.set(true);
  line.set(false);
  await settle();
  end.abort();
  await watching;
  expect(seen).toEqual([{ p1: { value: false }, p4: { value: true } }]);
  await sensor.close?.();
  expect(line.taken).toBeUndefined();
  chip.done();
});

test('a bus error is the reason', async () => {
  const chip = playback([
    { write: 'ff', read: '' },
    { write: 'ff', error: 'no answer from 0x20 on i2c-1' },
  ]);
  const sensor = await openSensor(pcf8574, chip, {});
  await expect(sensor.read(never)).rejects.toThrow('no answer from 0x20 on i2c-1');
});
