import { BusError } from '../../src/buses/bus-error.ts';
import type { I2cDevice } from '../../src/buses/i2c-device.ts';
import { ads1115 } from '../scenarios/vm/chips/ads1115.ts';
import { adxl345 } from '../scenarios/vm/chips/adxl345.ts';
import { bh1750 } from '../scenarios/vm/chips/bh1750.ts';
import { bme280 } from '../scenarios/vm/chips/bme280.ts';
import type { Chip } from '../scenarios/vm/chips/chip.ts';
import { ina219 } from '../scenarios/vm/chips/ina219.ts';
import { ina226 } from '../scenarios/vm/chips/ina226.ts';
import { lis3dh } from '../scenarios/vm/chips/lis3dh.ts';
import { lm75 } from '../scenarios/vm/chips/lm75.ts';
import { mcp9808 } from '../scenarios/vm/chips/mcp9808.ts';
import { mcp23017 } from '../scenarios/vm/chips/mcp23017.ts';
import { pca9535 } from '../scenarios/vm/chips/pca9535.ts';
import { pcf8574 } from '../scenarios/vm/chips/pcf8574.ts';
import { sht3x } from '../scenarios/vm/chips/sht3x.ts';
import { sht4x } from '../scenarios/vm/chips/sht4x.ts';
import { tmp102 } from '../scenarios/vm/chips/tmp102.ts';

/** A chip in a world that does not change, and what may happen to it. */
export interface ChipCase {
  readonly options?: Readonly<Record<string, unknown>>;
  /** Other options, with which a read takes another time. */
  readonly others?: readonly Readonly<Record<string, unknown>>[];
  /** The chip after power-on. */
  create(): Chip;
  /** For drivers that accept another id: a chip that says this one. */
  withId?(id: number): Chip;
  /** What another program or a boot loader may have written, by what it does. */
  readonly leftOver: Readonly<Record<string, readonly (readonly number[])[]>>;
  /** What the chip may really say with all bits 0 or 1. Without it such an answer must be bad. */
  readonly real?: { readonly zeros?: boolean; readonly ones?: boolean };
}

const shaking = (seconds: number) => [0, 0, 1 + Math.sin(2 * Math.PI * 10 * seconds)] as const;

const windows = { rate: 100, window: 64 };

const inputs16 = { pins: [0, 2, 9], pullUps: true };

