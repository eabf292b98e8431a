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
