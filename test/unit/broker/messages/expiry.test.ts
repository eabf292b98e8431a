import { beforeEach, describe, expect, test } from 'vitest';
import { Expiry } from '../../../../src/broker/messages/expiry.ts';
import type { Session } from '../../../../src/broker/messages/session.ts';

let now: number;
let sessions: Map<string, Session>;
let ended: string[];
/** How many messages each sweep allowed a session to drop. */
let asked: [clientId: string, limit: number][];
let expiry: Expiry;
/** Topics of retained messages that have expired, and those that were deleted. */
let expired: string[];
let deleted: string[];

beforeEach(() => {
  [now, sessions, ended, asked] = [1000, new Map(), [], []];
  [expired, deleted] = [[], []];
  expiry = new Expiry({
    sessions,
    limits: { sessionExpiry: 60_000 },
    now: () => now,
    retained: { expired: (_now, limit) => expired.splice(0, limit) },
    deleteRetained: (topic) => void deleted.push(topic),
    end: ({ clientId }) => {
      ended.push(clientId);
      sessions.delete(clientId);
    },
  });
});

/** A session whose queue has so many messages that are too old. */
function add(clientId: string, over: object = {}, old = 0): void {
  let left = old;
  const expire = (limit: number): number => {
    asked.push([clientId, limit]);
    const dropped = Math.min(limit, left);
    left -= dropped;
    return dropped;
  };
  const session = {
    ...{ clientId, persistent: true, awaySince: 0, expire },
    isExpired(this: { awaySince: number }, time: number, limit: number): boolean {
      return time - this.awaySince > limit;
    },
    ...over,
  };
  sessions.set(clientId, session as unknown as Session);
}

describe('a session', () => {
  test('ends when its client is away for longer than the limit, not before', () => {
    add('a', { awaySince: 1000 });
    now = 61_000;
    expiry.sweep();
    expect(ended).toEqual([]);
    now = 61_001;
    // The sweep before has ended a round; so has this one.
    expiry.sweep();
    expiry.sweep();
    expect(ended).toEqual(['a']);
  });

  test('that is not persistent does not end', () => {
    add('a', { persistent: false });
    now = 1e9;
    for (let n = 0; n < 3; n++) expiry.sweep();
    expect(ended).toEqual([]);
  });
});

describe('one sweep', () => {
  test('checks 500 sessions, and the next one the others', () => {
    for (let n = 0; n < 700; n++) add(`${n}`);
    expiry.sweep();
    expect([asked.length, asked.at(-1)?.[0]]).toEqual([500, '499']);
    expiry.sweep();
    expect([asked.length, asked.at(-1)?.[0]]).toEqual([700, '699']);
    expiry.sweep();
    expect([asked.length, asked.at(-1)?.[0]]).toEqual([1200, '499']);
  });

  test('drops 2000 messages, and goes on with the next session in the next one', () => {
    add('a', {}, 1500);
    add('b', {}, 1500);
    add('c', {}, 10);
    expiry.sweep();
    expect(asked).toEqual([
      ['a', 2000],
      ['b', 500],
    ]);
    expiry.sweep();
    expect(asked.slice(2)).toEqual([['c', 2000]]);
    expiry.sweep();
    expect(asked.slice(3)).toEqual([
      ['a', 2000],
      ['b', 2000],
      ['c', 1000],
    ]);
  });

  test('finds a session that was opened after the last round', () => {
    add('a');
    expiry.sweep();
    add('b');
    expiry.sweep();
    expect(asked.map(([clientId]) => clientId)).toEqual(['a', 'a', 'b']);
  });
});

test('retained messages that have expired are deleted, 2000 in one sweep', () => {
  expired = Array.from({ length: 2500 }, (_, n) => `${n}`);
  expiry.sweep();
  expect(deleted).toHaveLength(2000);
  expiry.sweep();
  expect([deleted.length, deleted.at(-1)]).toEqual([2500, '2499']);
});
