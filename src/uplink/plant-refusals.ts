import { type QueueEntry, topicOf } from '../queue/queue-entry.ts';

/** Why a message resembles those at which the plant ended the connection. */
export interface Refusing {
  readonly reason: string;
  /** So often that it need not be tried again for the present. */
  readonly tested: boolean;
}

interface Refused {
  count: number;
  at: number;
}

/** Topics that are remembered; the oldest is dropped. */
const TOPICS = 1000;
/** Longer topics are not remembered: they would need too much memory. */
const TOPIC_LENGTH = 1024;
/** A message of so many bytes, or not larger than one that was taken, was not refused for its size. */
const SMALL = 4096;
/** So many messages of one kind are refused by a test; the next ones without. */
const TESTS = 2;
/** More for a size: the first large messages may have been refused for their topics, and no larger one is tried then. */
const SIZE_TESTS = 10;
/** Later one message of the kind is sent again, alone: the plant may have changed. */
const AGAIN_MS = 600_000;
/** Kinds of topics at which brokers are known to end the connection, and their names. */
const KINDS: readonly (readonly [name: string, kind: RegExp])[] = [
  ['a control character', /\p{Cc}/u],
  ['a noncharacter', /\p{Noncharacter_Code_Point}/u],
  ['a space', / /],
  ['a point', /\./],
  ['a character outside ASCII', /\P{ASCII}/u],
];

/** What is known about the messages at which one plant ends the connection. Only for one address: another is another plant. */
export class PlantRefusals {
  readonly #monotonic: () => number;
  #url = '';
  readonly #topics = new Map<string, Refused>();
  readonly #kinds = new Map<string, Refused>();
  /** The smallest message that it refused for its size as it seems; its size in bytes. */
  #size: (Refused & { bytes: number }) | undefined;
  #largestTaken = 0;
  #qos2Taken = false;
  /** The message that is sent with QoS 1 to see whether the plant only refuses QoS 2. */
  #qos1Test: QueueEntry | undefined;
  #noQos2 = false;
  /** Whether the plant gets the properties of MQTT 5: they count to the size of a message. */
  #takesProperties = true;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** The highest QoS that the plant takes, as far as that is known. */
  get maximumQos(): 1 | 2 {
    return this.#noQos2 || this.#qos1Test ? 1 : 2;
  }

  /** Whether it is proved that the plant ends the connection at QoS 2. */
  get noQos2(): boolean {
    return this.#noQos2;
  }

  /** `maximumQos` is what the plant itself says; `takesProperties`: it is one of MQTT 5. */
  connected(url: string, maximumQos: number, takesProperties = true): void {
    this.#takesProperties = takesProperties;
    if (maximumQos < 2) this.#qos2Taken = true;
    if (url === this.#url) return;
    this.#url = url;
    this.#topics.clear();
    this.#kinds.clear();
    this.#size = undefined;
    [this.#largestTaken, this.#qos2Taken, this.#noQos2] = [0, maximumQos < 2, false];
    this.#qos1Test = undefined;
  }

  /** The plant has taken the message: what resembles it is not refused any more. */
  taken(entry: QueueEntry): void {
    const bytes = this.#bytesOf(entry);
    if (bytes > this.#largestTaken) {
      this.#largestTaken = bytes;
      if (this.#size && bytes >= this.#size.bytes) this.#size = undefined;
    }
    if (entry.qos === 2 && entry === this.#qos1Test) {
      this.#noQos2 = true;
      this.#qos1Test = undefined;
    } else if (entry.qos === 2 && this.maximumQos === 2) this.#qos2Taken = true;
    if (this.#topics.size === 0) return;
    const topic = topicOf(entry);
    this.#topics.delete(topic);
    for (const [name, kind] of KINDS) {
      if (this.#kinds.has(name) && kind.test(topic)) this.#kinds.delete(name);
    }
  }

  /** What the plant has refused and this message resembles. */
  of(entry: QueueEntry): Refusing | undefined {
    if (this.#topics.size === 0 && !this.#size) return undefined;
    const topic = topicOf(entry);
    const byTopic = this.#refusing(this.#topics.get(topic), 'on this topic', TESTS);
    if (byTopic) return byTopic;
    const size = this.#size;
    if (size && this.#bytesOf(entry) >= size.bytes) {
      const bySize = this.#refusing(size, `of ${size.bytes} bytes and more`, SIZE_TESTS);
      if (bySize) return bySize;
    }
    for (const [name, kind] of KINDS) {
      const refused = this.#kinds.get(name);
      // One topic may be refused for another reason, so that its kind is tested until two were.
      if (!refused || refused.count < TESTS || !kind.test(topic)) continue;
      return this.#refusing(refused, `with ${name} in the topic`, Number.POSITIVE_INFINITY);
    }
    return undefined;
  }

  /** The bytes of topic, properties and payload that are sent. */
  #bytesOf({ message: { body, topicEnd, payloadStart } }: QueueEntry): number {
    return this.#takesProperties ? body.length : body.length - (payloadStart - topicEnd);
  }

  #refusing(refused: Refused | undefined, what: string, tests: number): Refusing | undefined {
    if (!refused) return undefined;
    const tested = refused.count >= tests && this.#monotonic() - refused.at < AGAIN_MS;
    return { reason: `the plant ended the connection at messages ${what}`, tested };
  }

  /** Before a message of QoS 2 is refused, it is sent once with QoS 1, if the plant has never taken QoS 2. */
  tryLowerQos(entry: QueueEntry): boolean {
    const isTested = this.#qos1Test === entry;
    this.#qos1Test = undefined;
    if (isTested || entry.qos < 2 || this.#noQos2 || this.#qos2Taken) return false;
    this.#qos1Test = entry;
    entry.sent = false;
    return true;
  }

  /** The plant has ended the connection at this message. */
  add(entry: QueueEntry): void {
    const at = this.#monotonic();
    const topic = topicOf(entry);
    const bytes = this.#bytesOf(entry);
    const first = !this.#topics.has(topic);
    if (topic.length <= TOPIC_LENGTH) {
      const count = (this.#topics.get(topic)?.count ?? 0) + 1;
      this.#topics.delete(topic);
      if (this.#topics.size >= TOPICS) this.#topics.delete(this.#topics.keys().next().value!);
      this.#topics.set(topic, { count, at });
    }
    if (first) {
      for (const [name, kind] of KINDS) {
        if (kind.test(topic))
          this.#kinds.set(name, { count: (this.#kinds.get(name)?.count ?? 0) + 1, at });
      }
    }
    if (bytes <= Math.max(this.#largestTaken, SMALL)) return;
    this.#size = {
      bytes: Math.min(bytes, this.#size?.bytes ?? bytes),
      count: (this.#size?.count ?? 0) + 1,
      at,
    };
  }
}
