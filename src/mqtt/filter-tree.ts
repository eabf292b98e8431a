/** One level of filters; those that end here have their values in `values`. */
interface Node<Value> {
  readonly children: Map<string, Node<Value>>;
  readonly values: Value[];
}

const emptyNode = <Value>(): Node<Value> => ({ children: new Map(), values: [] });

/**
 * Values by topic filter. Finds those whose filters cover or overlap another one, as `covers` and `overlaps` say, without
 * comparing it with each.
 */
export class FilterTree<Value> {
  readonly #root = emptyNode<Value>();

  add(filter: string, value: Value): void {
    let node = this.#root;
    for (const level of filter.split('/')) {
      let child = node.children.get(level);
      if (!child) {
        child = emptyNode();
        node.children.set(level, child);
      }
      node = child;
    }
    node.values.push(value);
  }

  /** The values whose filters cover this one, in no order. */
  covering(filter: string): Value[] {
    return this.#find(filter, false);
  }

  /** The values whose filters overlap this one, in no order. */
  overlapping(filter: string): Value[] {
    return this.#find(filter, true);
  }

  #find(filter: string, isOverlap: boolean): Value[] {
    const levels = filter.split('/');
    const found: Value[] = [];
    // No recursion: a filter may have 65,536 levels.
    const open: [node: Node<Value>, depth: number][] = [[this.#root, 0]];
    for (let next = open.pop(); next; next = open.pop()) {
      const [node, depth] = next;
      const level = levels[depth];
      // A wildcard in front does not match a leading $ [MQTT-4.7.2-1].
      const isHidden = node === this.#root && filter.startsWith('$');
      if (!isHidden) found.push(...(node.children.get('#')?.values ?? []));
      const isBelow = isOverlap && level === '#';
      // `a/#` matches `a` too.
      if (level === undefined || isBelow) found.push(...node.values);
      if (isBelow || (isOverlap && level === '+')) {
        for (const child of this.#belowWildcard(node))
          open.push([child, depth + (isBelow ? 0 : 1)]);
      } else if (level !== undefined) {
        const names = level === '+' || isHidden ? [level] : [level, '+'];
        for (const name of level === '#' ? [] : names) {
          const child = node.children.get(name);
          if (child) open.push([child, depth + 1]);
        }
      }
    }
    return found;
  }

  /** The levels that a wildcard in place of them overlaps, without `#`. */
  #belowWildcard(node: Node<Value>): Node<Value>[] {
    return [...node.children]
      .filter(([name]) => name !== '#' && !(node === this.#root && name.startsWith('$')))
      .map(([, child]) => child);
  }
}
