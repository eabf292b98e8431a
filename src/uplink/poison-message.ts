import type { QueueEntry } from '../queue/queue-entry.ts';

/** After so many connections that count (see below), messages are sent one at a time. */
const SUSPICIOUS = 2;
/** After so many more, each with the same message in flight, this message is the reason. */
const PROVEN = 3;

/**
 * Finds the message that makes the plant end every connection. With MQTT 3.1.1 a plant can't report that a
 * message is too large or not allowed, and this message would block all later ones. A connection may also be lost by
 * chance, so a connection counts only if the plant acknowledged the status message on it, and nothing after it.
 */
export class PoisonMessageDetector {
  #ended = 0;
  #works = false;
  #acknowledged = false;

  /** Whether only one message may be in flight, so that it is certain which one ends the connection. */
  get suspected(): boolean {
    return this.#ended >= SUSPICIOUS;
  }

  connected(): void {
    this.#works = false;
    this.#acknowledged = false;
  }

  /** The plant has acknowledged a message that is not from a queue. */
  connectionWorks(): void {
    this.#works = true;
  }

  acknowledged(): void {
    this.#acknowledged = true;
    this.#ended = 0;
  }

  /** The connection has ended with these in flight. Returns the one that the plant will never accept. */
  disconnected(inFlight: readonly QueueEntry[]): QueueEntry | undefined {
    if (!this.#works || this.#acknowledged || inFlight.length === 0) return undefined;
    this.#ended++;
    this.#works = false;
    if (this.#ended < SUSPICIOUS + PROVEN || inFlight.length > 1) return undefined;
    this.#ended = 0;
    return inFlight[0];
  }
}
