import { z } from 'zod';
import {
  fromCurrentLoop,
  ntcToCelsius,
  platinumToCelsius,
  steinhartHartToCelsius,
  tableToCelsius,
  toResistance,
} from './analogue.ts';
import type { Sample } from './sensor.ts';

/** The upper end of a current loop. */
const LOOP_MA = 20;
/** A 0 to 10 V signal that is further outside than this is `uncertain`. */
const TOLERANCE_VOLTS = 0.1;
/** Parts of the supply beyond which a resistor is missing or short-circuited. */
const SHORTED = 0.005;
const OPEN = 0.995;
/** IEC 60751: a Pt1000 at -200 and at 850 °C. */
const PT1000_OHMS = [185.2, 3904.8] as const;

const positive = z.number().positive();

/** Options of a converter for what is wired to its input. */
export const signalShape = {
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
    .describe('ntc and pt1000: volts across the sensor and its resistor, e.g. 3.3.'),
  pullUp: positive
    .optional()
    .describe('ntc and pt1000 to ground: ohms of the resistor to the supply.'),
  pullDown: positive
    .optional()
    .describe('ntc and pt1000 to the supply: ohms of the resistor to ground, instead of pullUp.'),
  r25: positive.optional().describe('ntc: ohms at 25 °C.'),
  beta: positive.optional().describe('ntc: B value in kelvin, e.g. 3950.'),
  table: z
    .array(z.tuple([z.number(), positive], { error: 'a pair [°C, ohms]' }))
    .min(2)
    .max(200)
    .optional()
    .describe('ntc: pairs [°C, ohms] from its datasheet, instead of r25 and beta.'),
  steinhartHart: z
    .tuple([z.number(), z.number(), z.number()], { error: 'three numbers [a, b, c]' })
    .optional()
    .describe('ntc: coefficients [a, b, c] of Steinhart and Hart, instead of r25 and beta.'),
};

/** Of each pair only one can be meant. */
const ALTERNATIVES = [
  ['pullDown', 'pullUp'],
  ['steinhartHart', 'table'],
] as const;

/** Of the keys that a signal needs. */
const EXAMPLES: Readonly<Record<string, string | number>> = {
  shunt: 120,
  divider: 4,
  scale: '[0, 16]',
  unit: 'bar',
  supply: 3.3,
  pullUp: 10_000,
  r25: 10_000,
  beta: 3950,
};

export type SignalOptions = z.output<z.ZodObject<typeof signalShape>>;

/** The keys without which a signal can't be converted. */
function missing({ signal, ...options }: SignalOptions): (keyof SignalOptions)[] {
  const { table, steinhartHart, pullDown } = options;
  const ntc: (keyof SignalOptions)[] =
    table === undefined && steinhartHart === undefined ? ['r25', 'beta'] : [];
  const divided: (keyof SignalOptions)[] = [
    'supply',
    ...(pullDown === undefined ? (['pullUp'] as const) : []),
  ];
  const needed: Record<SignalOptions['signal'], readonly (keyof SignalOptions)[]> = {
    voltage: [],
    '4-20mA': ['shunt', 'scale', 'unit'],
    '0-10V': ['divider'],
    ntc: [...divided, ...ntc],
    pt1000: divided,
  };
  return needed[signal].filter((key) => key !== 'signal' && options[key] === undefined);
}

/** A converter's full scale in volts as chosen, and all that it has. */
export interface FullScale {
  readonly range: number;
  readonly ranges: readonly number[];
}

