/** Whether the filter matches, by a regular expression: slow, short and unlike the tree that it checks. */
export function naiveMatch(filter: string, topic: string): boolean {
  if (/^[+#]/.test(filter) && topic.startsWith('$')) return false;
  const pattern = filter
    .replace(/[.*?^${}()|[\]\\]/g, '\\$&')
    .replace(/\+/g, '[^/]*')
    .replace(/^#$/, '.*')
    .replace(/\/#$/, '(/.*)?');
  return new RegExp(`^${pattern}$`, 's').test(topic);
}
