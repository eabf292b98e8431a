/** Begins the filters of shared subscriptions [MQTT 5, section 4.8.2]. */
const SHARED = '$share/';

/** Whether the filter is that of a shared subscription, valid or not. */
export function isShared(filter: string): boolean {
  return filter.startsWith(SHARED);
}

/** The problem of a shared subscription's filter, as text to print after it; undefined if it is valid [MQTT-4.8.2-1] [MQTT-4.8.2-2]. */
export function shareProblem(filter: string): string | undefined {
  const [, name = '', ...rest] = filter.split('/');
  if (name === '') return 'has no share name';
  if (/[+#]/.test(name)) return 'has a wildcard in its share name';
  return rest.join('/') === '' ? 'has no topic filter' : undefined;
}