/** For each driver on I2C at least one; the contract says so. */
export const CHIP_CASES: Readonly<Record<string, readonly ChipCase[]>> = {
  ads1115: [
    {
      others: [{ rate: 8 }, { rate: 860 }],
      create: () => ads1115(1.25, 0, 0, 0),
      leftOver: {
        'measures another input all the time': [[0x01, 0x52, 0x83]],
        'comparator on, latching, active high': [[0x01, 0x85, 0x9c]],
        'limits that make ALERT a ready signal': [
          [0x02, 0x00, 0x00],
          [0x03, 0xff, 0xff],
        ],
      },
    },
  ],
  adxl345: [
    {
      options: windows,
      others: [
        { rate: 50, window: 128 },
        { rate: 400, window: 32 },
      ],
      create: () => adxl345(shaking),
      withId: (id) => Object.assign(adxl345(shaking), { id }),
      leftOver: {
        'another rate, low power': [[0x2c, 0x16]],
        'range 16 g, left justified, self-test': [[0x31, 0x87]],
        'offsets, asleep': [
          [0x1e, 0x7f, 0x7f, 0x7f],
          [0x2d, 0x04],
        ],
        'FIFO with trigger': [[0x38, 0xdf]],
      },
    },
  ],
  bh1750: [
    {
      create: () => bh1750(321),
      // Nothing in its answer is fixed: it is dark, or too bright, which is uncertain.
      real: { zeros: true, ones: true },
      leftOver: {
        'measures all the time': [[0x10]],
        'a longer measurement time': [[0x47], [0x7e]],
        'powered down': [[0x00]],
      },
    },
  ],
  bme280: [
    {
      create: bme280,
      withId: (id) => Object.assign(bme280(), { id }),
      leftOver: {
        'normal mode, filter, three wires': [
          [0xf2, 0x05],
          [0xf5, 0xff],
          [0xf4, 0xb7],
        ],
      },
    },
  ],
  ina219: [
    {
      options: { shunt: 0.1 },
      create: () => ina219(24.5, 0.02),
      leftOver: {
        'a small range, 16 V': [[0x00, 0x01, 0x9f]],
        'powered down, calibrated': [
          [0x00, 0x39, 0x98],
          [0x05, 0x7f, 0xfe],
        ],
      },
    },
  ],
  ina226: [
    {
      options: { shunt: 0.002, average: 16 },
      create: () => ina226(24.5, 0.02),
      withId: (id) => Object.assign(ina226(24.5, 0.02), { manufacturer: id }),
      leftOver: {
        'powered down, alert on': [
          [0x00, 0x40, 0x00],
          [0x06, 0x80, 0x01],
        ],
        calibrated: [[0x05, 0x7f, 0xff]],
      },
    },
    {
      options: { shunt: 0.002, average: 1 },
      create: () => ina226(24.5, 0.02),
      leftOver: { 'averages 1024': [[0x00, 0x4f, 0x27]] },
    },
  ],
  lis3dh: [
    {
      options: windows,
      others: [
        { rate: 50, window: 128 },
        { rate: 400, window: 32 },
      ],
      create: () => lis3dh(shaking),
      withId: (id) => Object.assign(lis3dh(shaking), { id }),
      leftOver: {
        'high-pass filter': [[0x21, 0xff]],
        'low power, 10 Hz': [[0x20, 0x2f]],
        'big endian, self-test, 16 g': [[0x23, 0x76]],
        'FIFO with trigger, interrupts': [
          [0x2e, 0xff],
          [0x22, 0xff],
          [0x25, 0xff],
        ],
      },
    },
  ],
  lm75: [
    {
      create: () => lm75(25.5),
      leftOver: {
        asleep: [[0x01, 0x01]],
        'alert as interrupt, active high': [[0x01, 0x1e]],
      },
    },
    {
      options: { resolution: 0.0625 },
      create: () => lm75(25.4375, 0, { steps: 2, hasResolution: true }),
      leftOver: { '9 bits': [[0x01, 0x00]], 'asleep, 10 bits': [[0x01, 0x21]] },
    },
    {
      options: { resolution: 0.125 },
      create: () => lm75(25.375, 0, { steps: 2, hasResolution: true }),
      leftOver: { '12 bits': [[0x01, 0x60]] },
    },
    {
      options: { resolution: 0.125 },
      create: () => lm75(25.375, 0, { steps: 8, hasResolution: false }),
      leftOver: { asleep: [[0x01, 0x01]] },
    },
  ],
  mcp23017: [
    {
      options: inputs16,
      create: () => mcp23017(0x0204),
      leftOver: {
        banks: [[0x0a, 0x80]],
        'addresses that stay': [[0x0a, 0x20]],
        'banks, and addresses that stay': [[0x0a, 0xa0]],
        'all outputs': [[0x00, 0x00, 0x00]],
        'inverted, with interrupts': [
          [0x02, 0xff, 0xff],
          [0x04, 0xff, 0xff],
          [0x08, 0xff, 0xff],
        ],
        'no pull-ups': [[0x0c, 0x00, 0x00]],
      },
    },
  ],
  mcp9808: [
    {
      create: () => mcp9808(25.0625),
      withId: (id) => Object.assign(mcp9808(25.0625), { manufacturer: id }),
      leftOver: {
        asleep: [[0x01, 0x01, 0x00]],
        'a coarse resolution': [[0x08, 0x00]],
        'alert as interrupt, widest hysteresis': [[0x01, 0x06, 0x09]],
      },
    },
  ],
  pca9535: [
    {
      options: { pins: [0, 2, 9] },
      create: () => pca9535(0x0204),
      leftOver: {
        'all outputs': [[0x06, 0x00, 0x00]],
        inverted: [[0x04, 0xff, 0xff]],
      },
    },
  ],
  pcf8574: [
    {
      create: () => pcf8574(0x24),
      // Nothing in its answer is fixed: every pin may be low, or high.
      real: { zeros: true, ones: true },
      leftOver: { 'pins driven low': [[0x00]] },
    },
  ],
  sht3x: [
    {
      create: () => sht3x(23, 45),
      leftOver: { 'heater on': [[0x30, 0x6d]], 'measures all the time': [[0x21, 0x30]] },
    },
  ],
  sht4x: [{ create: () => sht4x(23, 45), leftOver: { 'measures with its heater': [[0x39]] } }],
  tmp102: [
    {
      create: () => tmp102(25.0625),
      leftOver: {
        asleep: [[0x01, 0x61, 0xa0]],
        'one conversion in four seconds': [[0x01, 0x60, 0x20]],
        'extended, alert active high': [[0x01, 0x66, 0xb0]],
      },
    },
  ],
};

/** How a bus carries what a chip says. */
export interface ChipSocket extends I2cDevice {
  /** The chip that is plugged in. */
  chip: Chip;
  /** With `zeros` and `ones` the data line has one level while it is read. */
  line: 'driven' | 'zeros' | 'ones';
  /** Called before each transfer, with the number of those before. */
  before: ((transfers: number) => void) | undefined;
}

/** A place on the bus for a chip. */
export function chipSocket(chip: Chip): ChipSocket {
  let transfers = 0;
  const absent = (): BusError => new BusError('absent', 'no answer from 0x20 on i2c-1');
  const socket: ChipSocket = {
    chip,
    line: 'driven',
    before: undefined,
    async transfer(write, readLength) {
      socket.before?.(transfers);
      transfers += 1;
      if (socket.line !== 'driven')
        return new Uint8Array(readLength).fill(socket.line === 'ones' ? 0xff : 0);
      if (write.length > 0 && !socket.chip.write(write)) throw absent();
      if (readLength === 0) return new Uint8Array();
      const bytes = socket.chip.read(readLength);
      if (bytes === undefined) throw absent();
      return bytes;
    },
  };
  return socket;
}
