import type { Qos } from '../../mqtt/codec.ts';
import { matchesLevels } from '../../mqtt/topics.ts';
import type { Message } from '../../queue/message.ts';
import { TREE_LEVELS, WILDCARDS } from './tree-levels.ts';

export interface Retained {
  readonly topic: string;
  readonly message: Message;
  readonly qos: Qos;
  /** The client that has published it; '' for the gateway itself. */
  readonly publisher: string;
  /** Counts the messages that were set: a later one has a higher number. */
  readonly number: number;
  /** False once it was replaced or deleted. */
  readonly current: boolean;
}

/** A topic level in the tree of retained messages. */
export class RetainedNode {
  readonly parent: RetainedNode | undefined;
  readonly level: string;
  children: Map<string, RetainedNode> | undefined;
  retained: { -readonly [Key in keyof Retained]: Retained[Key] } | undefined;

  constructor(parent: RetainedNode | undefined, level: string) {
    this.parent = parent;
    this.level = level;
  }
}

/** The children of a node that are still to be visited, and the level of the filter that is for them. */
interface Level {
  readonly children: Iterator<[string, RetainedNode]>;
  readonly depth: number;
}

/**
 * Finds the retained messages that a filter matches, some at a time, while others are set and deleted: each that stays
 * is found once, and none that was set after the walk was asked for.
 */
export class RetainedWalk {
  readonly #filter: readonly string[];
  readonly #upTo: number;
  readonly #levels: Level[] = [];
  #root: RetainedNode | undefined;
  #found: Retained[] = [];

  /** `upTo` is the number of the last message that may be found. */
  constructor(root: RetainedNode, filter: readonly string[], upTo: number) {
    this.#root = root;
    this.#filter = filter;
    this.#upTo = upTo;
  }

  get isDone(): boolean {
    return this.#root === undefined && this.#levels.length === 0;
  }

  /** Visits at most so many topic levels and returns what it has found. */
  take(most: number): readonly Retained[] {
    this.#found = [];
    if (this.#root) this.#visit(this.#root, 0);
    this.#root = undefined;
    for (let visited = 0; visited < most; visited++) {
      const level = this.#levels.at(-1);
      if (!level) break;
      const { value: child, done } = level.children.next();
      if (done) this.#levels.pop();
      else this.#child(level.depth, child[0], child[1]);
    }
    return this.#found;
  }

  /** A node that the levels before `depth` match. */
  #visit(from: RetainedNode, at: number): void {
    let [node, depth] = [from, at];
    while (depth < this.#filter.length) {
      const level = this.#filter[depth]!;
      if (level === '#' || level === '+' || level === WILDCARDS) {
        // `#` matches its parent too.
        if (level === '#' && depth > 0) this.#find(node);
        if (node.children) this.#levels.push({ children: node.children.entries(), depth });
        return;
      }
      const child = node.children?.get(level);
      if (!child) return;
      node = child;
      depth++;
    }
    this.#find(node);
  }

  /** A child of a node, where the filter has a wildcard at this depth. */
  #child(depth: number, name: string, node: RetainedNode): void {
    // At the root, wildcards match no level that begins with `$` [MQTT-4.7.2-1].
    if (depth === 0 && node.parent?.parent === undefined && name.startsWith('$')) return;
    const level = this.#filter[depth];
    if (level === '+') this.#visit(node, depth + 1);
    else if (level === WILDCARDS) {
      if (matchesLevels(this.#filter[TREE_LEVELS + 1]!, name)) this.#find(node);
    } else {
      this.#find(node);
      if (node.children) this.#levels.push({ children: node.children.entries(), depth });
    }
  }

  #find({ retained }: RetainedNode): void {
    if (retained && retained.number <= this.#upTo) this.#found.push(retained);
  }
}
