import type { NodeMetric } from './node-metrics.ts';
import type { Metric, MetricValue, Property } from './payload.ts';
import type { PlantReading } from './plant-reading.ts';

/**
 * The codes of quality that the specification allows [tck-id-payloads-propertyset-quality-value-value]. It has none for
 * a value that may be wrong; stale is the one that no host takes for good.
 */
const QUALITY = { good: 192, uncertain: 500, bad: 0 } as const;

/** The metric in a birth: with name, type, unit and quality. Without a reading it has no value, at the time `now`. */
export function birthMetric(
  metric: NodeMetric,
  reading: PlantReading | undefined,
  now: number,
): Metric {
  const { name, alias, type } = metric;
  const { value = null, quality = 'bad', reason, time = now } = reading ?? {};
  const unit = reading?.unit ?? metric.unit;
  metric.wasGood = quality === 'good';
  return {
    ...{ name, alias, timestamp: time, type, value: asType(value, type) },
    properties: [
      ...(unit === '' ? [] : [{ name: 'engUnit', type: 'String', value: unit } as const]),
      ...qualityOf(quality, reason),
    ],
  };
}

/** The metric in a data message: by its alias alone, with the quality if it is not good, or was not. */
export function dataMetric(
  metric: NodeMetric,
  { value, quality, reason }: PlantReading,
  timestamp: number,
  historical: boolean,
): Metric & { readonly alias: number } {
  const { alias, type, wasGood } = metric;
  const isGood = quality === 'good';
  metric.wasGood = isGood;
  return {
    ...{ alias, timestamp, type, omitType: true, historical, value: asType(value, type) },
    ...(isGood && wasGood ? {} : { properties: qualityOf(quality, reason) }),
  };
}

function qualityOf(quality: PlantReading['quality'], reason: string | undefined): Property[] {
  return [
    { name: 'Quality', type: 'Int32', value: QUALITY[quality] },
    { name: 'reason', type: 'String', value: reason ?? null },
  ];
}

/** The value as text if the metric has values of several types. */
function asType(value: PlantReading['value'], type: NodeMetric['type']): MetricValue {
  return value === null || type !== 'String' ? value : String(value);
}
