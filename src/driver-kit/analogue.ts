import type { Sample } from './sensor.ts';

/** NAMUR NE 43, in mA: outside the first pair the transmitter has failed, outside the second it is overdriven. */
const FAILURE_MA = [3.6, 21] as const;
const MEASURING_MA = [3.8, 20.5] as const;

/** A 4–20 mA signal as a value from `low` at 4 mA to `high` at 20 mA, with a quality by NAMUR NE 43. */
export function fromCurrentLoop(milliamperes: number, low: number, high: number): Sample {
  const shown = `${milliamperes.toFixed(2)} mA`;
  if (milliamperes <= FAILURE_MA[0]) {
    const reason = `${shown}: wire broken or transmitter failed (NAMUR NE 43: at most ${FAILURE_MA[0]} mA)`;
    return { value: null, reason };
  }
  if (milliamperes >= FAILURE_MA[1]) {
    const reason = `${shown}: short circuit or transmitter failed (NAMUR NE 43: at least ${FAILURE_MA[1]} mA)`;
    return { value: null, reason };
  }
  const value = low + ((milliamperes - 4) / 16) * (high - low);
  if (milliamperes >= MEASURING_MA[0] && milliamperes <= MEASURING_MA[1]) return { value };
  const reason = `${shown}: outside the measuring range of ${MEASURING_MA.join(' to ')} mA (NAMUR NE 43)`;
  return { value, quality: 'uncertain', reason };
}

/** Ohms of a resistor to ground with a known pull-up to the supply; Infinity if it is missing. Volts and ohms. */
export function toResistance(volts: number, supply: number, pullUp: number): number {
  return volts >= supply ? Number.POSITIVE_INFINITY : (pullUp * volts) / (supply - volts);
}

const KELVIN = 273.15;

/** Degrees Celsius of an NTC thermistor by its resistance at 25 °C and its B value in kelvin. */
export function ntcToCelsius(ohms: number, r25: number, beta: number): number {
  return 1 / (1 / (25 + KELVIN) + Math.log(ohms / r25) / beta) - KELVIN;
}

/** A thermistor's table, each row [degrees Celsius, ohms]. */
export type ThermistorTable = readonly (readonly [celsius: number, ohms: number])[];

/** Degrees Celsius by a table, interpolated in the logarithm of the resistance; undefined outside of it. */
export function tableToCelsius(ohms: number, table: ThermistorTable): number | undefined {
  const rows = table.toSorted(([, a], [, b]) => a - b);
  const above = rows.findIndex(([, resistance]) => resistance >= ohms);
  const [celsiusHigh, ohmsHigh] = rows[above] ?? [];
  if (celsiusHigh === undefined || ohmsHigh === undefined) return undefined;
  if (ohmsHigh === ohms) return celsiusHigh;
  const [celsiusLow, ohmsLow] = rows[above - 1] ?? [];
  if (celsiusLow === undefined || ohmsLow === undefined) return undefined;
  const part = Math.log(ohms / ohmsLow) / Math.log(ohmsHigh / ohmsLow);
  return celsiusLow + part * (celsiusHigh - celsiusLow);
}

/** Callendar–Van Dusen, IEC 60751: R(t) = R0 (1 + A t + B t² + C (t − 100) t³), the last term below 0 °C only. */
const A = 3.9083e-3;
const B = -5.775e-7;
const C = -4.183e-12;

/** Degrees Celsius of a platinum resistor by its ohms at 0 °C, from −200 to 850 °C (IEC 60751). */
export function platinumToCelsius(ohms: number, r0: number): number {
  const ratio = ohms / r0;
  const positive = (-A + Math.sqrt(A * A - 4 * B * (1 - ratio))) / (2 * B);
  if (positive >= 0) return positive;
  let celsius = positive;
  for (let round = 0; round < 10; round += 1) {
    const t = celsius;
    const error = 1 + A * t + B * t ** 2 + C * (t - 100) * t ** 3 - ratio;
    celsius -= error / (A + 2 * B * t + C * (4 * t ** 3 - 300 * t ** 2));
  }
  return celsius;
}

/** Degrees Celsius of an NTC thermistor by the Steinhart–Hart equation: 1/T = a + b ln R + c (ln R)³, T in kelvin. */
export function steinhartHartToCelsius(
  ohms: number,
  [a, b, c]: readonly [a: number, b: number, c: number],
): number {
  const log = Math.log(ohms);
  return 1 / (a + b * log + c * log ** 3) - KELVIN;
}
