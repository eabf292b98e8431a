import type { Channel } from '../driver-kit/driver.ts';
import type { Value } from '../driver-kit/reading.ts';

/** The input of a model: the same moment gives the same value. */
export interface Moment {
  /** Seconds since the gateway was started. */
  readonly seconds: number;
  /** From 0 to 1, other for each channel: so not all values rise together. */
  readonly phase: number;
  /** The options of the sensor. */
  readonly options: Readonly<Record<string, unknown>>;
}

type Model = (moment: Moment) => Value;

/** Units and names are chosen by users: an object has names such as `constructor` too. */
function mapOf<Kind>(entries: Readonly<Record<string, Kind>>): ReadonlyMap<string, Kind> {
  return new Map(Object.entries(entries));
}

/** A slow wave around a value, with a small and fast one on it. */
function around(middle: number, amplitude: number, decimals = 2): Model {
  return ({ seconds, phase }) => {
    const slow = Math.sin(2 * Math.PI * (seconds / 300 + phase));
    const fast = Math.sin(2 * Math.PI * (seconds / 7 + 3 * phase));
    return rounded(middle + amplitude * (0.9 * slow + 0.1 * fast), decimals);
  };
}

/** A number that grows evenly. */
function growing(perSecond: number, decimals = 0): Model {
  return ({ seconds }) => rounded(Math.floor(seconds * perSecond * 1000) / 1000, decimals);
}

/** True except for some seconds in each minute: a switch, a guard, a part in its place. */
const mostlyOn: Model = ({ seconds, phase }) => (seconds / 60 + phase) % 1 < 0.9;

/** Volts at an A/D converter: in the middle of the transmitters that give 0.5 to 4.5 V, or of a smaller range. */
const converterVolts: Model = (moment) => {
  const { range } = moment.options;
  return around(Math.min(typeof range === 'number' ? range : 5, 5) / 2, 0.1, 4)(moment);
};

/** Values of a channel by its unit. */
const BY_UNIT: ReadonlyMap<string, Model> = mapOf({
  '°C': around(28, 4),
  '%': around(45, 8),
  hPa: around(1013, 4),
  bar: around(6, 0.4),
  V: around(5, 0.05, 3),
  A: around(0.8, 0.2, 3),
  W: around(19, 5),
  J: growing(19),
  lx: around(320, 60, 0),
  '1/min': around(1450, 15, 0),
  Hz: around(24.5, 0.5),
  g: around(0.12, 0.03, 4),
  G: around(0.45, 0.02, 4),
  'm/s²': around(0.8, 0.2, 3),
  'rad/s': around(0.01, 0.005, 4),
  rad: around(0.2, 0.1, 3),
  '°': around(12, 3),
  s: growing(1),
});

/** Values of a driver's channels, by name or unit, where the unit alone does not say enough. */
const BY_DRIVER: ReadonlyMap<string, ReadonlyMap<string, Model>> = mapOf({
  ads1115: mapOf({ V: converterVolts }),
  host: mapOf({ cpu: around(12, 5), memory: around(38, 2), disk: around(41, 0.1) }),
  ina219: mapOf({ voltage: around(24, 0.3, 3) }),
  ina226: mapOf({ voltage: around(24, 0.3, 3) }),
  mcp23017: mapOf({ '': mostlyOn }),
  pca9535: mapOf({ '': mostlyOn }),
  pcf8574: mapOf({ '': mostlyOn }),
  'pulse-counter': mapOf({ total: growing(0.5), rate: around(0.5, 0), lost: () => 0 }),
  'quadrature-encoder': mapOf({ position: around(120, 100, 1), speed: around(0, 2) }),
});

/** A model without a unit, such as of a scale that the config chooses. */
const PLAIN = around(50, 10);
/** Where in its scale a value is, or in a range that the models by unit would leave, and how far it moves there. */
const IN_RANGE = 0.4;
const AMPLITUDE = 0.04;

/** Whether there is a model for the channel of this driver by more than its range: for the test over all drivers. */
export function isKnown(driver: string, channel: Channel): boolean {
  return modelOf(driver, channel) !== undefined;
}

/** A plausible value of a channel of this driver: of its kind, inside its range and its scale. */
export function plausibleValue(driver: string, channel: Channel, moment: Moment): Value {
  const value = (modelOf(driver, channel) ?? PLAIN)(moment);
  if (typeof value !== 'number') return value;
  const scale = scaleOf(moment.options);
  const [low, high] = scale ?? channel.range ?? [value, value];
  if (scale === undefined && value >= low && value <= high) return value;
  const middle = low + IN_RANGE * (high - low);
  return around(middle, AMPLITUDE * (high - low), 3)(moment);
}

function modelOf(driver: string, { name, unit, kind }: Channel): Model | undefined {
  if (kind === 'boolean') return mostlyOn;
  if (kind === 'text') return () => 'simulated';
  const own = BY_DRIVER.get(driver);
  return own?.get(name) ?? own?.get(unit) ?? BY_UNIT.get(unit);
}

/** The two ends that a transmitter's signal has in the config, such as `scale: [0, 16]`. */
function scaleOf({ scale }: Moment['options']): readonly [number, number] | undefined {
  if (!Array.isArray(scale)) return undefined;
  const [low, high] = scale as readonly unknown[];
  if (typeof low !== 'number' || typeof high !== 'number') return undefined;
  return [Math.min(low, high), Math.max(low, high)];
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}
