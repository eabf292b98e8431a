import { z } from 'zod';
import { type FilterConfig, filterSchema } from './filters.ts';

/** The filters of a sensor: of all its channels, or by channel, `*` for those that are not named. */
export type ChannelFilters =
  | readonly FilterConfig[]
  | Readonly<Record<string, readonly FilterConfig[]>>;

const listSchema = z
  .array(filterSchema, { error: 'a list of filters such as [median: 5, deadband: 0.1]' })
  .max(16, { error: 'at most 16 filters' });

/** The schema of a sensor's `filters`. */
export const channelFiltersSchema = z.union(
  [
    listSchema,
    z.record(z.string(), listSchema, {
      error: 'a map such as { power: [integrate: 1h], "*": [median: 3] }',
    }),
  ],
  {
    error:
      'a list of filters such as [median: 5, deadband: 0.1], or a map of such lists by channel',
  },
);

/** The filters of one channel. */
export function filtersOf(filters: ChannelFilters, channel: string): readonly FilterConfig[] {
  if (!isByChannel(filters)) return filters;
  return (Object.hasOwn(filters, channel) ? filters[channel] : filters['*']) ?? [];
}

/** Every list, with its path below `filters` and the channel that it is for; undefined for those that are not named. */
export function filterLists(filters: ChannelFilters): {
  readonly path: readonly string[];
  readonly channel: string | undefined;
  readonly list: readonly FilterConfig[];
}[] {
  if (!isByChannel(filters)) return [{ path: [], channel: undefined, list: filters }];
  return Object.entries(filters).map(([channel, list]) => ({
    path: [channel],
    channel: channel === '*' ? undefined : channel,
    list,
  }));
}

function isByChannel(
  filters: ChannelFilters,
): filters is Readonly<Record<string, readonly FilterConfig[]>> {
  return !Array.isArray(filters);
}
