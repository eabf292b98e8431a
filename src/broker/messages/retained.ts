import type { Qos } from '../../mqtt/codec.ts';
import { createMessage, Message } from '../../queue/message.ts';
import type { Store } from '../../store/store.ts';
import type { DropCounter } from '../stats/drop-counter.ts';
import type { Publication } from './publication.ts';
import { isReserved } from './reserved-topics.ts';

export interface Retained {
  readonly topic: string;
  readonly message: Message;
  readonly qos: Qos;
  /** False when it was replaced or deleted. */
  readonly current: boolean;
}

class Node {
  children: Map<string, Node> | undefined;
  retained: { -readonly [Key in keyof Retained]: Retained[Key] } | undefined;
}

/** The retained message of every topic, found by filter through a tree of topic levels. */
export class RetainedMessages {
  /** Bytes of topics and payloads together. */
  bytes = 0;
  readonly #root = new Node();
  /** The nodes with a message by topic: a sensor's next value needs no search through the tree. */
  readonly #nodes = new Map<string, Node>();

  get count(): number {
    return this.#nodes.size;
  }

  get(topic: string): Retained | undefined {
    return this.#nodes.get(topic)?.retained;
  }

  set(topic: string, qos: Qos, message: Message): void {
    const node = this.#nodes.get(topic) ?? this.#grow(topic);
    this.#clear(node);
    this.bytes += message.body.length;
    node.retained = { topic, message, qos, current: true };
  }

  #grow(topic: string): Node {
    let node = this.#root;
    for (const level of topic.split('/')) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (!child) {
        child = new Node();
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
    node.retained.current = false;
    node.retained = undefined;
  }

  /** False if there was none. */
  delete(topic: string): boolean {
    const last = this.#nodes.get(topic);
    if (!last) return false;
    this.#nodes.delete(topic);
    this.#clear(last);
    const levels = topic.split('/');
    const path = [this.#root];
    for (const level of levels) path.push(path.at(-1)!.children!.get(level)!);
    for (let i = levels.length; i > 0; i--) {
      const node = path[i]!;
      if (node.retained || node.children?.size) break;
      path[i - 1]!.children!.delete(levels[i - 1]!);
    }
    return true;
  }

  /** Every retained message whose topic the filter matches [MQTT 3.1.1, section 4.7]. */
  match(filter: string): Retained[] {
    const found: Retained[] = [];
    collect(this.#root, filter.split('/'), 0, found);
    return found;
  }
}

export interface RetainParts {
  readonly store: Pick<Store, 'journal'>;
  readonly limits: RetainedLimits;
  readonly drops: DropCounter;
}

export interface RetainedLimits {
  readonly retainedMessages: number;
  readonly retainedBytes: number;
}

/**
 * Keeps the publication as its topic's retained message, in memory and on disk; an empty payload deletes the present one
 * [MQTT-3.3.1-10]. Above the limits it is dropped and counted.
 */
export function retain(
  retained: RetainedMessages,
  publication: Publication,
  { store, limits, drops }: RetainParts,
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
  const growth = body.length - (before?.message.body.length ?? 0);
  if (
    !publication.own &&
    ((!before && retained.count >= limits.retainedMessages) ||
      retained.bytes + growth > limits.retainedBytes)
  ) {
    drops.count(topic, 'retained-full');
    // The message before is out of date.
    if (retained.delete(topic)) store.journal.retain(topic, pendingAck);
    return;
  }
  // Another Message, because the publisher's pendingAck must not stay in memory as long as the retained message.
  retained.set(topic, qos, new Message(body, topicEnd));
  if (!isReserved(topic)) store.journal.retain(topic, pendingAck);
}

/** Loads the retained messages from the store; the store reads the values from here at each later commit. */
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
