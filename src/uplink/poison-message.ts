import type { QueueEntry } from '../queue/queue-entry.ts';

/** So many connections must have ended before messages are sent one at a time, and so many more at the same message. */
const SUSPICIOUS = 2;
const PROVEN = 3;

/**
 * Finds the message at which a plant ends every connection. With MQTT 3.1.1 it has no other way to say that a message
 * is too large or not allowed, and it would hold up all that come after. A line that breaks by chance is no proof:
 * what counts is a connection that took the status message and then ended without another acknowledgement.
 */
export class PoisonMessageDetector {
  #ended = 0;
  #works = false;
  #acknowledged = false;

  /** Whether only one message may be in flight, so that there can be no doubt which one it is. */
  get suspected(): boolean {
    return this.#ended >= SUSPICIOUS;
  }

  connected(): void {
    this.#works = false;
    this.#acknowledged = false;
  }

  /** The plant has acknowledged what came from no queue. */
  lineWorks(): void {
    this.#works = true;
  }

  acknowledged(): void {
    this.#acknowledged = true;
    this.#ended = 0;
  }

  /** The connection has ended with these in flight. Gives the one that will never get through. */
  disconnected(inFlight: readonly QueueEntry[]): QueueEntry | undefined {
    if (!this.#works || this.#acknowledged || inFlight.length === 0) return undefined;
    this.#ended++;
    this.#works = false;
    if (this.#ended < SUSPICIOUS + PROVEN || inFlight.length > 1) return undefined;
    this.#ended = 0;
    return inFlight[0];
  }
}
