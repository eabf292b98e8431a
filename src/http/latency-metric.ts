import type { Histogram } from 'prom-client';
import { BOUNDS_S, type Latency } from '../base/latency.ts';

/** A histogram whose buckets are counted by `Latency`: prom-client's own takes 300 ns for each of some 100,000 messages a second. */
export function createLatencyMetric(name: string, help: string, of: () => Latency): Histogram {
  // `Registry.metrics` uses nothing else of a metric.
  const get = async () => ({ name, help, type: 'histogram', values: rows(name, of()) });
  return { name, get } as unknown as Histogram;
}

function rows(name: string, { counts, sumSeconds }: Latency) {
  let below = 0;
  const bounds = [...BOUNDS_S, '+Inf'];
  const buckets = bounds.map((le, index) => {
    below += counts[index] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le: String(le) }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, value: sumSeconds },
    { metricName: `${name}_count`, labels: {}, value: below },
  ];
}
