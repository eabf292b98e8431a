import { DeviceStates } from './device-states.ts';
import type { MessageFrames } from './message-frames.ts';
import { birthMetric } from './metric-values.ts';
import type { MetricDefinition } from './metrics.ts';
import { adoptType, NodeMetrics } from './node-metrics.ts';
import type { Metric } from './payload.ts';
import { type PlantReading, readPlantReading } from './plant-reading.ts';

export interface BirthsParts {
  /** The metrics of the present config; those that the routes choose. */
  definitions(): readonly MetricDefinition[];
  /** The payload of the last reading of a topic. */
  current(topic: string): Buffer | undefined;
  /** Returns a better payload than the one that was published. */
  correct?: ((payload: Buffer) => Buffer | undefined) | undefined;
  /** Milliseconds since the Unix epoch. */
  wall(): number;
  /** Milliseconds that never jump. */
  monotonic(): number;
}

/** The certificates of birth and death of a node and its devices. They outlive a connection: a dead device stays dead. */
export class Births {
  readonly metrics = new NodeMetrics();
  readonly states = new DeviceStates();
  readonly #parts: BirthsParts;

  constructor(parts: BirthsParts) {
    this.#parts = parts;
    this.metrics.replace(parts.definitions());
  }

  /** All births, with the present metrics and their values. Dead devices have none. */
  all(frames: MessageFrames): Buffer[] {
    const living = this.metrics.devices.filter((device) => !this.states.isDead(device));
    // The types must be known before the first birth is written.
    const node = this.#metricsOf('');
    const devices = living.map((device) => [device, this.#metricsOf(device)] as const);
    return [
      frames.nodeBirth(node),
      ...devices.map(([device, metrics]) => frames.deviceBirth(device, metrics)),
    ];
  }

  ofDevice(frames: MessageFrames, device: string): Buffer {
    return frames.deviceBirth(device, this.#metricsOf(device));
  }

  /** Takes the metrics of the present config; undefined if they are the same, otherwise the deaths of devices that it has no more. */
  update(frames: MessageFrames | undefined): Buffer[] | undefined {
    const before = this.metrics.devices;
    if (!this.metrics.replace(this.#parts.definitions())) return undefined;
    const { devices } = this.metrics;
    const gone = before.filter(
      (device) => !devices.includes(device) && !this.states.isDead(device),
    );
    this.states.keep(devices);
    return frames ? gone.map((device) => frames.deviceDeath(device)) : [];
  }

  /** The deaths and births that are due, by the present values of all sensors. */
  check(frames: MessageFrames): Buffer[] {
    return this.metrics.devices.flatMap((device) => {
      const sensors = this.metrics.of(device).filter(({ isOutput }) => !isOutput);
      const allBad =
        sensors.length > 0 && sensors.every(({ topic }) => this.#current(topic)?.quality === 'bad');
      const change = this.states.observe(device, allBad, this.#parts.monotonic());
      if (change === 'died') return [frames.deviceDeath(device)];
      return change === 'lives' ? [this.ofDevice(frames, device)] : [];
    });
  }

  #metricsOf(device: string): Metric[] {
    const now = this.#parts.wall();
    return this.metrics.of(device).map((metric) => {
      const reading = this.#current(metric.topic);
      if (reading) adoptType(metric, reading);
      return birthMetric(metric, reading, now);
    });
  }

  #current(topic: string): PlantReading | undefined {
    const { current, correct } = this.#parts;
    const payload = current(topic);
    return payload && readPlantReading(correct?.(payload) ?? payload);
  }
}
