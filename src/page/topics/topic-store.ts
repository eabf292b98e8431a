/** A message as it has arrived. */
export interface ArrivedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: number;
  readonly retain: boolean;
}

/** The newest message of a topic. */
export interface TopicEntry {
  readonly topic: string;
  /** Its first bytes. */
  payload: Uint8Array;
  /** All its bytes. */
  size: number;
  qos: number;
  /** Whether the topic has a retained message. */
  isRetained: boolean;
  /** Whether it is older than the subscription: then `time` is when it arrived here. */
  isStored: boolean;
  /** Milliseconds since the epoch. */
  time: number;
  /** Messages since the subscription. */
  count: number;
}

export interface TopicLimits {
  readonly topics: number;
  /** Of all payloads and topics together. */
  readonly bytes: number;
  /** Of one payload. */
  readonly payload: number;
}

const LIMITS: TopicLimits = { topics: 2000, bytes: 4 * 1024 * 1024, payload: 16 * 1024 };

/** The newest message of each topic, within bounds: what has no room is counted, and left out. */
export class TopicStore {
  readonly #limits: TopicLimits;
  readonly #entries = new Map<string, TopicEntry>();
  #accepts: (topic: string) => boolean = () => true;
  #bytes = 0;
  #leftOut = 0;
  #changes = 0;
  #topicChanges = 0;

  constructor(limits: TopicLimits = LIMITS) {
    this.#limits = limits;
  }

  get entries(): ReadonlyMap<string, TopicEntry> {
    return this.#entries;
  }

  /** Messages of topics for which there was no room. */
  get leftOut(): number {
    return this.#leftOut;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Grows with each message. */
  get changes(): number {
    return this.#changes;
  }

  /** Grows when a topic is added or removed. */
  get topicChanges(): number {
    return this.#topicChanges;
  }

  /** Begins again: with those topics only for which `accepts` returns true. */
  clear(accepts: (topic: string) => boolean): void {
    this.#accepts = accepts;
    this.#entries.clear();
    [this.#bytes, this.#leftOut] = [0, 0];
    this.#changes += 1;
    this.#topicChanges += 1;
  }

  receive({ topic, payload, qos, retain }: ArrivedMessage, now: number): void {
    if (!this.#accepts(topic)) return;
    this.#changes += 1;
    // An empty retained message deletes the one that was retained.
    if (retain && payload.length === 0) return this.#remove(topic);
    let entry = this.#entries.get(topic);
    const isNew = entry === undefined;
    if (!entry) {
      const bytes = this.#bytes + 2 * topic.length;
      if (this.#entries.size >= this.#limits.topics || bytes >= this.#limits.bytes) {
        this.#leftOut += 1;
        return;
      }
      this.#bytes = bytes;
      this.#topicChanges += 1;
      const nothing = { payload: new Uint8Array(), size: 0, isRetained: false, count: 0 };
      entry = { topic, ...nothing, qos, isStored: false, time: now };
      this.#entries.set(topic, entry);
    }
    const room = this.#limits.bytes - this.#bytes + entry.payload.length;
    // A copy: the bytes that have arrived are a part of a larger memory.
    const kept = payload.slice(0, Math.max(0, Math.min(this.#limits.payload, room)));
    this.#bytes += kept.length - entry.payload.length;
    entry.payload = new Uint8Array(kept);
    entry.size = payload.length;
    entry.qos = qos;
    entry.isStored = isNew && retain;
    if (retain) entry.isRetained = true;
    entry.time = now;
    entry.count += 1;
  }

  #remove(topic: string): void {
    const entry = this.#entries.get(topic);
    if (!entry) return;
    this.#entries.delete(topic);
    this.#bytes -= entry.payload.length + 2 * topic.length;
    this.#topicChanges += 1;
  }
}

/** Whether bytes of its payload were left out. */
export function isCut({ payload, size }: TopicEntry): boolean {
  return payload.length < size;
}
