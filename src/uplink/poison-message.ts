import { type QueueEntry, topicOf } from '../queue/queue-entry.ts';
import type { Blame } from './failures.ts';
import { PlantRefusals } from './plant-refusals.ts';
import { shownTopic } from './topic-list.ts';

/** A message in flight at the end of so many connections is sent alone from then on. */
const SUSPICIOUS = 2;
/** So many connections must end at a message before it is refused, the last of them with no other in flight. */
const PROVEN = 3;
/** The same if the plant said that a message was the reason. */
const PROVEN_BY_REASON = 2;

/** The connections that ended with a message in flight since anything was acknowledged about it. */
interface Evidence {
  ended: number;
  /** Of these with no other message in flight. */
  alone: number;
  /** Of these with a reason code that only a message can cause. */
  blamed: number;
  /** The plant has said that it does not take it for the moment: it is sent alone. */
  deferred: boolean;
}

/** What to do with a message that is the next to be sent. */
export type Handling =
  | { readonly kind: 'send' }
  /** No other message may be in flight with it. */
  | { readonly kind: 'alone' }
  /** It is not sent at all. */
  | { readonly kind: 'refuse'; readonly reason: string };

/** What follows for a message from the end of a connection. */
export interface Conviction {
  readonly entry: QueueEntry;
  readonly reason: string;
}

const NO_QOS_2 =
  'the plant ends the connection at messages with QoS 2: they are sent with QoS 1; set qos: 1 on its routes';
const SEND: Handling = { kind: 'send' };
const ALONE: Handling = { kind: 'alone' };

/**
 * Finds the message that makes the plant end every connection. With MQTT 3.1.1 a plant can't report that a message is
 * too large or not allowed, and this message would block all later ones. A connection may also be lost by chance, so
 * its end counts only if the plant ended it, and after it had acknowledged the status message.
 */
export class PoisonMessageDetector {
  /** What the plant has refused before. */
  readonly refusals: PlantRefusals;
  /** At most as many as can be in flight. */
  readonly #evidence = new Map<QueueEntry, Evidence>();
  #works = false;
  #explained = false;
  #cautious = false;

  /** `monotonic` gives milliseconds that never jump. */
  constructor(monotonic: () => number) {
    this.refusals = new PlantRefusals(monotonic);
  }

  /** Whether nothing should be sent yet: if this connection ended now, that would prove nothing. */
  get cautious(): boolean {
    return this.#cautious && !this.#works;
  }

  /** Whether the plant has acknowledged the status message on this connection. */
  get works(): boolean {
    return this.#works;
  }

  /** A sentence about the suspected message, or about what the plant does not take; undefined if there is neither. */
  messageProblem(remoteOf: (topic: string) => string): string | undefined {
    const prime = this.#prime();
    if (!prime) return this.refusals.noQos2 ? NO_QOS_2 : undefined;
    const [entry, { ended, deferred }] = prime;
    const message = named(entry, remoteOf);
    if (deferred)
      return `the plant does not take the ${message} for the moment: it is sent again, alone`;
    const times = ended === 1 ? 'once' : `${ended} times`;
    return `the ${message} is suspected: the connection ended ${times} while it was in flight; it is sent alone, after the urgent ones, and refused if the connection ends again`;
  }

  /** A sentence about a message that is refused. */
  described({ entry, reason }: Conviction, remoteOf: (topic: string) => string): string {
    return `the ${named(entry, remoteOf)} moves to the refused messages: ${reason}`;
  }

  /** Whether the last connection ended at a message, as it seems: a shorter pause is enough then. */
  get explained(): boolean {
    return this.#explained;
  }

  /** See `PlantRefusals`. */
  connected(url: string, maximumQos: number, takesProperties = true): void {
    this.refusals.connected(url, maximumQos, takesProperties);
  }

  /** The plant has acknowledged a message that is not from a queue. True if this is the first one. */
  connectionWorks(): boolean {
    const first = !this.#works;
    this.#works = true;
    this.#cautious = false;
    return first;
  }

