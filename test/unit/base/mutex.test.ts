import { expect, test } from 'vitest';
import ads1115 from '../../../drivers/ads1115.ts';
import { createMutex } from '../../../src/base/mutex.ts';
import type { I2cDevice } from '../../../src/buses/i2c-device.ts';
import { createSensors } from '../../../src/sensors/sensors.ts';
import { fakeBuses } from '../../support/fake-buses.ts';
import { createManualClock, settle } from '../../support/manual-clock.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

test('one at a time, in order, also after a failure', async () => {
  const turn = createMutex();
  const events: string[] = [];
  let release: () => void = () => undefined;
  const first = turn(async () => {
    events.push('first begins');
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    throw new Error('first fails');
  });
  const second = turn(async () => events.push('second'));
  await settle();
  expect(events).toEqual(['first begins']);
  release();
  await expect(first).rejects.toThrow('first fails');
  await second;
  expect(events).toEqual(['first begins', 'second']);
});

test('two sensors on one chip each publish their own input', async () => {
  const clock = createManualClock();
  /** A converter whose result is that of the input it was last set to: 0.512 V at AIN0, 1.024 V at AIN1. */
  let config = [0x85, 0x83];
  const chip: I2cDevice = {
    async transfer(write) {
      await clock.sleep(1);
      const [register, ...bytes] = write;
      if (bytes.length === 2) config = bytes;
      const [high = 0, low = 0] = config;
      // No conversion is running.
      if (register === 0x01) return Uint8Array.of(high | 0x80, low);
      const input = (high >> 4) & 3;
      return Uint8Array.of(input === 0 ? 0x10 : 0x20, 0x00);
    },
  };
  const seen = new Map<string, Set<string>>();
  const sensing = createSensors({
    cell: 'robotcell1',
    boot: () => 1,
    sensors: ['AIN0', 'AIN1'].map((name) => ({
      name,
      driver: 'ads1115',
      bus: 'i2c-1',
      address: 0x48,
      every: 100,
      timeout: 100,
      payload: 'value',
      filters: [],
      options: ads1115.options.parse({ input: name }),
    })),
    drivers: new Map([['ads1115', ads1115]]),
    buses: fakeBuses({ chips: new Map([['i2c-1 0x48', chip]]) }),
    clock,
    log: createQuietLog().log,
    publish(topic, payload) {
      const values = seen.get(topic) ?? new Set();
      seen.set(topic, values.add(Buffer.from(payload).toString()));
    },
  });
  await sensing.start();
  await clock.advance(1000);
  await sensing.stop();
  expect(seen).toEqual(
    new Map([
      ['robotcell1/AIN0', new Set(['0.512'])],
      ['robotcell1/AIN1', new Set(['1.024'])],
    ]),
  );
});
