import type { DropCounts } from '../broker/stats/status.ts';
import type { TrafficCounters } from '../broker/stats/traffic-counters.ts';
import type { GatewayStatus } from '../runtime/health.ts';

/** The source of the rows of a scrape. */
export interface MetricSource {
  readonly status: GatewayStatus;
  readonly drops: DropCounts;
  readonly traffic: TrafficCounters;
}

/** One value for each set of labels. */
export type Rows = Iterable<readonly [labels: Readonly<Record<string, string>>, value: number]>;

/** A metric by Prometheus' guide: base units, `_total` for values that only grow. */
export interface Metric {
  readonly kind: 'gauge' | 'counter';
  readonly name: string;
  readonly help: string;
  /** Names of the labels; without them there is one row. */
  readonly labels?: readonly string[];
  rows(source: MetricSource): Rows;
}

/** The only row of a metric without labels. */
export const one = (value: number): Rows => [[{}, value]];

/** A state as a value. */
export const flag = (is: boolean): number => (is ? 1 : 0);