  /** The plant has taken the message, or said why not. */
  answered(entry: QueueEntry, taken: boolean): void {
    if (this.#evidence.size > 0) this.#evidence.delete(entry);
    if (taken) this.refusals.taken(entry);
  }

  /** The plant does not take the message for the moment. */
  deferred(entry: QueueEntry): void {
    this.#evidenceOf(entry).deferred = true;
  }

  /** How the message is to be sent. */
  handling(entry: QueueEntry): Handling {
    if (entry.released) return SEND;
    const evidence = this.#evidence.get(entry);
    if (evidence && isSuspected(evidence)) return ALONE;
    const refusing = this.refusals.of(entry);
    if (refusing?.tested) return { kind: 'refuse', reason: refusing.reason };
    return refusing ? ALONE : SEND;
  }

  /** The connection has ended with these in flight, in the order of their sending. */
  disconnected(inFlight: readonly QueueEntry[], blame: Blame): Conviction | undefined {
    const worked = this.#works;
    this.#works = false;
    const unreleased = inFlight.filter(({ released }) => !released);
    const first = unreleased[0];
    if (blame !== 'none' && first) this.#cautious = true;
    if (!worked || blame === 'none' || !first) {
      this.#explained = this.#prime()?.[1].deferred ?? false;
      return undefined;
    }
    const alone = unreleased.length === 1;
    for (const entry of unreleased) {
      const evidence = this.#evidenceOf(entry);
      evidence.ended++;
      if (alone) evidence.alone++;
    }
    // Plants handle messages in their order: the first without an acknowledgement is the reason.
    if (blame === 'message') this.#evidenceOf(first).blamed++;
    if (blame === 'size') this.#evidenceOf(largest(unreleased)).blamed++;
    const conviction = alone ? this.#convict(first) : undefined;
    this.#explained = conviction !== undefined || this.#prime() !== undefined;
    return conviction;
  }

  #convict(entry: QueueEntry): Conviction | undefined {
    const evidence = this.#evidenceOf(entry);
    const known = this.refusals.of(entry);
    const needed = known ? 1 : evidence.blamed > 0 ? PROVEN_BY_REASON : PROVEN;
    if (evidence.ended < needed) return undefined;
    if (this.refusals.tryLowerQos(entry)) {
      evidence.ended = needed - 1;
      return undefined;
    }
    this.#evidence.delete(entry);
    // The others have been in flight with it, which is explained; one of them may be another such message.
    for (const other of this.#evidence.values()) {
      [other.ended, other.alone, other.blamed] = [1, 0, 0];
    }
    this.refusals.add(entry);
    const why = 'the plant ended the connection each time that it was sent, the last time alone';
    return { entry, reason: known ? `${known.reason}, and again at this one, sent alone` : why };
  }

  #evidenceOf(entry: QueueEntry): Evidence {
    let evidence = this.#evidence.get(entry);
    if (!evidence) {
      evidence = { ended: 0, alone: 0, blamed: 0, deferred: false };
      this.#evidence.set(entry, evidence);
    }
    return evidence;
  }

  /** The oldest message that is suspected. */
  #prime(): [QueueEntry, Evidence] | undefined {
    for (const each of this.#evidence) if (isSuspected(each[1])) return each;
    return undefined;
  }
}

function isSuspected({ ended, alone, blamed, deferred }: Evidence): boolean {
  return ended >= SUSPICIOUS || alone > 0 || blamed > 0 || deferred;
}

function largest(entries: readonly QueueEntry[]): QueueEntry {
  return entries.reduce((most, entry) =>
    entry.message.body.length > most.message.body.length ? entry : most,
  );
}

/** The message with its topic at the plant. */
function named(entry: QueueEntry, remoteOf: (topic: string) => string): string {
  return `message on ${shownTopic(remoteOf(topicOf(entry)))} (${entry.message.body.length} bytes)`;
}
