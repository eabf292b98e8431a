import { ProtocolError } from '../../mqtt/protocol-error.ts';
import { QUOTA_EXCEEDED, TOPIC_ALIAS_INVALID } from '../../mqtt/reason-codes.ts';

/** Bytes of the topics for which one client may have aliases. */
const INCOMING_BYTES = 64 * 1024;
/** The most aliases that the gateway uses towards one client, and the longest topic with one. */
const OUTGOING = 64;
const OUTGOING_TOPIC_BYTES = 256;
/** An alias saves nothing for a shorter topic with its length. */
const SHORT_TOPIC_BYTES = 5;

/** The topics for which a client uses aliases [MQTT 5, section 3.3.2.3.4]. */
export class IncomingAliases {
  /** The highest alias that the client may use. */
  readonly maximum: number;
  #bytes = 0;
  /** Topics with their length, by alias. */
  readonly #topics = new Map<number, Buffer>();

  constructor(maximum: number) {
    this.maximum = maximum;
  }

  /** Aliases in use. */
  get count(): number {
    return this.#topics.size;
  }

  /** The topic length and topic of a PUBLISH with this alias, whose own are at [start, end): an empty topic is the known one. */
  resolve(alias: number, source: Buffer, start: number, end: number): Buffer {
    if (alias > this.maximum) {
      throw new ProtocolError(
        `topic alias ${alias} of at most ${this.maximum}`,
        TOPIC_ALIAS_INVALID,
      );
    }
    const known = this.#topics.get(alias);
    if (end - start === 2) {
      if (known) return known;
      throw new ProtocolError(`topic alias ${alias} without a topic`);
    }
    if (known?.equals(source.subarray(start, end))) return known;
    this.#bytes += end - start - (known?.length ?? 0);
    if (this.#bytes > INCOMING_BYTES) {
      throw new ProtocolError('the topics with an alias are too long', QUOTA_EXCEEDED);
    }
    const topic = Buffer.from(source.subarray(start, end));
    this.#topics.set(alias, topic);
    return topic;
  }
}

/** The aliases that the gateway uses towards one client: the first topics that are sent to it get one. */
export class OutgoingAliases {
  readonly #most: number;
  readonly #aliases = new Map<string, number>();
  /** Whether the client knows the alias that `aliasOf` has returned last. */
  isKnown = false;
  /** The topic whose alias the client does not know yet. */
  #new: string | undefined;

  /** `maximum` is what the client takes. */
  constructor(maximum: number) {
    this.#most = Math.min(maximum, OUTGOING);
  }

  /** Aliases in use. */
  get count(): number {
    return this.#aliases.size;
  }

  /** The alias of the topic whose length and name are at [start, end); 0 for none. */
  aliasOf(source: Buffer, start: number, end: number): number {
    this.isKnown = false;
    this.#new = undefined;
    const bytes = end - start;
    if (bytes <= SHORT_TOPIC_BYTES || bytes > OUTGOING_TOPIC_BYTES) return 0;
    const topic = source.toString('latin1', start, end);
    const alias = this.#aliases.get(topic);
    if (alias !== undefined) {
      this.isKnown = true;
      return alias;
    }
    if (this.#aliases.size >= this.#most) return 0;
    this.#aliases.set(topic, this.#aliases.size + 1);
    this.#new = topic;
    return this.#aliases.size;
  }

  /** The packet with the new alias is not sent. */
  forgetNew(): void {
    if (this.#new !== undefined) this.#aliases.delete(this.#new);
    this.#new = undefined;
  }
}
