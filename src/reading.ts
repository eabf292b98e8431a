/** How much a value is worth: trust it, doubt it, or there is none. */
export type Quality = 'good' | 'uncertain' | 'bad';

/** A unit as it is printed in a payload (UCUM's or SI's sign, e.g. `°C`, `V`, `%`); empty for none. */
export type Unit = string;

export type Value = number | boolean | string | null;

/**
 * One sample of one channel, as sensing hands it on.
 * `value` is null exactly when `quality` is `bad`; `reason` says why it is not `good`.
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

/** `json` says all that is known, `value` is the bare value. */
export type PayloadForm = 'json' | 'value';

/** `boot` counts the gateway's starts, `seq` this topic's readings since; together they never repeat. */
export interface Encoding {
  readonly payload: PayloadForm;
  readonly boot: number;
  readonly seq: number;
}

/** The payload of a reading. It is never empty, as an empty one would delete the retained value [MQTT-3.3.1-10]. */
export function encodeReading(reading: Reading, encoding: Encoding): Uint8Array {
  const { unit, value, quality, reason, time } = trusted(reading);
  if (encoding.payload === 'value') {
    return Buffer.from(typeof value === 'string' && value !== '' ? value : JSON.stringify(value));
  }
  const { boot, seq } = encoding;
  const stamp = new Date(time).toISOString();
  return Buffer.from(
    JSON.stringify({ value, unit, quality, reason, time: stamp, boot, seq }), // leaves an absent reason out
  );
}

/** JSON has no sign for infinity, and a value that says bad must not look like one: both become null. */
function trusted(reading: Reading): Reading {
  const { value, quality } = reading;
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return { ...reading, value: null, quality: 'bad', reason: `not a finite number: ${value}` };
  }
  if (value === null || quality === 'bad') return { ...reading, value: null, quality: 'bad' };
  return reading;
}
