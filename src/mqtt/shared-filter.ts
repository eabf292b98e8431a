import { createHash } from 'node:crypto';

/** Begins the filters of shared subscriptions [MQTT 5, section 4.8.2]. */
const SHARED = '$share/';
/** Bytes of a group's number: few enough for a number, too many for two groups to have the same one by chance. */
const NUMBER_BYTES = 6;

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

/** The filter that the messages of a subscription match: for a valid shared one, what follows its share name. */
export function topicFilterOf(filter: string): string {
  return isShared(filter) ? filter.slice(filter.indexOf('/', SHARED.length) + 1) : filter;
}

/** The number of a group on disk, which follows from share name and filter; never 0. */
export function shareNumber(filter: string): number {
  return createHash('sha1').update(filter).digest().readUIntBE(0, NUMBER_BYTES) || 1;
}
