import { describe, expect, test } from 'vitest';
import {
  listSessions,
  SESSION_SORTS,
  type SessionQuery,
} from '../../../../src/broker/stats/session-list.ts';
import { countedSession as session } from '../../../support/counted-session.ts';

type TestSession = ReturnType<typeof session>;

const clock = { wallAt: (ms: number) => ms };
const QUERY: SessionQuery = {
  ...{ text: '', online: undefined, sort: 'clientId', descending: false, limit: 200 },
};

function connectionOf(of: TestSession, remoteAddress: string, version: 3 | 4 | 5, heldMs = 0) {
  const held = { count: heldMs > 0 ? 1 : 0, ms: heldMs, isWaiting: false };
  return { session: of, version, remoteAddress, held, protocol5: undefined };
}

const list = async (
  sessions: readonly TestSession[],
  query: Partial<SessionQuery>,
  connections: ReturnType<typeof connectionOf>[] = [],
) => {
  const byId = new Map(sessions.map((one) => [one.clientId, one]));
  const found = await listSessions(byId, connections, clock, () => 0, { ...QUERY, ...query });
  return { ...found, ids: found.sessions.map(({ clientId }) => clientId) };
};

const robot = session('robot', {
  ...{ owner: 'Line4', online: true, onlineSince: 50, subscriptions: { size: 9 } },
});
const panel = session('panel', {
  ...{ owner: 'hmi', online: true, onlineSince: 90, queue: { count: 7, bytes: 70 } },
});
const away = session('away', { awaySince: 20, drops: new Map([['queue-full', 3]]) });
const longAway = session('gone', { awaySince: 10 });
const all = [robot, panel, away, longAway];
const connections = [connectionOf(robot, '192.0.2.7', 4, 12), connectionOf(panel, '192.0.2.30', 5)];

describe('the list of sessions', () => {
  test.each([
    ['clientId', ['away', 'gone', 'panel', 'robot']],
    ['version', ['away', 'gone', 'robot', 'panel']],
    ['user', ['away', 'gone', 'robot', 'panel']],
    ['address', ['away', 'gone', 'panel', 'robot']],
    ['queued', ['away', 'gone', 'robot', 'panel']],
    ['held', ['away', 'gone', 'panel', 'robot']],
    ['dropped', ['gone', 'panel', 'robot', 'away']],
    ['seen', ['gone', 'away', 'robot', 'panel']],
    ['subscriptions', ['away', 'gone', 'panel', 'robot']],
  ] as const)('is sorted by %s, those with the same by client id', async (sort, ids) => {
    expect((await list(all, { sort }, connections)).ids).toEqual(ids);
    const descending = (await list(all, { sort, descending: true }, connections)).ids;
    expect(descending[0]).toBe(ids.at(-1));
  });

  test('can be sorted by every column', () => {
    expect(SESSION_SORTS).toHaveLength(9);
  });

  test.each([
    ['ROB', ['robot']],
    ['line4', ['robot']],
    ['192.0.2.', ['panel', 'robot']],
    ['mqtt 5', ['panel']],
    ['192.0.2 hmi', ['panel']],
    ['nothing like it', []],
    ['  ', ['away', 'gone', 'panel', 'robot']],
  ])('has those that match "%s"', async (text, ids) => {
    const found = await list(all, { text }, connections);
    expect([found.ids, found.found, found.total]).toEqual([ids, ids.length, 4]);
  });

  test('has those that are connected, or absent', async () => {
    expect((await list(all, { online: true }, connections)).ids).toEqual(['panel', 'robot']);
    expect((await list(all, { online: false }, connections)).ids).toEqual(['away', 'gone']);
  });

  test('has the first ones in order of thousands, and how many there are; other work is done in between', async () => {
    const many = Array.from({ length: 10_000 }, (_, n) =>
      session(`c${n}`, { queue: { count: (n * 7919) % 10_000, bytes: 0 } }),
    );
    let turns = 0;
    const count = (): void => {
      turns += 1;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    const found = await list(many, { sort: 'queued', descending: true, limit: 20 });
    clearImmediate(next);
    const queued = found.sessions.map((one) => one.queued);
    expect(queued).toEqual(Array.from({ length: 20 }, (_, n) => 9999 - n));
    expect([found.found, found.total]).toEqual([10_000, 10_000]);
    expect(turns).toBeGreaterThanOrEqual(3);
  });
});
