/** Levels that have a node each in a tree of topics; all that follows is one text in the node below them. */
export const TREE_LEVELS = 128;
/** Names the node for texts with wildcards: no topic contains it [MQTT-4.7.3-2]. */
export const WILDCARDS = '\0';

/** A topic's path through a tree of topics: its levels, at most `TREE_LEVELS`, and then the rest in one piece. */
export function topicPath(topic: string): string[] {
  const levels = topic.split('/', TREE_LEVELS + 1);
  if (levels.length <= TREE_LEVELS) return levels;
  let start = TREE_LEVELS;
  for (let i = 0; i < TREE_LEVELS; i++) start += levels[i]!.length;
  levels[TREE_LEVELS] = topic.slice(start);
  return levels;
}

/** The same for a filter; a rest with wildcards, other than `#` alone, has the level `WILDCARDS` before it. */
export function filterPath(filter: string): string[] {
  const path = topicPath(filter);
  const rest = path[TREE_LEVELS];
  if (rest !== undefined && rest !== '#' && /[+#]/.test(rest)) {
    path.splice(TREE_LEVELS, 0, WILDCARDS);
  }
  return path;
}

/** Whether the path of a filter has a rest that must be compared with the rest of every topic. */
export function hasDeepWildcard(path: readonly string[]): boolean {
  return path[TREE_LEVELS] === WILDCARDS;
}