/** What can't be measured as it is wired, and what is expected; undefined if all can. */
function beyondRange(options: SignalOptions, { range, ranges }: FullScale): string | undefined {
  const { signal, shunt = 0, divider = 1, scale = [0, 0] } = options;
  const fitting = (volts: number, otherwise = 'a smaller shunt or a larger divider'): string => {
    const least = ranges.toSorted((a, b) => a - b).find((one) => one >= volts);
    return least === undefined ? otherwise : `at least ${least}`;
  };
  if (signal === '4-20mA' && (LOOP_MA / 1000) * shunt > range) {
    const milliamperes = (1000 * range) / shunt;
    const full = scale[0] + ((milliamperes - 4) / 16) * (scale[1] - scale[0]);
    const where = `${milliamperes.toFixed(1)} mA, at ${full.toFixed(1)} of ${scale[1]}`;
    const found = `found ${range} V, which ${shunt} Ω reach at ${where}`;
    return `${found}, expected ${fitting((LOOP_MA / 1000) * shunt)}`;
  }
  if (signal === '0-10V' && 10 / divider > range) {
    const found = `found ${range} V, which the input reaches at ${(range * divider).toFixed(1)} of 10 V`;
    return `${found}, expected ${fitting(10 / divider)}`;
  }
  const room = voltsAtRoom(options);
  if (room !== undefined && room >= range) {
    const found = `found ${range} V, and the input has ${room.toFixed(2)} V at 25 °C`;
    return `${found}, expected ${fitting(room, 'a lower supply')}`;
  }
  return undefined;
}

/** 25 °C for a Pt1000, by IEC 60751. */
const PT1000_ROOM_OHMS = 1097.3;

/** The voltage that a thermistor or Pt1000 gives at 25 °C; undefined if that is not known. */
function voltsAtRoom(options: SignalOptions): number | undefined {
  const { signal, supply, pullUp, pullDown, r25 } = options;
  const ohms = signal === 'pt1000' ? PT1000_ROOM_OHMS : signal === 'ntc' ? r25 : undefined;
  const other = pullDown ?? pullUp;
  if (ohms === undefined || supply === undefined || other === undefined) return undefined;
  return (supply * (pullDown === undefined ? ohms : other)) / (ohms + other);
}

/** The problems of options that are valid by themselves: the key, and the sentence. */
export function* signalProblems(
  options: SignalOptions,
  scale: FullScale,
): Iterable<readonly [key: string, message: string]> {
  for (const key of missing(options)) {
    yield [
      key,
      `missing, signal ${options.signal} needs it, expected such as ${key}: ${EXAMPLES[key]}`,
    ];
  }
  for (const [one, other] of ALTERNATIVES) {
    if (options[one] === undefined || options[other] === undefined) continue;
    yield [one, `found beside ${other}, expected one of the two`];
  }
  const [low, high] = options.scale ?? [0, 1];
  if (low === high)
    yield ['scale', `found [${low}, ${high}], with which every value is ${low}, expected two ends`];
  const message = beyondRange(options, scale);
  if (message !== undefined) yield ['range', message];
}

/** The sample of a voltage at the input, converted as the options say. */
export function signalSample(volts: number, options: SignalOptions): Sample {
  const { signal, shunt = 1, divider = 1, scale = [0, 10], supply = 1, pullUp = 1 } = options;
  const { pullDown } = options;
  if (signal === 'voltage') return { value: volts };
  if (signal === '4-20mA') return fromCurrentLoop((1000 * volts) / shunt, ...scale);
  if (signal === '0-10V') {
    const value = scale[0] + ((volts * divider) / 10) * (scale[1] - scale[0]);
    const beyond = volts * divider < -TOLERANCE_VOLTS || volts * divider > 10 + TOLERANCE_VOLTS;
    const reason = `${(volts * divider).toFixed(2)} V: outside 0 to 10 V`;
    return beyond ? { value, quality: 'uncertain', reason } : { value };
  }
  // Volts across the sensor: it is at the low side with a pull-up, at the high side with a pull-down.
  const across = pullDown === undefined ? volts : supply - volts;
  if (across >= OPEN * supply) return { value: null, reason: 'wire broken: no current flows' };
  if (across <= SHORTED * supply) return { value: null, reason: 'short circuit: 0 Ω' };
  const ohms = toResistance(across, supply, pullDown ?? pullUp);
  return signal === 'ntc' ? fromNtc(ohms, options) : fromPt1000(ohms);
}

function fromNtc(ohms: number, { table, steinhartHart, r25 = 1, beta = 1 }: SignalOptions): Sample {
  if (steinhartHart !== undefined) return { value: steinhartHartToCelsius(ohms, steinhartHart) };
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

/** The unit of what is wired to the input. */
export function signalUnit({ signal, unit }: SignalOptions): string {
  if (signal === 'voltage') return 'V';
  if (signal === 'ntc' || signal === 'pt1000') return '°C';
  return unit ?? 'V';
}
