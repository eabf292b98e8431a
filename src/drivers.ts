import { z } from 'zod';
import { type Driver, defineDriver } from './driver.ts';

const nothing = { read: async () => ({}) };

function placeholder(driver: Omit<Driver, 'open'>): Driver {
  return defineDriver({ ...driver, open: async () => nothing });
}

const channels = (names: readonly string[]) => names.map((name) => ({ name, unit: '' }));
const value = () => channels(['']);

const SIGNALS: Readonly<Record<string, readonly string[]>> = {
  'joint-temperature': ['j1', 'j2', 'j3', 'j4', 'j5', 'j6'],
  gripper: ['position', 'force'],
  door: [''],
  cycles: ['count', 'time'],
};

/** Every driver of this version, by name. */
export const drivers: ReadonlyMap<string, Driver> = new Map(
  [
    placeholder({
      name: 'host',
      summary: 'The computer itself: cpu, memory, disk, uptime and temperature.',
      bus: 'files',
      options: z.strictObject({}),
      channels: () => channels(['cpu', 'memory', 'disk', 'uptime', 'temperature']),
    }),
    placeholder({
      name: 'simulated',
      summary: 'A made-up signal of a robot cell.',
      bus: 'none',
      options: z.strictObject({
        signal: z
          .enum(['joint-temperature', 'gripper', 'door', 'cycles'])
          .describe('Which signal is made up.'),
        seed: z.int().min(0).default(1).describe('The same seed gives the same values.'),
      }),
      channels: ({ signal }) => channels(SIGNALS[String(signal)] ?? ['']),
    }),
    placeholder({
      name: 'tmp102',
      summary: 'TMP102 temperature sensor.',
      datasheet: 'https://www.ti.com/lit/ds/symlink/tmp102.pdf',
      bus: 'i2c',
      addresses: [0x48, 0x49, 0x4a, 0x4b],
      options: z.strictObject({}),
      channels: value,
    }),
    placeholder({
      name: 'ads1115',
      summary: 'ADS1115 analogue to digital converter, 16 bit.',
      datasheet: 'https://www.ti.com/lit/ds/symlink/ads1115.pdf',
      bus: 'i2c',
      addresses: [0x48, 0x49, 0x4a, 0x4b],
      options: z.strictObject({
        input: z.string().describe('Input or pair of inputs, e.g. AIN0 or AIN0-AIN1.'),
        range: z.number().default(2.048).describe('Full scale in volts.'),
        rate: z.number().default(128).describe('Samples in a second.'),
      }),
      channels: value,
    }),
    placeholder({
      name: 'digital-input',
      summary: 'One digital input line.',
      bus: 'gpio-input',
      options: z.strictObject({
        activeLow: z.boolean().default(false).describe('True when the line is low.'),
        debounce: z.string().optional().describe('Shortest change that counts, e.g. 10ms.'),
        bias: z.enum(['pull-up', 'pull-down', 'disabled']).optional().describe('Pull resistor.'),
      }),
      channels: value,
    }),
  ].map((driver) => [driver.name, driver]),
);
