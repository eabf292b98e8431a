import { type Faults, shortTopic } from '../../base/faults.ts';
import type { WorkParts } from '../../base/turn-budget.ts';
import type { Qos } from '../../mqtt/codec.ts';
import { createMessage, type Message } from '../../queue/message.ts';
import type { StoredRetained } from '../../store/recovery/retained-snapshot.ts';
import type { Store } from '../../store/store.ts';
import type { StoredRetainedMessages } from '../../store/stored-retained.ts';
import { type Retained, RetainedNode, RetainedWalk } from './retained-walk.ts';
import { filterPath, topicPath } from './tree-levels.ts';

/** Retained messages of one client, and the bytes of their topics and payloads. */
interface Share {
  count: number;
  bytes: number;
}

/** The retained messages of the last run, which are read while this one runs. */
export type StoredMessages = Pick<StoredRetainedMessages, 'count' | 'find' | 'take'>;

/** How many stored messages are restored in one part of the work. */
const PART = 32;
/** The number of stored messages: they are older than all others. */
const STORED = 0;

/**
 * The retained message of every topic, found by filter through a tree of topic levels. Stored ones are restored in parts;
 * until then a topic finds its own on disk, and what asks for many waits.
 */
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
  /** Undefined when all are restored. */
  #stored: StoredMessages | undefined;
  /** How many are not restored yet. */
  #unread = 0;
  /** Topics whose stored message was restored before its turn or was deleted: it must not come again. */
  readonly #handled = new Set<string>();
  #faults: Faults | undefined;
  #onRestored = (): void => undefined;
  /** Resolves when all stored messages are restored. */
  readonly restored = new Promise<void>((resolve) => {
    this.#onRestored = resolve;
  });

  /** What each client has published, of those that are there. */
  get byPublisher(): ReadonlyMap<string, Readonly<Share>> {
    return this.#shares;
  }

  get count(): number {
    return this.#nodes.size + this.#unread;
  }

  get(topic: string): Retained | undefined {
    const node = this.#nodes.get(topic);
    if (node || !this.#stored) return node?.retained;
    return this.#restoreOne(topic);
  }

  /** The payload of the topic's message, if it has one. */
  payloadOf(topic: string): Buffer | undefined {
    const message = this.get(topic)?.message;
    return message?.body.subarray(message.payloadStart);
  }

  set(topic: string, qos: Qos, message: Message, publisher = ''): void {
    // What is stored must not replace it later.
    if (this.#stored) this.get(topic);
    this.#put(topic, qos, message, publisher, ++this.latest);
  }

  #put(topic: string, qos: Qos, message: Message, publisher: string, number: number): void {
    const node = this.#nodes.get(topic) ?? this.#grow(topic);
    this.#clear(node);
    this.bytes += message.body.length;
    node.retained = { topic, message, qos, publisher, number, current: true };
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
    if (this.#stored && this.get(topic)) this.#handled.add(topic);
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
    return hasWildcard(filter) ? this.count > 0 : this.get(filter) !== undefined;
  }

  /** False for a filter with a wildcard until all stored messages are restored. */
  isComplete(filter: string): boolean {
    return this.#stored === undefined || !hasWildcard(filter);
  }

  /** Begins with the stored messages; `restoring` does the rest. One that can't be restored stays on disk. */
  begin(stored: StoredMessages, faults: Faults): void {
    this.#stored = stored;
    this.#unread = stored.count;
    this.#faults = faults;
  }

  /** Restores the stored messages, without topics that have changed since. */
  *restoring(): WorkParts {
    for (;;) {
      const rows = this.#stored!.take(PART);
      if (!rows) break;
      for (const row of rows) {
        if (this.#handled.has(row.topic)) continue;
        this.#unread--;
        this.#restore(row);
      }
      yield;
    }
    this.#stored = undefined;
    this.#unread = 0;
    this.#handled.clear();
    this.#onRestored();
  }

  #restoreOne(topic: string): Retained | undefined {
    if (this.#handled.has(topic)) return undefined;
    const row = this.#stored!.find(topic);
    if (row) {
      this.#handled.add(topic);
      this.#unread--;
      this.#restore(row);
    }
    return this.#nodes.get(topic)?.retained;
  }

  #restore({ topic, qos, payload, publisher, properties, expires }: StoredRetained): void {
    try {
      const message = createMessage(topic, payload, properties, expires === 0 ? null : expires);
      this.#put(topic, qos, message, publisher, STORED);
    } catch (error) {
      this.#faults?.caught('load', `loading the retained message of ${shortTopic(topic)}`, error);
    }
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

function hasWildcard(filter: string): boolean {
  return /[+#]/.test(filter);
}

/** The stored messages are restored later; the journal reads the values that it commits from here. */
export function recoverRetained(
  retained: RetainedMessages,
  store: Pick<Store, 'retained' | 'readRetainedFrom'>,
  faults: Faults,
): void {
  retained.begin(store.retained, faults);
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
