import type { IPublishPacket } from 'mqtt';
import type { Clock } from '../base/clock.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { SHORTEST_TIMEOUT_MS } from './line-check.ts';
import type { PlantConnection } from './plant-client.ts';
import { Probe, type ProbeParts, publishProbe } from './probe.ts';
import { RoundTrips } from './round-trips.ts';
import { changedTopic } from './topic-changes.ts';

export interface PlantProbesParts
  extends Pick<ProbeParts, 'everyMs' | 'slackMs' | 'isBehind' | 'foreign'> {
  readonly config: Pick<UplinkConfig, 'status' | 'keepalive'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Messages flow on the connection. */
  proven(plant: PlantConnection): void;
  /** The probe has come back, with this retain flag. */
  returned(plant: PlantConnection, topic: string, retain: boolean): void;
  /** A message has come back under another topic. */
  changed(): void;
}

const LONGEST_TIMEOUT_MS = 30_000;

/** The messages of an uplink that go through the plant to the gateway itself, on one connection after the other. */
export class PlantProbes {
  readonly topic: string;
  /** How long the plant may take to bring one back, in milliseconds. */
  readonly timeoutMs: number;
  readonly #parts: PlantProbesParts;
  readonly #changedTopic: string;
  readonly #roundTrips = new RoundTrips();
  #plant: PlantConnection | undefined;
  #probe: Probe | undefined;

  constructor(parts: PlantProbesParts) {
    const { status, keepalive } = parts.config;
    this.#parts = parts;
    this.topic = `${status}/probe`;
    this.#changedTopic = changedTopic(this.topic);
    this.timeoutMs = Math.max(SHORTEST_TIMEOUT_MS, Math.min(keepalive, LONGEST_TIMEOUT_MS));
  }

  /** The round-trip time of the last probe in milliseconds; null before the first return. */
  get roundTrip(): number | null {
    return this.#probe?.roundTrip ?? null;
  }

  /** A connection is made; nothing is sent yet. */
  begin(plant: PlantConnection): void {
    const { clock, proven, ...parts } = this.#parts;
    this.#plant = plant;
    this.#probe = new Probe({
      ...parts,
      topic: this.topic,
      timeoutMs: this.timeoutMs,
      publish: (topic, payload) => publishProbe(plant, topic, payload),
      monotonic: () => clock.monotonic(),
      proven: () => proven(plant),
      lost: (topic) => {
        plant.giveUp(
          `takes messages and does not bring them back: the probe on ${topic} did not return`,
        );
      },
    });
  }

  /** Sends the first probe of the connection. */
  start(): void {
    this.#probe?.start();
  }

  /** Sends the next probe soon. */
  soon(): void {
    this.#probe?.soon();
  }

  /** Resolves with whether a message on the topic comes back on the present connection. */
  async comesBack(topic: string): Promise<boolean> {
    return this.#plant !== undefined && this.#roundTrips.comesBack(this.#plant, topic);
  }

  /** A message was received; returns false if it is none of these. */
  take(topic: string, packet: IPublishPacket): boolean {
    const own = topic.startsWith(this.topic) ? this.topic : this.#changedTopic;
    if (topic === own) {
      const isBack = this.#probe?.returned(packet.payload.toString()) ?? false;
      if (isBack && own !== this.topic) this.#parts.changed();
      if (isBack && this.#plant) this.#parts.returned(this.#plant, topic, packet.retain);
      return true;
    }
    if (!topic.startsWith(`${own}/`)) return false;
    this.#roundTrips.returned(packet.payload.toString());
    return true;
  }

  /** The connection has ended. */
  end(): void {
    this.#probe?.stop();
    this.#roundTrips.stop();
    this.#plant = undefined;
  }
}
