import {
  defineDriver,
  fromCurrentLoop,
  type I2cDevice,
  ntcToCelsius,
  platinumToCelsius,
  type Sample,
  signed,
  type Tools,
  tableToCelsius,
  toResistance,
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

/** Tolerance of the internal oscillator, section "Electrical Characteristics": ±10 %. */
const TOLERANCE = 1.1;
/** After waking up, before the conversion begins: 25 µs, rounded up. */
const WAKE_MS = 1;
const READY_CHECKS = 3;

/** Volts of a conversion result (two's complement, 16 bits) at a full scale in volts. */
export function toVolts(raw: number, fullScale: number): number {
  return (signed(raw, 16) * fullScale) / 32_768;
}

/** The codes at which the output clips: the input may be far beyond. */
export function isFullScale(raw: number): boolean {
  return raw === 0x7fff || raw === 0x8000;
}

/** A 0 to 10 V signal that is further outside than this is `uncertain`. */
const TOLERANCE_VOLTS = 0.1;
/** Parts of the supply beyond which a resistor is missing or short-circuited. */
const SHORTED = 0.005;
const OPEN = 0.995;
/** IEC 60751: a Pt1000 at -200 and at 850 °C. */
const PT1000_OHMS = [185.2, 3904.8] as const;

const positive = z.number().positive();

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
  signal: z
    .enum(['voltage', '4-20mA', '0-10V', 'ntc', 'pt1000'])
    .default('voltage')
    .describe('What is wired to the input: as it is, or converted as the keys below say.'),
  shunt: positive.optional().describe('4-20mA: ohms that the current flows through, e.g. 120.'),
  divider: positive
    .optional()
    .describe('0-10V: how many times higher the signal is than the input, e.g. 4.'),
  scale: z
    .tuple([z.number(), z.number()], { error: 'two numbers [low, high]' })
    .optional()
    .describe('4-20mA and 0-10V: the value at the low and at the high end, e.g. [0, 16].'),
  unit: z.string().max(16).optional().describe('4-20mA and 0-10V: unit of the scale, e.g. bar.'),
  supply: positive
    .optional()
    .describe('ntc and pt1000: volts that the pull-up is connected to, e.g. 3.3.'),
  pullUp: positive.optional().describe('ntc and pt1000: ohms of the pull-up resistor.'),
  r25: positive.optional().describe('ntc: ohms at 25 °C.'),
  beta: positive.optional().describe('ntc: B value in kelvin, e.g. 3950.'),
  table: z
    .array(z.tuple([z.number(), positive], { error: 'a pair [°C, ohms]' }))
    .min(2)
    .max(200)
    .optional()
    .describe('ntc: pairs [°C, ohms] from its datasheet, instead of r25 and beta.'),
};

type Options = z.output<z.ZodObject<typeof optionShape>>;

/** The keys without which a signal can't be converted. */
function missing({ signal, ...options }: Options): (keyof Options)[] {
  const ntc: (keyof Options)[] = options.table === undefined ? ['r25', 'beta'] : [];
  const needed: Record<Options['signal'], readonly (keyof Options)[]> = {
    voltage: [],
    '4-20mA': ['shunt', 'scale', 'unit'],
    '0-10V': ['divider'],
    ntc: ['supply', 'pullUp', ...ntc],
    pt1000: ['supply', 'pullUp'],
  };
  return needed[signal].filter((key) => key !== 'signal' && options[key] === undefined);
}

/** The sample of a voltage at the input, converted as the options say. */
export function toSample(volts: number, options: Options): Sample {
  const { signal, shunt = 1, divider = 1, scale = [0, 10], supply = 1, pullUp = 1 } = options;
  if (signal === 'voltage') return { value: volts };
  if (signal === '4-20mA') return fromCurrentLoop((1000 * volts) / shunt, ...scale);
  if (signal === '0-10V') {
    const value = scale[0] + ((volts * divider) / 10) * (scale[1] - scale[0]);
    const beyond = volts * divider < -TOLERANCE_VOLTS || volts * divider > 10 + TOLERANCE_VOLTS;
    const reason = `${(volts * divider).toFixed(2)} V: outside 0 to 10 V`;
    return beyond ? { value, quality: 'uncertain', reason } : { value };
  }
  if (volts >= OPEN * supply) return { value: null, reason: 'wire broken: no current flows' };
  if (volts <= SHORTED * supply) return { value: null, reason: 'short circuit: 0 Ω' };
  const ohms = toResistance(volts, supply, pullUp);
  return signal === 'ntc' ? fromNtc(ohms, options) : fromPt1000(ohms);
}

function fromNtc(ohms: number, { table, r25 = 1, beta = 1 }: Options): Sample {
  if (table === undefined) return { value: ntcToCelsius(ohms, r25, beta) };
  const value = tableToCelsius(ohms, table);
  return value === undefined
    ? { value: null, reason: `${ohms.toFixed(0)} Ω is not in the table` }
    : { value };
}

function fromPt1000(ohms: number): Sample {
  const [low, high] = PT1000_OHMS;
  return ohms >= low && ohms <= high
    ? { value: platinumToCelsius(ohms, 1000) }
    : { value: null, reason: `${ohms.toFixed(0)} Ω: a Pt1000 has ${low} to ${high} Ω` };
}

function unitOf({ signal, unit }: Options): string {
  if (signal === 'voltage') return 'V';
  if (signal === 'ntc' || signal === 'pt1000') return '°C';
  return unit ?? 'V';
}

export default defineDriver({
  name: 'ads1115',
  summary:
    'Texas Instruments ADS1115 converter: volts, 4–20 mA, 0–10 V, NTC or Pt1000 at one input',
  datasheet: 'https://www.ti.com/lit/ds/symlink/ads1115.pdf',
  bus: 'i2c',
  addresses: [0x48, 0x49, 0x4a, 0x4b],
  options: z.strictObject(optionShape).check((ctx) => {
    for (const key of missing(ctx.value)) {
      const message = `missing, signal ${ctx.value.signal} needs it`;
      ctx.issues.push({ code: 'custom', input: ctx.value, path: [key], message });
    }
  }),
  channels: (options) => [{ name: '', unit: unitOf(options) }],
  async open(chip, options, tools) {
    const { input, range, rate } = options;
    const config =
      START |
      INPUTS[input] |
      (RANGES.get(range) ?? 0) |
      SINGLE_SHOT |
      (RATES.get(rate) ?? 0) |
      NO_COMPARATOR;
    const waitMs = Math.ceil((1000 / rate) * TOLERANCE) + WAKE_MS;

    return {
      async read(signal) {
        await chip.transfer(Uint8Array.of(CONFIG, config >> 8, config & 0xff), 0);
        await tools.sleep(waitMs, signal);
        await untilReady(chip, tools, signal);
        const raw = await register(chip, CONVERSION);
        const sample = toSample(toVolts(raw, range), options);
        if (!isFullScale(raw) || sample.value === null) return { '': sample };
        const reason = `at full scale, ±${range} V`;
        return { '': { ...sample, quality: 'uncertain', reason } };
      },
    };
  },
});

/** While OS reads 0 the conversion register still holds the previous result. */
async function untilReady(chip: I2cDevice, tools: Tools, signal: AbortSignal): Promise<void> {
  for (let check = 0; check < READY_CHECKS; check += 1) {
    if (((await register(chip, CONFIG)) & READY) !== 0) return;
    await tools.sleep(1, signal);
  }
  throw new Error('the conversion does not end');
}

async function register(chip: I2cDevice, pointer: number): Promise<number> {
  return uint16(await chip.transfer(Uint8Array.of(pointer), 2));
}
