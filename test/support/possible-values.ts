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

/** A world in which a chip says what it also says after a reset, or what a dead line says. */
export interface PossibleValue {
  readonly what: string;
  readonly options?: Readonly<Record<string, unknown>>;
  create(): Chip;
  /** Values by channel, those that are known; all others must be good too. */
  readonly values: Readonly<Record<string, number | boolean>>;
  /** A channel that has no value in this world: what it says may be uncertain. */
  readonly without?: string;
}

const withRaw = (raw: Partial<ReturnType<typeof bme280>['raw']>): Chip => {
  const chip = bme280();
  Object.assign(chip.raw, raw);
  return chip;
};

const atRest = () => [0, 0, 1] as const;
const windows = { rate: 100, window: 64 };
/** What does not move has no frequency. */
const still = { values: { peak: 0, rms: 0 }, without: 'frequency' };

const dark = { voltage: 0, current: 0, power: 0 };
/** One step below 0, of which all bits are 1. */
const justBelow = (volts: number, shunt: number) => ({
  voltage: 24,
  current: -volts / shunt,
  power: (-24 * volts) / shunt,
});

/** The channels of an expander, by the names of its ports. */
const pins = (ports: readonly string[], value: boolean): Readonly<Record<string, boolean>> =>
  Object.fromEntries(
    ports.flatMap((port) => [0, 1, 2, 3, 4, 5, 6, 7].map((pin) => [`${port}${pin}`, value])),
  );

/** A value that only the resolution of the config can show. */
const finest = (resolution: number, create: () => Chip, value: number): PossibleValue[] => [
  { what: `a step of ${resolution}`, options: { resolution }, create, values: { '': value } },
];

/** For each driver on I2C at least one; the contract says so. */
export const POSSIBLE_VALUES: Readonly<Record<string, readonly PossibleValue[]>> = {
  ads1115: [
    { what: '0 V', create: () => ads1115(0, 0, 0, 0), values: { '': 0 } },
    {
      what: 'a step of the smallest range',
      options: { range: 0.256 },
      create: () => ads1115((3 * 0.256) / 32_768, 0, 0, 0),
      values: { '': (3 * 0.256) / 32_768 },
    },
    {
      what: 'one step below 0',
      create: () => ads1115(-4.096 / 32_768, 0, 0, 0),
      values: { '': -4.096 / 32_768 },
    },
  ],
  adxl345: [{ what: 'rest', options: windows, create: () => adxl345(atRest), ...still }],
  bh1750: [{ what: 'darkness', create: () => bh1750(0), values: { '': 0 } }],
  bme280: [
    { what: 'the humidity of a reset', create: () => withRaw({ humidity: 0x8000 }), values: {} },
    {
      what: 'the temperature of a reset',
      create: () => withRaw({ temperature: 0x80000 }),
      values: {},
    },
    { what: 'the pressure of a reset', create: () => withRaw({ pressure: 0x80000 }), values: {} },
  ],
  ina219: [
    { what: 'no supply', options: { shunt: 0.1 }, create: () => ina219(0, 0), values: dark },
    {
      what: 'one step below 0',
      options: { shunt: 0.1 },
      create: () => ina219(24, -1e-5),
      values: justBelow(1e-5, 0.1),
    },
  ],
  ina226: [
    { what: 'no supply', options: { shunt: 0.002 }, create: () => ina226(0, 0), values: dark },
    {
      what: 'one step below 0',
      options: { shunt: 0.002 },
      create: () => ina226(24, -2.5e-6),
      values: justBelow(2.5e-6, 0.002),
    },
  ],
  lis3dh: [{ what: 'rest', options: windows, create: () => lis3dh(atRest), ...still }],
  lm75: [
    { what: '0 °C', create: () => lm75(0), values: { '': 0 } },
    { what: 'one step below 0', create: () => lm75(-0.5), values: { '': -0.5 } },
    ...finest(0.0625, () => lm75(25.4375, 0, { steps: 2, hasResolution: true }), 25.4375),
    ...finest(0.125, () => lm75(25.375, 0, { steps: 2, hasResolution: true }), 25.375),
    ...finest(0.125, () => lm75(25.375, 0, { steps: 8, hasResolution: false }), 25.375),
  ],
  mcp23017: [
    { what: 'all low', create: () => mcp23017(0), values: pins(['a', 'b'], false) },
    { what: 'all high', create: () => mcp23017(0xffff), values: pins(['a', 'b'], true) },
  ],
  mcp9808: [
    { what: '0 °C', create: () => mcp9808(0), values: { '': 0 } },
    { what: 'one step below 0', create: () => mcp9808(-0.0625), values: { '': -0.0625 } },
  ],
  pca9535: [
    { what: 'all low', create: () => pca9535(0), values: pins(['p0', 'p1'], false) },
    { what: 'all high', create: () => pca9535(0xffff), values: pins(['p0', 'p1'], true) },
  ],
  pcf8574: [
    { what: 'all low', create: () => pcf8574(0), values: pins(['p'], false) },
    { what: 'all high', create: () => pcf8574(0xff), values: pins(['p'], true) },
  ],
  sht3x: [{ what: '0 %', create: () => sht3x(23, 0), values: {} }],
  sht4x: [{ what: '0 %', create: () => sht4x(23, 0), values: {} }],
  tmp102: [
    { what: '0 °C', create: () => tmp102(0), values: { '': 0 } },
    { what: 'one step below 0', create: () => tmp102(-0.0625), values: { '': -0.0625 } },
  ],
};
