import { describe, expect, test } from 'vitest';
import { DropCounter } from '../../../../src/broker/stats/drop-counter.ts';
import { shareStatuses } from '../../../../src/broker/stats/share-status.ts';
import { dropCounts, messageCounts, sessionStatuses } from '../../../../src/broker/stats/status.ts';
import { countedSession as session } from '../../../support/counted-session.ts';
import { createQuietLog } from '../../../support/quiet-log.ts';

const clock = { wallAt: (ms: number) => ms + 1_000_000 };

describe('the sessions', () => {
  test('have what is known of the session and of its connection', () => {
    const online = session('on', {
      ...{ owner: 'hmi', online: true, subscriptions: { size: 3 }, inflight: 2 },
      ...{ queue: { count: 5, bytes: 50 }, flow: { slow: true } },
      drops: new Map([
        ['queue-full', 4],
        ['expired', 3],
      ]),
    });
    const held = { isWaiting: true, count: 2, ms: 30 };
    const connections = [
      {
        session: undefined,
        version: undefined,
        remoteAddress: '192.0.2.9',
        held,
        protocol5: undefined,
      },
      {
        ...{ session: online, version: 5 as const, remoteAddress: '192.0.2.1', held },
        protocol5: { aliasCounts: { fromClient: 2, toClient: 1 } },
      },
    ];
    const sharesOf = (each: object): number => (each === online ? 1 : 0);
    expect(sessionStatuses([session('off'), online], connections, clock, sharesOf)).toEqual([
      {
        ...{ clientId: 'on', user: 'hmi', address: '192.0.2.1', online: true, persistent: true },
        ...{ since: 1_000_100, subscriptions: 3, queued: 5, bytes: 50, inflight: 2, dropped: 7 },
        ...{ slow: true, held, version: '5', sessionExpiry: 90 },
        ...{ shares: 1, aliases: { fromClient: 2, toClient: 1 } },
      },
      {
        ...{ clientId: 'off', user: '', address: null, online: false, persistent: true },
        ...{ since: 1_000_200, subscriptions: 0, queued: 0, bytes: 0, inflight: 0, dropped: 0 },
        ...{ slow: false, held: { isWaiting: false, count: 0, ms: 0 } },
        ...{ version: null, sessionExpiry: 90 },
        ...{ shares: 0, aliases: { fromClient: 0, toClient: 0 } },
      },
    ]);
  });

  test('are a hundred at most: those with the longest queues, then by client id', () => {
    const all = Array.from({ length: 3000 }, (_, n) =>
      session(`c${`${n}`.padStart(4, '0')}`, { queue: { count: (n * 7919) % 3000, bytes: 0 } }),
    );
    const listed = sessionStatuses(all, [], clock, () => 0).map(({ queued }) => queued);
    expect(listed).toEqual(Array.from({ length: 100 }, (_, n) => 2999 - n));
    const same = ['b', 'c', 'a'].map((clientId) => session(clientId));
    const ids = sessionStatuses(same, [], clock, () => 0).map(({ clientId }) => clientId);
    expect(ids).toEqual(['a', 'b', 'c']);
  });
});

test('the groups are a hundred at most: first those without a reader, then the largest, with twenty members each', () => {
  const group = (n: number, size: number, online: number) => ({
    ...{ filter: `$share/g${`${n}`.padStart(4, '0')}/t`, size, online },
    sessions: Array.from({ length: size }, (_, m) => ({ clientId: `c${m}`, online: m < online })),
  });
  const groups = Array.from({ length: 2000 }, (_, n) =>
    group(n, 1 + (n % 30), n % 7 === 0 ? 0 : 1),
  );
  const listed = shareStatuses(groups);
  expect(listed).toHaveLength(100);
  const worst = groups
    .filter(({ online }) => online === 0)
    .toSorted((a, b) => b.size - a.size || (a.filter < b.filter ? -1 : 1));
  expect(listed.map(({ filter }) => filter)).toEqual(
    worst.slice(0, 100).map(({ filter }) => filter),
  );
  expect(listed[0]).toMatchObject({ online: 0, away: 30 });
  expect(listed[0]!.members).toEqual(Array.from({ length: 20 }, (_, m) => `c${m}`));
  expect(shareStatuses([group(1, 2, 1)])).toEqual([
    { filter: '$share/g0001/t', online: 1, away: 1, members: ['c0', 'c1'] },
  ]);
});

test('drops are counted by reason, and for a hundred sessions that have any', () => {
  const counter = new DropCounter(createQuietLog().log);
  counter.count('a', 'queue-full', 5);
  counter.count('b', 'expired');
  counter.stop();
  const sessions = new Map(
    Array.from({ length: 150 }, (_, n) => [
      `${n}`,
      session(`${n}`, { drops: n === 0 ? new Map() : new Map([['queue-full', n]]) }),
    ]),
  );
  const { total, reasons, sessions: lossy } = dropCounts(sessions, counter);
  expect([total, reasons]).toEqual([6, { 'queue-full': 5, expired: 1 }]);
  expect([lossy.length, lossy[0]]).toEqual([100, { clientId: '1', 'queue-full': 1 }]);
});

test('the sums are those of all sessions and of what is retained', () => {
  const counter = new DropCounter(createQuietLog().log);
  counter.count('a', 'queue-full', 5);
  counter.stop();
  const sessions = [
    session('a', { online: true, queue: { count: 2, bytes: 20 } }),
    session('b', { queue: { count: 3, bytes: 30 } }),
    session('c'),
  ];
  const plane = {
    sessions: { byClientId: new Map(sessions.map((one) => [one.clientId, one])) },
    ...{ router: { count: 7 }, retained: { count: 4, bytes: 400 }, published: 9 },
    flow: { waiting: 1, slowReaders: 2, totals: { holds: 3, heldMs: 40, slowReaders: 5 } },
  };
  expect(messageCounts(plane, counter)).toEqual({
    ...{ sessions: 3, away: 2, subscriptions: 7, retained: 4, published: 9, dropped: 5 },
    ...{ queued: 5, storedBytes: 450 },
    flow: { publishersHeld: 1, slowReaders: 2, holds: 3, heldMs: 40, slowReadersTotal: 5 },
  });
});
