import type { Quality, Value } from '../../driver-kit/reading.ts';

/** What a payload of the cell says about a value. */
export interface PlantReading {
  readonly value: Value;
  readonly quality: Quality;
  readonly reason?: string;
  readonly unit?: string;
  /** Milliseconds since the Unix epoch; undefined where the payload does not say it. */
  readonly time?: number;
}

/** Reads a payload in either form, see `PayloadForm`; undefined for an empty one, which deletes the value. */
export function readPlantReading(payload: Buffer): PlantReading | undefined {
  if (payload.length === 0) return undefined;
  const text = payload.toString();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { value: text, quality: 'good' };
  }
  if (typeof json === 'object' && json !== null && 'value' in json) {
    return ofFields(json as Readonly<Record<string, unknown>>);
  }
  const value = scalarOf(json, text);
  return { value, quality: value === null ? 'bad' : 'good' };
}

function ofFields(fields: Readonly<Record<string, unknown>>): PlantReading {
  const value = scalarOf(fields.value, '');
  const { quality, reason, unit } = fields;
  const time = typeof fields.time === 'string' ? Date.parse(fields.time) : Number.NaN;
  return {
    value,
    quality:
      value === null ? 'bad' : quality === 'uncertain' || quality === 'bad' ? quality : 'good',
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof unit === 'string' ? { unit } : {}),
    ...(time >= 0 ? { time } : {}),
  };
}

function scalarOf(json: unknown, text: string): Value {
  if (json === null || typeof json === 'number' || typeof json === 'boolean') return json;
  return typeof json === 'string' ? json : text;
}
