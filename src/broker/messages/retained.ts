import { type Faults, shortTopic } from '../../base/faults.ts';
import type { Qos } from '../../mqtt/codec.ts';
import { createMessage, type Message } from '../../queue/message.ts';
import type { Store } from '../../store/store.ts';
import type { DropCounter } from '../stats/drop-counter.ts';
import type { Publication } from './publication.ts';
import { isKept } from './reserved-topics.ts';
import { type Retained, RetainedNode, RetainedWalk } from './retained-walk.ts';
import { filterPath, topicPath } from './tree-levels.ts';

/** Retained messages of one client, and the bytes of their topics and payloads. */
interface Share {
  count: number;
  bytes: number;
}

/** The retained message of every topic, found by filter through a tree of topic levels. */
export class RetainedMessages {
  /** Bytes of topics and payloads together. */
  bytes = 0;
  /** Counts the messages that were set. */
  latest = 0;
  readonly #root = new RetainedNode(undefined, '');
  /** The nodes with a message by topic: a sensor's next value needs no search through the tree. */
  readonly #nodes = new Map<string, RetainedNode>();
  readonly #shares = new Map<string, Share>();
  /** When messages expire, by topic. */
  readonly #expiries = new Map<string, number>();
  #expiryRound: Iterator<[string, number]> = this.#expiries.entries();

  /** What each client has published, of those that are there. */
  get byPublisher(): ReadonlyMap<string, Readonly<Share>> {
    return this.#shares;
  }

  get count(): number {
    return this.#nodes.size;
  }

  get(topic: string): Retained | undefined {
    return this.#nodes.get(topic)?.retained;
  }

  /** The payload of the topic's message, if it has one. */
  payloadOf(topic: string): Buffer | undefined {
    const message = this.get(topic)?.message;
    return message?.body.subarray(message.payloadStart);
  }

  set(topic: string, qos: Qos, message: Message, publisher = ''): void {
    const node = this.#nodes.get(topic) ?? this.#grow(topic);
    this.#clear(node);
    this.bytes += message.body.length;
    node.retained = { topic, message, qos, publisher, number: ++this.latest, current: true };
    if (message.expiresAt !== null) this.#expiries.set(topic, message.expiresAt);
    if (publisher === '') return;
    let share = this.#shares.get(publisher);
    if (!share) {
      share = { count: 0, bytes: 0 };
      this.#shares.set(publisher, share);
    }
    share.count++;
    share.bytes += message.body.length;
  }

