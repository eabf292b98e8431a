import type { Qos } from '../../mqtt/codec.ts';
import type { Message } from '../../queue/queue-entry.ts';

export interface Retained {
  readonly topic: string;
  readonly message: Message;
  readonly qos: Qos;
  /** False once it was replaced or deleted. */
  readonly current: boolean;
}

class Node {
  children: Map<string, Node> | undefined;
  retained: { -readonly [Key in keyof Retained]: Retained[Key] } | undefined;
}

/** The retained message of every topic, found by filter through a tree of topic levels. */
export class RetainedMessages {
  /** Topics and payloads together. */
  bytes = 0;
  readonly #root = new Node();
  /** Where those that have one stand: a sensor's next value needs no way through the tree. */
  readonly #places = new Map<string, Node>();

  get count(): number {
    return this.#places.size;
  }

  get(topic: string): Retained | undefined {
    return this.#places.get(topic)?.retained;
  }

  set(topic: string, qos: Qos, message: Message): void {
    const node = this.#places.get(topic) ?? this.#grow(topic);
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
    this.#places.set(topic, node);
    return node;
  }

  #clear(node: Node): void {
    if (!node.retained) return;
    this.bytes -= node.retained.message.body.length;
    node.retained.current = false;
    node.retained = undefined;
  }

  /** False where there was none. */
  delete(topic: string): boolean {
    const last = this.#places.get(topic);
    if (!last) return false;
    this.#places.delete(topic);
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

/** Everything below; at the top, nothing whose first level begins with `$` [MQTT-4.7.2-1]. */
function collectAll(node: Node, top: boolean, found: Retained[]): void {
  for (const [name, child] of node.children ?? []) {
    if (top && name.startsWith('$')) continue;
    if (child.retained) found.push(child.retained);
    collectAll(child, false, found);
  }
}
