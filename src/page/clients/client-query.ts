import type { SessionSort } from '../../broker/stats/session-list.ts';
import type { TextKey } from '../texts-en.ts';

/** A column of the table of clients. */
export interface Column {
  readonly sort: SessionSort;
  readonly title: TextKey;
  /** Whether a click on its head shows the largest first: for numbers. */
  readonly largestFirst: boolean;
}

export const COLUMNS: readonly Column[] = [
  { sort: 'clientId', title: 'clientId', largestFirst: false },
  { sort: 'version', title: 'protocol', largestFirst: false },
  { sort: 'user', title: 'user', largestFirst: false },
  { sort: 'address', title: 'address', largestFirst: false },
  { sort: 'queued', title: 'waiting', largestFirst: true },
  { sort: 'held', title: 'heldUp', largestFirst: true },
  { sort: 'dropped', title: 'dropped', largestFirst: true },
  { sort: 'seen', title: 'lastSeen', largestFirst: true },
  { sort: 'subscriptions', title: 'subscriptions', largestFirst: true },
];

export interface ClientQuery {
  readonly text: string;
  readonly state: 'all' | 'online' | 'offline';
  readonly sort: SessionSort;
  readonly descending: boolean;
}

export const FIRST_QUERY: ClientQuery = {
  ...{ text: '', state: 'all', sort: 'clientId', descending: false },
};

/** The query after a click on the head of a column: sorts by it, the second time in the other order. */
export function sortedBy(query: ClientQuery, sort: SessionSort): ClientQuery {
  if (query.sort === sort) return { ...query, descending: !query.descending };
  const column = COLUMNS.find((one) => one.sort === sort);
  return { ...query, sort, descending: column?.largestFirst ?? false };
}

/** The parameters of the request. */
export function parametersOf({ text, state, sort, descending }: ClientQuery): [string, string][] {
  const order = descending ? 'desc' : 'asc';
  return [
    ['text', text.trim().slice(0, 200)],
    ['state', state],
    ['sort', sort],
    ['order', order],
  ];
}
