import type { Quality, Unit, Value } from '../driver-kit/reading.ts';

/** A reading received over MQTT. `time` is in milliseconds since the epoch; undefined if the payload is bare. */
export interface LiveReading {
  readonly value: Value;
  readonly quality: Quality;
  readonly reason?: string | undefined;
  readonly unit?: Unit | undefined;
  readonly time?: number | undefined;
}

/** The reading of a payload, `json` or `value`: a bare value counts as good. */
export function parseReading(payload: string): LiveReading {
  let parsed: unknown;
  try {
    parsed = JSON.parse(payload);
  } catch {
    return { value: payload, quality: 'good' };
  }
  if (typeof parsed !== 'object') return { value: parsed as Value, quality: 'good' };
  if (parsed === null) return { value: null, quality: 'bad' };
  const { value, quality, reason, unit, time } = parsed as Record<string, unknown>;
  return {
    value: (value ?? null) as Value,
    quality: quality === 'good' || quality === 'uncertain' ? quality : 'bad',
    reason: typeof reason === 'string' ? reason : undefined,
    unit: typeof unit === 'string' ? unit : undefined,
    time: typeof time === 'string' ? Date.parse(time) : undefined,
  };
}
