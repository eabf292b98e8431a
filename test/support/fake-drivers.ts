import { z } from 'zod';
import type { Driver, Drivers } from '../../src/driver-kit/driver.ts';
import { duration } from '../../src/driver-kit/units.ts';

const one = [{ name: '', unit: '' }];
const ADDRESSES = [0x48, 0x49, 0x4a, 0x4b];

function fake(driver: Pick<Driver, 'name' | 'bus' | 'options'> & Partial<Driver>): Driver {
  return {
    summary: `The fake driver ${driver.name}.`,
    channels: () => one,
    open: async () => ({ read: async () => ({ '': { value: 1 } }) }),
    ...driver,
  };
}

const all = [
  fake({
    name: 'host',
    bus: 'files',
    options: z.strictObject({}),
    channels: () => ['cpu', 'disk'].map((name) => ({ name, unit: '%' })),
  }),
  fake({
    name: 'simulated',
    bus: 'none',
    options: z.strictObject({
      signal: z
        .enum(['joint-temperature', 'gripper', 'door', 'cycles'])
        .describe('What it makes up.'),
      seed: z.int().min(0).default(1).describe('The same seed gives the same values.'),
    }),
  }),
  fake({
    name: 'slow',
    bus: 'none',
    options: z.strictObject({ turns: z.int().default(1).describe('Each takes 180 ms.') }),
    readMs: ({ turns }) => 180 * Number(turns),
  }),
  fake({ name: 'tmp102', bus: 'i2c', addresses: ADDRESSES, options: z.strictObject({}) }),
  fake({
    name: 'ads1115',
    bus: 'i2c',
    addresses: ADDRESSES,
    options: z.strictObject({
      input: z.enum(['AIN0', 'AIN1', 'AIN2', 'AIN3', 'AIN0-AIN1']).default('AIN0'),
      range: z.literal([6.144, 4.096, 2.048, 1.024, 0.512, 0.256]).default(4.096),
    }),
  }),
  fake({
    name: 'motor',
    bus: 'none',
    options: z.strictObject({}),
    channels: () => [
      { name: 'voltage', unit: 'V' },
      { name: 'current', unit: 'A' },
      { name: 'power', unit: 'W' },
    ],
  }),
  fake({
    name: 'digital-input',
    bus: 'gpio-input',
    channels: () => [{ name: '', unit: '', kind: 'boolean' }],
    options: z.strictObject({
      activeLow: z.boolean().default(false).describe('True while the line is low.'),
      debounce: duration('0ms', '10s').prefault('0ms').describe('Shortest change that counts.'),
      bias: z.enum(['pull-up', 'pull-down', 'disabled']).optional(),
    }),
  }),
  // A chip at any address, with a check between two of its options.
  fake({
    name: 'window',
    bus: 'i2c',
    options: z
      .strictObject({
        low: z.number().default(0),
        high: z.number().default(10),
        pair: z.union([z.boolean(), z.number()]).optional(),
      })
      .refine(({ low, high }) => low < high, {
        error: 'low is not below high, expected a lower one',
        path: ['low'],
      }),
  }),
];

/** Drivers of every kind of bus, none of which touches anything. */
export const fakeDrivers: Drivers = new Map(all.map((driver) => [driver.name, driver]));
