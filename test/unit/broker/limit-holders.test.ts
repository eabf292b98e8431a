import { describe, expect, test } from 'vitest';
import type { BrokerLimits } from '../../../src/broker/broker-limits.ts';
import type { Connections } from '../../../src/broker/clients/connections.ts';
import { holderOf, limitSentences } from '../../../src/broker/limit-holders.ts';
import type { DataPlane } from '../../../src/broker/messages/data-plane.ts';
import { type LimitKey, LimitTroubles } from '../../../src/broker/stats/limit-troubles.ts';

/** A session that has nothing, apart from what the test says. */
function session(clientId: string, over: object = {}) {
  return {
    clientId,
    ...{ owner: '', online: true, persistent: true, unread: 0, incoming: { size: 0 } },
    ...{ subscriptions: { size: 0, bytes: 0 }, queue: { bytes: 0 }, ...over },
  };
}

function holder(
  key: LimitKey,
  sessions: ReturnType<typeof session>[],
  publishers: Record<string, { count: number; bytes: number }> = {},
) {
  const plane = {
    sessions: { byClientId: new Map(sessions.map((one) => [one.clientId, one])) },
    retained: { byPublisher: new Map(Object.entries(publishers)) },
  };
  const connections = {
    most: { name: '192.0.2.7', has: 5 },
    mostUnfinished: { name: 'large', has: 9 },
  };
  return holderOf(key, plane as unknown as DataPlane, connections as unknown as Connections);
}

const subscriber = session('one', { subscriptions: { size: 3, bytes: 10 } });
const wide = session('two', { subscriptions: { size: 2, bytes: 90 } });

describe('who has the most', () => {
  test.each(['connections', 'connectionsPerAddress', 'connecting'] as const)(
    'of %s is an address',
    (key) => expect(holder(key, [])).toEqual({ name: '192.0.2.7', has: 5 }),
  );

  test.each([
    ['subscriptions', { name: 'one', has: 3 }],
    ['subscriptionsPerClient', { name: 'one', has: 3 }],
    ['subscriptionBytes', { name: 'two', has: 90 }],
    ['subscriptionBytesPerClient', { name: 'two', has: 90 }],
  ] as const)('of %s is the client with the most of that', (key, most) => {
    expect(holder(key, [subscriber, wide])).toEqual(most);
  });

  test('of unreleased messages', () => {
    const sessions = [
      session('a', { incoming: { size: 1 } }),
      session('b', { incoming: { size: 7 } }),
    ];
    expect(holder('unreleased', sessions)).toEqual({ name: 'b', has: 7 });
  });

  test('of the queues of absent clients is an absent one', () => {
    const sessions = [
      session('here', { queue: { bytes: 100 } }),
      session('away', { online: false, queue: { bytes: 50 } }),
    ];
    expect(holder('absentQueueBytes', sessions)).toEqual({ name: 'away', has: 50 });
  });

  test('of the queues in memory has a clean session', () => {
    const sessions = [
      session('stored', { queue: { bytes: 100 } }),
      session('clean', { persistent: false, queue: { bytes: 50 } }),
    ];
    expect(holder('queueMemory', sessions)).toEqual({ name: 'clean', has: 50 });
  });

  test('of what is not read, and of what is not finished', () => {
    expect(holder('unreadMemory', [session('slow', { unread: 4 })])).toEqual({
      ...{ name: 'slow', has: 4 },
    });
    expect(holder('unfinishedMemory', [])).toEqual({ name: 'large', has: 9 });
  });

  test.each([
    ['retainedMessages', { name: 'many', has: 9 }],
    ['retainedMessagesPerClient', { name: 'many', has: 9 }],
    ['retainedBytes', { name: 'large', has: 5000 }],
    ['retainedBytesPerClient', { name: 'large', has: 5000 }],
  ] as const)('of %s is a publisher', (key, most) => {
    const publishers = { many: { count: 9, bytes: 10 }, large: { count: 1, bytes: 5000 } };
    expect(holder(key, [], publishers)).toEqual(most);
  });

  test('of sessions is a user, or the clients without one', () => {
    const named = [session('a', { owner: 'hmi' }), session('b', { owner: 'hmi' }), session('c')];
    expect(holder('sessions', named)).toEqual({ name: 'hmi', has: 2 });
    const others = [session('d'), session('e'), session('f')];
    expect(holder('sessions', [...named, ...others])).toEqual({
      ...{ name: 'clients without a user', has: 4 },
    });
  });

  test('of sessions without a user is the address of their clients', () => {
    const all = [session('a'), session('b', { address: '192.0.2.9' })];
    const more = [...all, session('c', { address: '192.0.2.9' })];
    expect(holder('sessions', more)).toEqual({ name: '192.0.2.9', has: 2 });
  });

  test('is nobody where nobody has any', () => {
    expect(holder('subscriptions', [session('a')])).toBeUndefined();
    expect(holder('sessions', [])).toBeUndefined();
  });
});

test('many sessions are a trouble before the limit is reached, and one trouble after it', () => {
  const sessions = Array.from({ length: 8 }, (_, n) => session(`c${n}`, { address: '192.0.2.9' }));
  const plane = { sessions: { byClientId: new Map(sessions.map((one) => [one.clientId, one])) } };
  const reached = new LimitTroubles(() => 0);
  const sentences = (limit: number): string[] =>
    limitSentences(
      reached,
      { sessions: limit } as BrokerLimits,
      plane as unknown as DataPlane,
      {} as Connections,
    );
  expect(sentences(11)).toEqual([]);
  expect(sentences(10)).toEqual([
    '8 of 10 sessions are in use (broker.limits.sessions); 192.0.2.9 has the most: 8',
  ]);
  reached.reached('sessions');
  expect(sentences(8)).toEqual([
    'the limit broker.limits.sessions is reached (8); 192.0.2.9 has the most: 8',
  ]);
});
