import { describe, expect, test } from 'vitest';
import { SESSION_SORTS } from '../../../src/broker/stats/session-list.ts';
import {
  COLUMNS,
  FIRST_QUERY,
  parametersOf,
  sortedBy,
} from '../../../src/page/clients/client-query.ts';

describe('the table of clients', () => {
  test('has a column for everything that the gateway can sort by', () => {
    expect(COLUMNS.map(({ sort }) => sort)).toEqual(SESSION_SORTS);
  });

  test('shows the largest numbers first, names from A to Z; a second click is the other order', () => {
    const queued = sortedBy(FIRST_QUERY, 'queued');
    expect(queued).toMatchObject({ sort: 'queued', descending: true });
    expect(sortedBy(queued, 'queued').descending).toBe(false);
    expect(sortedBy(queued, 'user')).toMatchObject({ sort: 'user', descending: false });
  });

  test('asks with what was typed, which may be too long', () => {
    const text = ` ${'x'.repeat(500)}`;
    const asked = new URLSearchParams(parametersOf({ ...FIRST_QUERY, text, state: 'offline' }));
    expect(Object.fromEntries(asked)).toEqual({
      ...{ text: 'x'.repeat(200), state: 'offline', sort: 'clientId', order: 'asc' },
    });
  });
});
