/** Topic matching as MQTT 3.1.1, section 4.7 words it; written for clarity, it shares nothing with the broker. */
export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && (filter.startsWith('#') || filter.startsWith('+'))) return false;
  return matchLevels(filter.split('/'), topic.split('/'));
}

function matchLevels(filter: readonly string[], topic: readonly string[]): boolean {
  const [want, ...restOfFilter] = filter;
  const [have, ...restOfTopic] = topic;
  if (want === '#') return true;
  if (want === undefined || have === undefined) return want === have;
  return (want === '+' || want === have) && matchLevels(restOfFilter, restOfTopic);
}

/** The names that sequences are made of: few, so that they meet; with empty levels and `$` among them. */
export const TOPICS = ['a', 'a/b', 'a/b/c', 'b', '/a', 'a/', '$x/a'] as const;
export const FILTERS = [
  'a',
  'a/b',
  'a/+',
  'a/#',
  '#',
  '+',
  '+/b',
  '+/+',
  'b',
  '/+',
  'a/+/c',
  '$x/#',
  '+/a',
  'will/+',
] as const;
