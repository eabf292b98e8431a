import type { Sample, Samples } from './sensor.ts';

/** What a power monitor measures. */
export interface PowerParts {
  readonly volts: number;
  /** The range of the voltage, as the channel has it. */
  readonly range: readonly [low: number, high: number];
  readonly amperes: number;
  /** Why the current may be more than this; undefined if it is right. */
  readonly uncertain: string | undefined;
}

/** Samples of the channels `voltage`, `current` and `power`; the power is worth as much as the worse of the two. */
export function powerSamples({ volts, range, amperes, uncertain }: PowerParts): Samples {
  const [low, high] = range;
  const beyond = volts < low || volts > high;
  const outside = `the voltage is outside the sensor's range of ${low} to ${high} V`;
  const sample = (value: number, reason: string | undefined): Sample =>
    reason === undefined ? { value } : { value, quality: 'uncertain', reason };
  return {
    voltage: { value: volts },
    current: sample(amperes, uncertain),
    power: sample(volts * amperes, uncertain ?? (beyond ? outside : undefined)),
  };
}
