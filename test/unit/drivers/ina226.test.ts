import { expect, test } from 'vitest';
import ina226, { toBusVolts, toShuntVolts } from '../../../drivers/ina226.ts';
import { playback } from '../../../src/buses/playback.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';

// The datasheet's example of a 10 A load at 12 V: 20 mV at the shunt, 11.98 V at the bus.
test('the example of the datasheet', () => {
  expect(toShuntVolts(0x1f40)).toBeCloseTo(0.02, 9);
  expect(toBusVolts(0x2570)).toBeCloseTo(11.98, 9);
});

// -80 mV, the datasheet's example of a negative shunt voltage.
test('a negative shunt voltage', () => expect(toShuntVolts(0x8300)).toBeCloseTo(-0.08, 9));

test.each([
  [1, '4127', 3],
  [16, '4527', 39],
  [1024, '4f27', 2479],
] as const)('averages %d conversions', async (average, configuration, wait) => {
  const chip = playback([
    { write: 'fe', read: '5449' },
    { write: `00${configuration}`, read: '' },
    { write: '051000', read: '' },
    { write: '01', read: '1f40' },
    { write: '02', read: '2570' },
    { write: '00', read: configuration },
    { write: '05', read: '1000' },
  ]);
  const { tools, slept } = createHastyTools();
  const sensor = await openSensor(ina226, chip, { shunt: 0.002, average }, tools);
  expect(slept).toEqual([wait]);
  const { voltage, current, power } = await sensor.read(never);
  expect(voltage?.value).toBeCloseTo(11.98, 9);
  expect(current?.value).toBeCloseTo(10, 9);
  expect(power?.value).toBeCloseTo(119.8, 6);
  chip.done();
});

test('at full scale the current is uncertain', async () => {
  const chip = playback([
    { write: 'fe', read: '5449' },
    { write: '004527', read: '' },
    { write: '051000', read: '' },
    { write: '01', read: '7fff' },
    { write: '02', read: '2570' },
    { write: '00', read: '4527' },
    { write: '05', read: '1000' },
  ]);
  const sensor = await openSensor(ina226, chip, { shunt: 0.1 });
  expect(await sensor.read(never)).toMatchObject({
    current: { quality: 'uncertain', reason: 'the shunt is at ±81.92 mV or more' },
    power: { quality: 'uncertain' },
  });
});

test('an INA219 or another chip is not taken for one, and a bus error is the reason', async () => {
  const other = playback([{ write: 'fe', read: '399f' }]);
  await expect(openSensor(ina226, other, { shunt: 1 })).rejects.toThrow(
    'not an INA226: its manufacturer ID is 0x399f, expected 0x5449',
  );
  const gone = playback([{ write: 'fe', error: 'no answer from 0x40 on i2c-1' }]);
  await expect(openSensor(ina226, gone, { shunt: 1 })).rejects.toThrow('no answer from 0x40');
});

test('a bus voltage whose highest bit is set comes from no INA226', async () => {
  const chip = playback([
    { write: 'fe', read: '5449' },
    { write: '004527', read: '' },
    { write: '051000', read: '' },
    { write: '01', read: '1f40' },
    { write: '02', read: 'a570' },
    { write: '00', read: '4527' },
    { write: '05', read: '1000' },
  ]);
  const sensor = await openSensor(ina226, chip, { shunt: 0.1 });
  await expect(sensor.read(never)).rejects.toThrow('the chip has lost its settings');
});
