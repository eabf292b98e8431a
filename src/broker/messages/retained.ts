import type { Qos } from '../../mqtt/codec.ts';
import { matchesLevels } from '../../mqtt/topics.ts';
import { createMessage, Message } from '../../queue/message.ts';
import type { Store } from '../../store/store.ts';
import type { DropCounter } from '../stats/drop-counter.ts';
import type { Publication } from './publication.ts';
import { isReserved } from './reserved-topics.ts';
import { filterPath, TREE_LEVELS, topicPath, WILDCARDS } from './tree-levels.ts';

export interface Retained {
  readonly topic: string;
  readonly message: Message;
  readonly qos: Qos;
  /** The client that has published it; '' for the gateway itself, and for what was there at the start. */
  readonly publisher: string;
  /** False once it was replaced or deleted. */
  readonly current: boolean;
}

class Node {
  readonly parent: Node | undefined;
  readonly level: string;
  children: Map<string, Node> | undefined;
  retained: { -readonly [Key in keyof Retained]: Retained[Key] } | undefined;

  constructor(parent: Node | undefined, level: string) {
    this.parent = parent;
    this.level = level;
  }
}

/** The retained message of every topic, found by filter through a tree of topic levels. */
export class RetainedMessages {
  /** Bytes of topics and payloads together. */
  bytes = 0;
  readonly #root = new Node(undefined, '');
  /** The nodes with a message by topic: a sensor's next value needs no search through the tree. */
  readonly #nodes = new Map<string, Node>();
  /** How many each client has published, since the start. */
  readonly #counts = new Map<string, number>();

  /** How many each client has published since the start, of those that are there. */
  get byPublisher(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  get count(): number {
    return this.#nodes.size;
  }

  get(topic: string): Retained | undefined {
    return this.#nodes.get(topic)?.retained;
  }

  set(topic: string, qos: Qos, message: Message, publisher = ''): void {
    const node = this.#nodes.get(topic) ?? this.#grow(topic);
    this.#clear(node);
    this.bytes += message.body.length;
    node.retained = { topic, message, qos, publisher, current: true };
    if (publisher !== '') this.#counts.set(publisher, (this.#counts.get(publisher) ?? 0) + 1);
  }

  #grow(topic: string): Node {
    let node = this.#root;
    for (const level of topicPath(topic)) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (!child) {
        child = new Node(node, level);
        node.children.set(level, child);
      }
      node = child;
    }
    this.#nodes.set(topic, node);
    return node;
  }

  #clear(node: Node): void {
    if (!node.retained) return;
    this.bytes -= node.retained.message.body.length;
    const { publisher } = node.retained;
    if (publisher !== '') {
      const left = this.#counts.get(publisher)! - 1;
      if (left > 0) this.#counts.set(publisher, left);
      else this.#counts.delete(publisher);
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

  /** Every retained message whose topic the filter matches [MQTT 3.1.1, section 4.7]. */
  match(filter: string): Retained[] {
    const found: Retained[] = [];
    collect(this.#root, filterPath(filter), 0, found);
    return found;
  }
}

export interface RetainParts {
  readonly store: Pick<Store, 'journal'>;
  readonly limits: RetainedLimits;
  readonly drops: DropCounter;
  /** Something was dropped because of this limit. */
  reached(key: 'retainedMessages' | 'retainedMessagesPerClient' | 'retainedBytes'): void;
}

export interface RetainedLimits {
  readonly retainedMessages: number;
  /** Of one client, since the start. */
  readonly retainedMessagesPerClient: number;
  readonly retainedBytes: number;
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
  const { body, topicEnd } = publication.keep();
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
  retained.set(topic, qos, new Message(body, topicEnd), publisher);
  if (!isReserved(topic)) store.journal.retain(topic, pendingAck);
}

/** The limit that a client's message of so many bytes does not fit in. */
function limitReached(
  retained: RetainedMessages,
  before: Retained | undefined,
  publisher: string,
  bytes: number,
  limits: RetainedLimits,
) {
  if (!before && retained.count >= limits.retainedMessages) return 'retainedMessages';
  const own = retained.byPublisher.get(publisher) ?? 0;
  if (before?.publisher !== publisher && own >= limits.retainedMessagesPerClient) {
    return 'retainedMessagesPerClient';
  }
  const growth = bytes - (before?.message.body.length ?? 0);
  return retained.bytes + growth > limits.retainedBytes ? 'retainedBytes' : undefined;
}

/** Takes the retained messages from the store, which reads them here when it commits them later. */
export function recoverRetained(
  retained: RetainedMessages,
  store: Pick<Store, 'recovered' | 'readRetainedFrom'>,
): void {
  for (const { topic, qos, payload } of store.recovered.retained) {
    retained.set(topic, qos, createMessage(topic, payload));
  }
  store.readRetainedFrom((topic) => {
    const current = retained.get(topic);
    if (!current) return undefined;
    const { body, topicEnd } = current.message;
    return { qos: current.qos, payload: new Uint8Array(body.subarray(topicEnd)) };
  });
}

function collect(node: Node, levels: readonly string[], depth: number, found: Retained[]): void {
  if (depth === levels.length) {
    if (node.retained) found.push(node.retained);
    return;
  }
  const level = levels[depth]!;
  if (level === '#') {
    if (depth > 0 && node.retained) found.push(node.retained);
    collectAll(node, depth === 0, found);
  } else if (level === WILDCARDS) {
    for (const [rest, { retained }] of node.children ?? []) {
      if (retained && matchesLevels(levels[TREE_LEVELS + 1]!, rest)) found.push(retained);
    }
  } else if (level === '+') {
    for (const [name, child] of node.children ?? []) {
      if (depth === 0 && name.startsWith('$')) continue;
      collect(child, levels, depth + 1, found);
    }
  } else {
    const child = node.children?.get(level);
    if (child) collect(child, levels, depth + 1, found);
  }
}

/** All messages below the node; at the root, none whose first level begins with `$` [MQTT-4.7.2-1]. */
function collectAll(node: Node, top: boolean, found: Retained[]): void {
  for (const [name, child] of node.children ?? []) {
    if (top && name.startsWith('$')) continue;
    if (child.retained) found.push(child.retained);
    collectAll(child, false, found);
  }
}