  #grow(topic: string): RetainedNode {
    let node = this.#root;
    for (const level of topicPath(topic)) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (!child) {
        child = new RetainedNode(node, level);
        node.children.set(level, child);
      }
      node = child;
    }
    this.#nodes.set(topic, node);
    return node;
  }

  #clear(node: RetainedNode): void {
    if (!node.retained) return;
    const { publisher, topic, message } = node.retained;
    this.bytes -= message.body.length;
    if (message.expiresAt !== null) this.#expiries.delete(topic);
    const share = this.#shares.get(publisher);
    if (share) {
      share.count--;
      share.bytes -= message.body.length;
      if (share.count === 0) this.#shares.delete(publisher);
    }
    node.retained.current = false;
    node.retained = undefined;
  }

  /** False if there was none. */
  delete(topic: string): boolean {
    const last = this.#nodes.get(topic);
    if (!last) return false;
    this.#nodes.delete(topic);
    this.#clear(last);
    for (let node = last; node.parent; node = node.parent) {
      if (node.retained || node.children?.size) break;
      node.parent.children!.delete(node.level);
    }
    return true;
  }

  /** False where the filter can match none. */
  mayMatch(filter: string): boolean {
    return /[+#]/.test(filter) ? this.count > 0 : this.#nodes.has(filter);
  }

  /**
   * Finds the retained messages whose topics the filter matches [MQTT 3.1.1, section 4.7], of those that were set before
   * `latest` was more than `upTo`; undefined where the filter can match none.
   */
  walk(filter: string, upTo: number): RetainedWalk | undefined {
    return this.mayMatch(filter)
      ? new RetainedWalk(this.#root, filterPath(filter), upTo)
      : undefined;
  }

  /** Topics whose message has expired; checks the next `limit` of those that can. */
  expired(now: number, limit: number): string[] {
    const topics: string[] = [];
    for (let checked = 0; checked < limit; checked++) {
      const { value, done } = this.#expiryRound.next();
      if (done) {
        this.#expiryRound = this.#expiries.entries();
        break;
      }
      const [topic, expiresAt] = value;
      if (expiresAt < now) topics.push(topic);
    }
    return topics;
  }
}

export interface RetainParts {
  readonly store: Pick<Store, 'journal'>;
  readonly limits: RetainedLimits;
  readonly drops: DropCounter;
  /** Something was dropped because of this limit. */
  reached(key: keyof RetainedLimits): void;
}

export interface RetainedLimits {
  /** Of all clients together, and of one. */
  readonly retainedMessages: number;
  readonly retainedMessagesPerClient: number;
  readonly retainedBytes: number;
  readonly retainedBytesPerClient: number;
}

/**
 * Keeps the publication as its topic's retained message, in memory and on disk; an empty payload deletes the present one
 * [MQTT-3.3.1-10]. Above the limits it is dropped and counted.
 */
export function retain(
  retained: RetainedMessages,
  publication: Publication,
  { store, limits, drops, reached }: RetainParts,
): void {
  const { topic, qos } = publication;
  const pendingAck = publication.pendingAck ?? undefined;
  if (publication.payloadStart === publication.end) {
    const existed = retained.delete(topic);
    if (existed || pendingAck) store.journal.retain(topic, pendingAck);
    return;
  }
  const kept = publication.keep();
  const { body } = kept;
  const before = retained.get(topic);
  const { publisher } = publication;
  const limit = publication.own
    ? undefined
    : limitReached(retained, before, publisher, body.length, limits);
  if (limit) {
    reached(limit);
    drops.count(publisher, 'retained-full');
    // The message that it would have replaced is no longer true.
    if (retained.delete(topic)) store.journal.retain(topic, pendingAck);
    return;
  }
  // Another Message, because the publisher's pendingAck must not live as long as the retained message.
  retained.set(topic, qos, kept.copy(), publisher);
  if (isKept(topic)) store.journal.retain(topic, pendingAck);
}

const NO_SHARE = { count: 0, bytes: 0 };

/** The limit that a client's message of so many bytes does not fit in. */
function limitReached(
  retained: RetainedMessages,
  before: Retained | undefined,
  publisher: string,
  bytes: number,
  limits: RetainedLimits,
): keyof RetainedLimits | undefined {
  if (!before && retained.count >= limits.retainedMessages) return 'retainedMessages';
  const own = retained.byPublisher.get(publisher) ?? NO_SHARE;
  const growth = bytes - (before?.message.body.length ?? 0);
  const isOwn = before?.publisher === publisher;
  if (!isOwn && own.count >= limits.retainedMessagesPerClient) return 'retainedMessagesPerClient';
  if (own.bytes + (isOwn ? growth : bytes) > limits.retainedBytesPerClient) {
    return 'retainedBytesPerClient';
  }
  return retained.bytes + growth > limits.retainedBytes ? 'retainedBytes' : undefined;
}

/**
 * Takes the retained messages from the store, which reads them here when it commits them later. One that can't be taken
 * stays on disk.
 */
export function recoverRetained(
  retained: RetainedMessages,
  store: Pick<Store, 'takeRetained' | 'readRetainedFrom'>,
  faults: Faults,
): void {
  // Each is released as soon as it is taken: not all of them are in memory twice.
  const stored = store.takeRetained().reverse();
  for (let row = stored.pop(); row; row = stored.pop()) {
    const { topic, qos, payload, publisher, properties, expires } = row;
    try {
      const message = createMessage(topic, payload, properties, expires === 0 ? null : expires);
      retained.set(topic, qos, message, publisher);
    } catch (error) {
      faults.caught('load', `loading the retained message of ${shortTopic(topic)}`, error);
    }
  }
  store.readRetainedFrom((topic) => {
    const current = retained.get(topic);
    if (!current) return undefined;
    const { qos, publisher, message } = current;
    const { body, topicEnd, payloadStart, expiresAt } = message;
    return {
      qos,
      payload: new Uint8Array(body.subarray(payloadStart)),
      publisher,
      properties: new Uint8Array(body.subarray(topicEnd, payloadStart)),
      expires: expiresAt ?? 0,
    };
  });
}
