import type { Series } from '../history/hour-history.ts';
import type { Gateway } from './gateway.ts';

/** For so long requests are collected. */
const COLLECT_MS = 150;

/** Loads the last hour of topics, many in one request. `loaded` is called for each that has one. */
export function createHistoryLoader<Item extends { readonly topic: string }>(
  gateway: Gateway,
  loaded: (item: Item, series: Series) => void,
): (item: Item) => void {
  const wanted = new Set<Item>();
  const load = async (): Promise<void> => {
    const items = [...wanted];
    wanted.clear();
    const topics = items.map(({ topic }) => topic);
    const histories = await gateway.history(topics).catch((): Record<string, Series> => ({}));
    for (const item of items) {
      const series = histories[item.topic];
      if (series) loaded(item, series);
    }
  };
  return (item) => {
    wanted.add(item);
    if (wanted.size === 1) setTimeout(() => void load(), COLLECT_MS);
  };
}
