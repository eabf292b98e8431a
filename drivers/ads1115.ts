import {
  checkSettings,
  deadLine,
  defineDriver,
  type I2cDevice,
  SettingsLostError,
  signalProblems,
  signalSample,
  signalShape,
  signalUnit,
  signed,
  type Tools,
  uint16,
  z,
} from '../src/driver-kit/driver.ts';

/** Conversion register, section 8.1.2: 16 bits, two's complement. */
const CONVERSION = 0x00;
/** Config register, section 8.1.3. */
const CONFIG = 0x01;

/** OS: writing 1 begins a single conversion, reading 1 means that none is running. */
const START = 0x8000;
const READY = 0x8000;
/** MODE: single-shot, powered down in between. */
const SINGLE_SHOT = 0x0100;
/** COMP_QUE: comparator off. */
const NO_COMPARATOR = 0x0003;

/** MUX[2:0], bits 14 to 12: what is measured against what. */
const INPUTS = {
  'AIN0-AIN1': 0x0000,
  'AIN0-AIN3': 0x1000,
  'AIN1-AIN3': 0x2000,
  'AIN2-AIN3': 0x3000,
  AIN0: 0x4000,
  AIN1: 0x5000,
  AIN2: 0x6000,
  AIN3: 0x7000,
} as const;

/** PGA[2:0], bits 11 to 9, by full scale in volts. */
const RANGES = new Map([
  [6.144, 0x0000],
  [4.096, 0x0200],
  [2.048, 0x0400],
  [1.024, 0x0600],
  [0.512, 0x0800],
  [0.256, 0x0a00],
]);

/** DR[2:0], bits 7 to 5, by samples per second. */
const RATES = new Map([
  [8, 0x0000],
  [16, 0x0020],
  [32, 0x0040],
  [64, 0x0060],
  [128, 0x0080],
  [250, 0x00a0],
  [475, 0x00c0],
  [860, 0x00e0],
]);

const SLOWEST = 8;
/** Tolerance of the internal oscillator, section "Electrical Characteristics": ±10 %. */
const TOLERANCE = 1.1;
/** After waking up, before the conversion begins: 25 µs, rounded up. */
const WAKE_MS = 1;
const READY_CHECKS = 3;

function conversionMs(rate: number): number {
  return Math.ceil((1000 / rate) * TOLERANCE) + WAKE_MS;
}

/** Volts of a conversion result (two's complement, 16 bits) at a full scale in volts. */
export function toVolts(raw: number, fullScale: number): number {
  return (signed(raw, 16) * fullScale) / 32_768;
}

/** The codes at which the output clips: the input may be far beyond. */
export function isFullScale(raw: number): boolean {
  return raw === 0x7fff || raw === 0x8000;
}

const optionShape = {
  input: z
    .enum(Object.keys(INPUTS) as (keyof typeof INPUTS)[])
    .default('AIN0')
    .describe('Input to ground, or the difference of two.'),
  range: z
    .literal([...RANGES.keys()])
    .default(4.096)
    .describe('Full scale in volts; the input must still stay below the supply.'),
  rate: z
    .literal([...RATES.keys()])
    .default(128)
    .describe('Conversions per second: the fewer, the less noise.'),
  ...signalShape,
};

export default defineDriver({
  name: 'ads1115',
  summary:
    'Texas Instruments ADS1115 converter: volts, 4–20 mA, 0–10 V, NTC or Pt1000 at one input',
  datasheet: 'https://www.ti.com/lit/ds/symlink/ads1115.pdf',
  bus: 'i2c',
  addresses: [0x48, 0x49, 0x4a, 0x4b],
  options: z.strictObject(optionShape).check((ctx) => {
    const scale = { range: ctx.value.range, ranges: [...RANGES.keys()] };
    for (const [key, message] of signalProblems(ctx.value, scale))
      ctx.issues.push({ code: 'custom', input: ctx.value, path: [key], message });
  }),
  readMs: ({ rate }) => conversionMs(rate) + READY_CHECKS,
  channels: (options) => [{ name: '', unit: signalUnit(options) }],
  async open(chip, options, tools, openSignal) {
    const { input, range, rate } = options;
    const config =
      START |
      INPUTS[input] |
      (RANGES.get(range) ?? 0) |
      SINGLE_SHOT |
      (RATES.get(rate) ?? 0) |
      NO_COMPARATOR;
    const waitMs = conversionMs(rate);
    // Ends what another program has begun: a running conversion does not start again.
    await chip.transfer(Uint8Array.of(CONFIG, (config & ~START) >> 8, config & 0xff), 0);
    await tools.sleep(conversionMs(SLOWEST), openSignal);

    return {
      async read(signal) {
        await checkIdle(chip);
        await chip.transfer(Uint8Array.of(CONFIG, config >> 8, config & 0xff), 0);
        await tools.sleep(waitMs, signal);
        await untilReady(chip, config, tools, signal);
        const raw = await register(chip, CONVERSION);
        // The register has 0 after a reset, which may have come before it was read.
        await checkConfig(chip, config);
        const sample = signalSample(toVolts(raw, range), options);
        if (!isFullScale(raw) || sample.value === null) return { '': sample };
        const reason = `at full scale, ±${range} V`;
        return { '': { ...sample, quality: 'uncertain', reason } };
      },
    };
  },
});

/** Sensors of this chip wait for each other, so no conversion can be running. */
async function checkIdle(chip: I2cDevice): Promise<void> {
  const found = await chip.transfer(Uint8Array.of(CONFIG), 2);
  if ((uint16(found) & READY) !== 0) return;
  const reason = 'a conversion runs that was not asked for: another program uses the chip';
  throw new SettingsLostError(deadLine(found) ?? reason);
}

/** While OS reads 0 the conversion register still holds the previous result. */
async function untilReady(
  chip: I2cDevice,
  config: number,
  tools: Tools,
  signal: AbortSignal,
): Promise<void> {
  for (let check = 0; check < READY_CHECKS; check += 1) {
    if (((await checkConfig(chip, config)) & READY) !== 0) return;
    await tools.sleep(1, signal);
  }
  throw new Error('the conversion does not end');
}

/** The config register; throws unless it is as written, apart from OS. */
async function checkConfig(chip: I2cDevice, config: number): Promise<number> {
  const found = await chip.transfer(Uint8Array.of(CONFIG), 2);
  const mask = Uint8Array.of((0xffff & ~READY) >> 8, 0xff);
  checkSettings(found, Uint8Array.of(config >> 8, config & 0xff), { mask });
  return uint16(found);
}

async function register(chip: I2cDevice, pointer: number): Promise<number> {
  return uint16(await chip.transfer(Uint8Array.of(pointer), 2));
}
