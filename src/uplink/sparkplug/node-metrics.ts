import { isDeepStrictEqual } from 'node:util';
import type { MetricDefinition } from './metrics.ts';
import type { DataType, ReceivedMetric } from './payload.ts';
import type { PlantReading } from './plant-reading.ts';

/** A metric that hosts know by its alias. */
export interface NodeMetric extends MetricDefinition {
  /** Unique in the node; the same while the gateway runs. */
  readonly alias: number;
  /** The type that the last birth gives, or the next one. */
  type: DataType;
  /** Whether values of several types came: it is text then. */
  isMixed: boolean;
  /** Whether the last value that was sent was good: then its reason need not be sent again. */
  wasGood: boolean;
}

/** Aliases 0 and 1 are never those of values: bdSeq has 1. */
const FIRST_ALIAS = 2;

/** The metrics of one edge node, with their aliases. */
export class NodeMetrics {
  #definitions: readonly MetricDefinition[] = [];
  #byTopic = new Map<string, NodeMetric>();
  #byAlias = new Map<number, NodeMetric>();
  #devices = new Map<string, NodeMetric[]>();
  #nextAlias = FIRST_ALIAS;

  /** Takes another list; returns whether it differs. What stays keeps its alias. */
  replace(definitions: readonly MetricDefinition[]): boolean {
    if (isDeepStrictEqual(definitions, this.#definitions)) return false;
    const former = this.#byTopic;
    this.#definitions = definitions;
    this.#byTopic = new Map();
    this.#byAlias = new Map();
    this.#devices = new Map();
    for (const definition of definitions) {
      const alias = former.get(definition.topic)?.alias ?? this.#nextAlias++;
      const metric = { ...definition, alias, isMixed: false, wasGood: true };
      this.#byTopic.set(metric.topic, metric);
      this.#byAlias.set(alias, metric);
      const others = this.#devices.get(metric.device);
      if (others) others.push(metric);
      else this.#devices.set(metric.device, [metric]);
    }
    return true;
  }

  get(topic: string): NodeMetric | undefined {
    return this.#byTopic.get(topic);
  }

  /** The names of the devices. */
  get devices(): string[] {
    return [...this.#devices.keys()].filter((device) => device !== '');
  }

  /** Those of a device; of the node itself for ''. */
  of(device: string): readonly NodeMetric[] {
    return this.#devices.get(device) ?? [];
  }

  /** The metric that a command to the device names, or means by its alias. */
  find(device: string, { name, alias }: ReceivedMetric): NodeMetric | undefined {
    if (name !== undefined) return this.of(device).find((metric) => metric.name === name);
    const metric = alias === undefined ? undefined : this.#byAlias.get(alias);
    return metric?.device === device ? metric : undefined;
  }
}

/** Gives the metric the type of the value; returns whether that is another one than hosts know. */
export function adoptType(metric: NodeMetric, { value }: Pick<PlantReading, 'value'>): boolean {
  if (value === null || metric.type === 'String') return false;
  const type =
    typeof value === 'number' ? 'Double' : typeof value === 'boolean' ? 'Boolean' : 'String';
  if (type === metric.type) return false;
  // The second change: its values have no one type.
  metric.type = metric.isMixed ? 'String' : type;
  metric.isMixed = true;
  return true;
}
