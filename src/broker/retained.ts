import type { Message } from '../store/queue-entry.ts';
import type { Qos } from './codec.ts';

export interface Retained {
  readonly topic: string;
  readonly message: Message;
  readonly qos: Qos;
}

class Node {
  children: Map<string, Node> | undefined;
  retained: Retained | undefined;
}

/** The retained message of every topic, found by filter through a tree of topic levels. */
export class RetainedMessages {
  count = 0;
  /** Topics and payloads together. */
  bytes = 0;
  readonly #root = new Node();

  get(topic: string): Retained | undefined {
    let node: Node | undefined = this.#root;
    for (const level of topic.split('/')) {
      node = node.children?.get(level);
      if (!node) return undefined;
    }
    return node.retained;
  }

  set(retained: Retained): void {
    let node = this.#root;
    for (const level of retained.topic.split('/')) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (!child) {
        child = new Node();
        node.children.set(level, child);
      }
      node = child;
    }
    if (node.retained) this.bytes -= node.retained.message.body.length;
    else this.count++;
    this.bytes += retained.message.body.length;
    node.retained = retained;
  }

  /** False where there was none. */
  delete(topic: string): boolean {
    const levels = topic.split('/');
    const path = [this.#root];
    for (const level of levels) {
      const child = path.at(-1)!.children?.get(level);
      if (!child) return false;
      path.push(child);
    }
    const last = path.at(-1)!;
    if (!last.retained) return false;
    this.count--;
    this.bytes -= last.retained.message.body.length;
    last.retained = undefined;
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
