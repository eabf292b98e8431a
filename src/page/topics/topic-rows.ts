import type { TopicEntry } from './topic-store.ts';

/** A level of a topic, with what is below it. */
export interface TopicNode {
  readonly name: string;
  /** The topic up to this level. */
  readonly path: string;
  readonly children: Map<string, TopicNode>;
  entry: TopicEntry | undefined;
  /** Topics at this level and below. */
  topics: number;
}

/** A line of the tree. */
export interface TopicRow {
  readonly node: TopicNode;
  /** From 1 on, as the place among those of the same level. */
  readonly level: number;
  readonly place: number;
  readonly places: number;
  readonly isOpen: boolean;
}

export interface TopicRows {
  readonly rows: readonly TopicRow[];
  /** Lines that are left out. */
  readonly more: number;
}

/** A topic with more levels has the rest of them in its last one: a topic may have 65,535. */
const DEEPEST = 20;

/** The tree of these topics, in order of their names. */
export function topicTree(entries: Iterable<TopicEntry>): TopicNode {
  const root = created('', '');
  const sorted = [...entries].sort((a, b) => (a.topic < b.topic ? -1 : 1));
  for (const entry of sorted) add(root, entry);
  return root;
}

function add(root: TopicNode, entry: TopicEntry): void {
  const levels = entry.topic.split('/', DEEPEST);
  let [node, path] = [root, ''];
  root.topics += 1;
  for (const [index, first] of levels.entries()) {
    const start = index === 0 ? '' : `${path}/`;
    const name = index === DEEPEST - 1 ? entry.topic.slice(start.length) : first;
    path = start + name;
    let child = node.children.get(name);
    if (!child) {
      child = created(name, path);
      node.children.set(name, child);
    }
    child.topics += 1;
    node = child;
  }
  node.entry = entry;
}

function created(name: string, path: string): TopicNode {
  return { name, path, children: new Map(), entry: undefined, topics: 0 };
}

/** The lines that are visible, at most `limit`. */
export function visibleRows(
  root: TopicNode,
  isOpen: (path: string) => boolean,
  limit: number,
): TopicRows {
  const rows: TopicRow[] = [];
  let more = 0;
  const walk = (node: TopicNode, level: number): void => {
    let place = 0;
    for (const child of node.children.values()) {
      place += 1;
      const open = child.children.size > 0 && isOpen(child.path);
      if (rows.length >= limit) more += 1;
      else rows.push({ node: child, level, place, places: node.children.size, isOpen: open });
      if (open) walk(child, level + 1);
    }
  };
  walk(root, 1);
  return { rows, more };
}
