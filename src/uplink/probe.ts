import { randomUUID } from 'node:crypto';

export interface ProbeParts {
  readonly topic: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  publish(topic: string, payload: string): Promise<void>;
  monotonic(): number;
  /** A message was received back. */
  proven(): void;
  /** A message was not received back in time. */
  lost(topic: string): void;
}

/** Sends a message through the plant to itself: the first immediately, the next `everyMs` after each return. */
export class Probe {
  readonly topic: string;
  /** The round-trip time of the last message in milliseconds; null before the first return. */
  roundTrip: number | null = null;
  readonly #parts: ProbeParts;
  #waiting: { id: string; at: number } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ProbeParts) {
    this.#parts = parts;
    this.topic = parts.topic;
  }

  start(): void {
    const { publish, monotonic, timeoutMs, lost } = this.#parts;
    const id = randomUUID();
    this.#waiting = { id, at: monotonic() };
    this.#timer = setTimeout(() => lost(this.topic), timeoutMs);
    publish(this.topic, id).catch(() => undefined);
  }

  /** A message was received on the topic. */
  returned(id: string): void {
    if (this.#waiting?.id !== id) return;
    this.roundTrip = Math.round(this.#parts.monotonic() - this.#waiting.at);
    this.stop();
    this.#timer = setTimeout(() => this.start(), this.#parts.everyMs);
    this.#parts.proven();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting = undefined;
  }
}
