import { expect, test } from 'vitest';
import ina219, { toBusVolts, toShuntVolts } from '../../../drivers/ina219.ts';
import { playback } from '../../../src/buses/playback.ts';
import { assessQuality } from '../../../src/sensors/channel-publisher.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';

// The datasheet's example of a 10 A load at 12 V: 20 mV at the shunt, 11.98 V at the bus.
test('the example of the datasheet', () => {
  expect(toShuntVolts(0x07d0)).toBe(0.02);
  expect(toBusVolts(0x5d98)).toBeCloseTo(11.98, 9);
});

test('the ends of the scales', () => {
  expect([0x7d00, 0x8300, 0xffff].map(toShuntVolts)).toEqual([0.32, -0.32, -0.00001]);
  expect(toBusVolts(0xfffb)).toBeCloseTo(32.764, 9);
  expect(toBusVolts(0x0007)).toBe(0);
});

const opening = [
  { write: '00399f', read: '' },
  { write: '051000', read: '' },
];
const checked = [
  { write: '00', read: '399f' },
  { write: '05', read: '1000' },
];

test('reads voltage, current and power', async () => {
  const chip = playback([
    ...opening,
    { write: '01', read: '07d0' },
    { write: '02', read: '5d9a' },
    ...checked,
  ]);
  const { tools, slept } = createHastyTools();
  const sensor = await openSensor(ina219, chip, { shunt: 0.002 }, tools);
  expect(slept).toEqual([2]);
  const { voltage, current, power } = await sensor.read(never);
  expect(voltage?.value).toBeCloseTo(11.98, 9);
  expect(current).toEqual({ value: 10 });
  expect(power?.value).toBeCloseTo(119.8, 6);
  chip.done();
});

test('at full scale the current is uncertain', async () => {
  const chip = playback([
    ...opening,
    { write: '01', read: '8300' },
    { write: '02', read: '5d9a' },
    ...checked,
  ]);
  const sensor = await openSensor(ina219, chip, { shunt: 0.1 });
  const { voltage, current } = await sensor.read(never);
  expect(voltage?.quality).toBeUndefined();
  expect(current).toEqual({
    value: expect.closeTo(-3.2, 9),
    quality: 'uncertain',
    reason: 'the shunt is at ±320 mV or more',
  });
});

test('beyond 26 V the power is as uncertain as the voltage', async () => {
  const chip = playback([
    ...opening,
    { write: '01', read: '07d0' },
    { write: '02', read: 'fa02' },
    ...checked,
  ]);
  const sensor = await openSensor(ina219, chip, { shunt: 0.1 });
  const { voltage, current, power } = await sensor.read(never);
  expect(assessQuality(voltage, ina219.channels({ shunt: 0.1 })[0]!).quality).toBe('uncertain');
  expect(current).toEqual({ value: expect.closeTo(0.2, 9) });
  expect(power).toEqual({
    value: expect.closeTo(6.4, 9),
    quality: 'uncertain',
    reason: "the voltage is outside the sensor's range of 0 to 26 V",
  });
});

test('a bus error is the reason', async () => {
  const chip = playback([...opening, { write: '01', error: 'no answer from 0x40 on i2c-1' }]);
  const sensor = await openSensor(ina219, chip, { shunt: 0.1 });
  await expect(sensor.read(never)).rejects.toThrow('no answer from 0x40 on i2c-1');
});
