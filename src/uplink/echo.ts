import { createHash } from 'node:crypto';
import { encodeUserProperty } from '../mqtt/publish-encoder.ts';

/** MQTT 5: the user property with the name of the gateway that sent the message. */
export const FROM_PROPERTY = 'cellgate-from';
/** MQTT 3.1.1 has no user properties: the latest messages are remembered, at most so many and for so long. */
const REMEMBERED = 10_000;
const REMEMBERED_MS = 30_000;
/** An echo keeps its order: so long after a later message of the topic, that of the earlier one does not come any more. */
const OVERTAKEN_MS = 5000;

interface Sent {
  readonly digest: string;
  readonly at: number;
}

/** A message from the plant. */
export interface Received {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** MQTT 5. */
  readonly userProperties?: object | undefined;
  /** The plant had it already when the gateway subscribed: it says nothing about what was sent since. */
  readonly stored: boolean;
}

/**
 * Recognises messages that this gateway sent and the plant sends back under another topic. A command must not be lost:
 * with MQTT 3.1.1, only the message that is next to come back on its topic counts as an echo. After any other message
 * on the topic no earlier one is expected.
 */
export class EchoGuard {
  /** MQTT 5 properties of every message to the plant. */
  readonly properties: Buffer;
  /** Echoes stopped since the start. */
  stopped = 0;
  readonly #name: string;
  readonly #monotonic: () => number;
  /** What may come back, oldest first, by the digest of the plant's topic; the topic of the latest message is last. */
  readonly #sent = new Map<string, Sent[]>();
  #count = 0;

  /** `name` identifies this gateway at the plant, e.g. its client id. */
  constructor(name: string, monotonic: () => number) {
    this.#name = name;
    this.#monotonic = monotonic;
    this.properties = encodeUserProperty(FROM_PROPERTY, name);
  }

  /**
   * Remembers a message that is sent to the plant without user properties. `topics` are those at the plant on which it
   * would come back. `again`: it was sent before, and the plant may already have had it.
   */
  sent(topics: readonly string[], payload: Uint8Array, again: boolean): void {
    if (topics.length === 0) return;
    const one = { digest: digestOf(payload), at: this.#monotonic() };
    for (const topic of topics) {
      const key = digestOf(topic);
      const expected = this.#expected(key);
      this.#sent.delete(key);
      this.#sent.set(key, expected);
      if (again && expected.some(({ digest }) => digest === one.digest)) continue;
      expected.push(one);
      this.#count++;
    }
    for (const oldest of this.#sent.keys()) {
      if (this.#count <= REMEMBERED) return;
      this.#forget(oldest);
    }
  }

  /** The plant has begun a new session: it has nothing to send of what came before. */
  newSession(): void {
    this.#sent.clear();
    this.#count = 0;
  }

  /** Whether this gateway sent the received message. */
  isEcho(received: Received): boolean {
    const echo = this.#hasOwnName(received.userProperties) || this.#isExpected(received);
    if (echo) this.stopped++;
    return echo;
  }

  #hasOwnName(properties: object | undefined): boolean {
    const names = (properties as Readonly<Record<string, unknown>> | undefined)?.[FROM_PROPERTY];
    return [names].flat().includes(this.#name);
  }

  #isExpected({ topic, payload, stored }: Received): boolean {
    if (stored || this.#sent.size === 0) return false;
    const key = digestOf(topic);
    const expected = this.#expected(key);
    if (expected[0]?.digest !== digestOf(payload)) {
      this.#forget(key);
      return false;
    }
    expected.shift();
    this.#count--;
    return true;
  }

  /** The messages that may still come back on the topic. */
  #expected(key: string): Sent[] {
    const now = this.#monotonic();
    const sent = this.#sent.get(key) ?? [];
    const isOver = (first: Sent, next: Sent | undefined): boolean =>
      now - first.at > REMEMBERED_MS || (next !== undefined && now - next.at > OVERTAKEN_MS);
    while (sent[0] && isOver(sent[0], sent[1])) {
      sent.shift();
      this.#count--;
    }
    return sent;
  }

  #forget(key: string): void {
    this.#count -= this.#sent.get(key)?.length ?? 0;
    this.#sent.delete(key);
  }
}

function digestOf(bytes: string | Uint8Array): string {
  return createHash('sha1').update(bytes).digest('base64');
}
