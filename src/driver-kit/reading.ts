/** Quality as in OPC UA: `uncertain` may be wrong, `bad` has no value. */
export type Quality = 'good' | 'uncertain' | 'bad';

/** A unit as it is printed in a payload (UCUM's or SI's sign, e.g. `°C`, `V`, `%`); empty for none. */
export type Unit = string;

export type Value = number | boolean | string | null;

/**
 * One sample of one channel, as it is published.
 * `value` is null exactly when `quality` is `bad`; `reason` is the cause if it is not `good`.
 * `time` is in milliseconds since the Unix epoch.
 */
export interface Reading {
  readonly sensor: string;
  readonly unit: Unit;
  readonly value: Value;
  readonly quality: Quality;
  readonly reason?: string;
  readonly time: number;
}

/** The reason of a reading whose `time` is from a clock that is not set; may be at the end of another reason. */
export const CLOCK_NOT_SET = 'clock not yet set';
const CORRECTED = 'taken before the clock was set, time corrected';

/** `json` has value, unit, quality and time; `value` is the bare value. */
export type PayloadForm = 'json' | 'value';

/** `boot` grows with each start of the gateway, `seq` with each reading of the topic; together they never repeat. */
export interface Encoding {
  readonly payload: PayloadForm;
  readonly boot: number;
  readonly seq: number;
}

/** The payload of a reading. It is never empty, as an empty one would delete the retained value [MQTT-3.3.1-10]. */
export function encodeReading(reading: Reading, encoding: Encoding): Uint8Array {
  const { unit, value, quality, reason, time } = withoutBadValue(reading);
  if (encoding.payload === 'value') {
    return Buffer.from(typeof value === 'string' && value !== '' ? value : JSON.stringify(value));
  }
  const { boot, seq } = encoding;
  const stamp = new Date(time).toISOString();
  return Buffer.from(
    JSON.stringify({ value, unit, quality, reason, time: stamp, boot, seq }), // leaves an absent reason out
  );
}

/** JSON has no infinity, and a bad reading has no value: both become null. */
function withoutBadValue(reading: Reading): Reading {
  const { value, quality } = reading;
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return { ...reading, value: null, quality: 'bad', reason: `not a finite number: ${value}` };
  }
  if (value === null || quality === 'bad') return { ...reading, value: null, quality: 'bad' };
  return reading;
}

/** The reading with the quality and reason of a clock that is set or not, even if the clock was set while a filter kept it. */
export function withClockState(reading: Reading, clockIsSet: boolean): Reading {
  const { reason, ...others } = reading;
  if (clockIsSet) return reason === CLOCK_NOT_SET ? { ...others, quality: 'good' } : reading;
  if (reason === CLOCK_NOT_SET) return reading;
  const why = reason === undefined ? CLOCK_NOT_SET : `${reason}; ${CLOCK_NOT_SET}`;
  return { ...reading, quality: reading.quality === 'bad' ? 'bad' : 'uncertain', reason: why };
}

const BRACE = 0x7b;
const NOT_SET = Buffer.from(`${CLOCK_NOT_SET}"`);

/**
 * The payload of a reading from before the clock was set, with its right time; undefined for any other payload.
 * `stepOf` returns the clock's error in milliseconds in that start of the gateway, if it is known.
 */
export function corrected(
  payload: Buffer,
  stepOf: (boot: number) => number | undefined,
): Buffer | undefined {
  if (payload[0] !== BRACE || !payload.includes(NOT_SET)) return undefined;
  try {
    const reading = JSON.parse(payload.toString());
    const step = stepOf(reading.boot);
    if (step === undefined) return undefined;
    const time = new Date(Date.parse(reading.time) + step).toISOString();
    const reason = reading.reason.replace(CLOCK_NOT_SET, CORRECTED);
    return Buffer.from(JSON.stringify({ ...reading, reason, time }));
  } catch {
    // A payload of another client that only looks like a reading.
    return undefined;
  }
}
