import { Counter, Gauge, Registry } from 'prom-client';
import type { Latency } from '../base/latency.ts';
import { createMutex } from '../base/mutex.ts';
import type { DropCounts } from '../broker/stats/status.ts';
import type { TrafficCounters } from '../broker/stats/traffic-counters.ts';
import type { GatewayStatus } from '../runtime/health.ts';
import { createLatencyMetric } from './latency-metric.ts';
import type { MetricSource } from './metric.ts';
import { METRICS } from './metric-definitions.ts';

export interface MetricsParts {
  status(): Promise<GatewayStatus>;
  drops(): DropCounts;
  readonly traffic: TrafficCounters;
  /** The durations of commits. */
  commitTimes(): Latency;
}

export interface Metrics {
  /** The content type of the text. */
  readonly type: string;
  /** All metrics at this moment, in Prometheus' text format. */
  text(): Promise<string>;
}

/** Metrics of the whole gateway; nothing is computed before a scrape. */
export function createMetrics(parts: MetricsParts): Metrics {
  const registry = new Registry();
  const { traffic } = parts;
  const collectors = METRICS.map(({ kind, name, help, labels: labelNames = [], rows }) => {
    const options = { name, help, labelNames: [...labelNames], registers: [registry] };
    if (kind === 'gauge') {
      const gauge = new Gauge(options);
      return (source: MetricSource): void => {
        gauge.reset();
        for (const [labels, value] of rows(source)) gauge.set(labels, value);
      };
    }
    const counter = new Counter(options);
    return (source: MetricSource): void => {
      counter.reset();
      for (const [labels, value] of rows(source)) counter.inc(labels, value);
    };
  });
  const latencies = [
    ['cellgate_store_commit_duration_seconds', 'Time that commits took.', parts.commitTimes],
    [
      'cellgate_broker_acknowledgement_duration_seconds',
      'Time from a message to its acknowledgement where that waited for the disk, one at a time of each client.',
      () => traffic.acknowledgement,
    ],
    [
      'cellgate_broker_delivery_duration_seconds',
      "Time from a message's arrival until a persistent session's client has acknowledged it.",
      () => traffic.delivery,
    ],
  ] as const;
  for (const [name, help, of] of latencies) {
    registry.registerMetric(createLatencyMetric(name, help, of));
  }
  /** One scrape at a time: the rows of two scrapes must not mix. */
  const inOrder = createMutex();
  return {
    type: registry.contentType,
    text: () =>
      inOrder(async () => {
        const source = { status: await parts.status(), drops: parts.drops(), traffic };
        for (const collect of collectors) collect(source);
        return registry.metrics();
      }),
  };
}
