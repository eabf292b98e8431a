import { randomUUID } from 'node:crypto';
import type { PlantConnection } from './plant-client.ts';

export interface ProbeParts {
  readonly topic: string;
  /** The time from a return to the next message. */
  everyMs(): number;
  readonly timeoutMs: number;
  publish(topic: string, payload: string): Promise<void>;
  monotonic(): number;
  /** How much longer the message may take behind those that are in flight, in milliseconds. */
  slackMs(): number;
  /** Whether it is still behind a large message, of which bytes have moved in the last `withinMs`. */
  isBehind(withinMs: number): boolean;
  /** A message was received back. */
  proven(): void;
  /** A message was not received back in time. */
  lost(topic: string): void;
  /** A message of another gateway was received. */
  foreign(): void;
}

/** Differs between two gateways also if one has a copy of the other's data. */
const INSTANCE = randomUUID();

/** The payload of a message on the topic of the probe, which no other message has. */
export function createProbeId(instance: string = INSTANCE): string {
  return `${instance}/${randomUUID()}`;
}

/** The shortest time between two messages. */
const SHORTEST_MS = 1000;

/** Sends a message through the plant to itself: the first immediately, the next `everyMs` after each return. */
export class Probe {
  readonly topic: string;
  /** The round-trip time of the last message in milliseconds; null before the first return. */
  roundTrip: number | null = null;
  readonly #parts: ProbeParts;
  readonly #instance: string;
  #waiting: { id: string; at: number } | undefined;
  #sentAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  constructor(parts: ProbeParts, instance: string = INSTANCE) {
    this.#parts = parts;
    this.#instance = instance;
    this.topic = parts.topic;
  }

  start(): void {
    const { publish, monotonic } = this.#parts;
    const id = createProbeId(this.#instance);
    this.#running = true;
    this.#sentAt = monotonic();
    this.#waiting = { id, at: this.#sentAt };
    this.#wait();
    publish(this.topic, id).catch(() => undefined);
  }

  #wait(): void {
    const { isBehind, slackMs, timeoutMs, lost } = this.#parts;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (isBehind(timeoutMs)) this.#wait();
      else lost(this.topic);
    }, timeoutMs + slackMs());
  }

  /** A message was received on the topic; returns whether it is the one that was sent. */
  returned(id: string): boolean {
    if (!this.#running) return false;
    if (this.#waiting?.id !== id) {
      // An empty one deletes what was retained, see `publishProbe`.
      if (id !== '' && !id.startsWith(`${this.#instance}/`)) this.#parts.foreign();
      return false;
    }
    this.roundTrip = Math.round(this.#parts.monotonic() - this.#waiting.at);
    this.#waiting = undefined;
    this.#next(this.#parts.everyMs());
    this.#parts.proven();
    return true;
  }

  /** Sends the next message at once, but at least a second after the last one. */
  soon(): void {
    if (!this.#running || this.#waiting) return;
    this.#next(Math.max(0, this.#sentAt + SHORTEST_MS - this.#parts.monotonic()));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting = undefined;
    this.#running = false;
  }

  #next(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), ms);
  }
}

/**
 * Sends the message of a probe. A bridge does not get its own messages back: it subscribes again, which brings what is
 * retained [MQTT-3.3.1-6]. So its message goes out retained, and must be deleted when it has come back.
 */
export async function publishProbe(
  plant: Pick<PlantConnection, 'protocol' | 'publish' | 'subscribe'>,
  topic: string,
  payload: string,
): Promise<void> {
  const { bridge } = plant.protocol;
  await plant.publish(topic, payload, 0, bridge);
  if (!bridge) return;
  await plant.subscribe([{ filter: topic, qos: 0, noLocal: false, keepRetain: false }]);
}
