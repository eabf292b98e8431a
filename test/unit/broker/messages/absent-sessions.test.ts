import { beforeEach, describe, expect, test } from 'vitest';
import {
  type AbsentLimits,
  AbsentSessions,
} from '../../../../src/broker/messages/absent-sessions.ts';
import type { Session } from '../../../../src/broker/messages/session.ts';

let sessions: Map<string, Session>;
let events: string[];
let limits: { -readonly [Key in keyof AbsentLimits]: AbsentLimits[Key] };
let absent: AbsentSessions;
let now: number;
let wills: Map<string, number>;

beforeEach(() => {
  [sessions, events, now, wills] = [new Map(), [], 1_000_000, new Map()];
  limits = {
    ...{ connections: 5, sessions: 4, absentQueueBytes: 1000, queueMemory: 500, unreleased: 100 },
    absentSessions: 'end-largest',
  };
  absent = new AbsentSessions({
    limits,
    sessions: {
      byClientId: sessions,
      endSession: (session: Session, reason: string) => {
        events.push(`end ${session.clientId} ${reason}`);
        sessions.delete(session.clientId);
        wills.delete(session.clientId);
      },
    } as unknown as ConstructorParameters<typeof AbsentSessions>[0]['sessions'],
    wills: () => ({
      bytes: [...wills.values()].reduce((sum, bytes) => sum + bytes, 0),
      bytesOf: (clientId) => wills.get(clientId) ?? 0,
    }),
    reached: (key) => void events.push(`reached ${key}`),
    ended: (clientId, reason) => void events.push(`${clientId}: ${reason}`),
    disconnect: ({ clientId }, reason) => void events.push(`disconnect ${clientId}: ${reason}`),
    now: () => now,
  });
});

interface Made {
  readonly online?: boolean;
  readonly opening?: boolean;
  readonly owner?: string;
  readonly address?: string;
  readonly subscriptions?: number;
  readonly awaySince?: number;
  readonly bytes?: number;
  readonly unreleased?: number;
}

function add(clientId: string, made: Made = {}): void {
  const { online = false, opening = false, owner = '', subscriptions = 1, awaySince = 0 } = made;
  const { address = '' } = made;
  const session = {
    ...{ clientId, online, opening, owner, address, awaySince },
    ...{ subscriptions: { size: subscriptions }, queue: { bytes: made.bytes ?? 0 } },
    incoming: { size: made.unreleased ?? 0 },
  };
  sessions.set(clientId, session as unknown as Session);
}

const left = (): string[] => [...sessions.keys()];

describe('a client that has no session', () => {
  test('gets one while there are fewer than the limit; one that has a session always', () => {
    for (const id of ['a', 'b', 'c']) add(id, { online: true });
    expect(absent.hasRoomFor('new')).toBe(true);
    add('d', { online: true });
    expect([absent.hasRoomFor('d'), events]).toEqual([true, []]);
    expect([absent.hasRoomFor('new'), events]).toEqual([false, ['reached sessions']]);
  });

  test('takes the place of one of the address with the most, not of the one that is absent for longest', () => {
    add('old', { address: '192.0.2.1', awaySince: 1 });
    for (const [n, id] of ['x', 'y', 'z'].entries()) {
      add(id, { address: '192.0.2.9', awaySince: 1000 - n });
    }
    expect(absent.hasRoomFor('new')).toBe(true);
    expect(left()).toEqual(['old', 'x', 'y']);
  });

  test('of a user the address does not count', () => {
    add('a', { address: '192.0.2.9', owner: 'one', awaySince: 1 });
    add('b', { address: '192.0.2.9', owner: 'two', awaySince: 2 });
    for (const id of ['x', 'y']) add(id, { address: '192.0.2.1', awaySince: 900 });
    expect(absent.hasRoomFor('new')).toBe(true);
    expect(left()).toEqual(['a', 'b', 'y']);
  });

  test.each([
    [undefined, 5, 10_000],
    [undefined, 6000, 12_000],
    [7, 6000, 7],
  ])('gets one of %s sessions with %s connections: %s', (asked, connections, most) => {
    Object.assign(limits, { sessions: asked, connections, absentSessions: 'keep' });
    for (let n = 0; n < most - 1; n++) add(`${n}`);
    expect(absent.hasRoomFor('new')).toBe(true);
    add('last');
    expect(absent.hasRoomFor('new')).toBe(false);
  });

  test('takes the place of the one that was absent for longest, and that is told', () => {
    for (const [n, id] of ['a', 'b', 'c', 'd'].entries()) add(id, { awaySince: 1000 - n });
    expect(absent.hasRoomFor('new')).toBe(true);
    expect(events).toEqual([
      'reached sessions',
      'end d session-cut',
      'd: absent, with the longest absence: its session has ended',
    ]);
  });

  test('takes that of one without subscriptions first', () => {
    for (const id of ['a', 'b', 'c']) add(id, { awaySince: 0 });
    add('empty', { awaySince: 999_999, subscriptions: 0 });
    absent.hasRoomFor('new');
    expect(left()).toEqual(['a', 'b', 'c']);
  });

  test('takes that of the user with the most', () => {
    add('old', { owner: 'one', awaySince: 0, subscriptions: 0 });
    for (const id of ['a', 'b', 'c']) add(id, { owner: 'many', awaySince: 999_999 });
    absent.hasRoomFor('new');
    expect(left()).toEqual(['old', 'b', 'c']);
  });

  test('searches all sessions once for many, and takes the same ones as if it searched each time', () => {
    limits.sessions = 1000;
    const shares = { one: 300, two: 320, three: 380 };
    for (const [owner, count] of Object.entries(shares)) {
      for (let n = 0; n < count; n++) add(`${owner}${n}`, { owner, awaySince: count - n });
    }
    let searches = 0;
    const values = sessions.values.bind(sessions);
    sessions.values = () => {
      searches++;
      return values();
    };
    const ended: string[] = [];
    for (let n = 0; n < 90; n++) {
      expect(absent.hasRoomFor(`new${n}`)).toBe(true);
      ended.push(events.at(-1)!.split(':')[0]!);
      add(`new${n}`, { owner: 'four', online: true });
    }
    expect(searches).toBe(9);
    // Three has 380 and two 320: 60 of three, then one of each in turn.
    expect(ended.slice(0, 60)).toEqual(Array.from({ length: 60 }, (_, n) => `three${379 - n}`));
    expect(ended.filter((id) => id.startsWith('two'))).toHaveLength(15);
    expect(ended.filter((id) => id.startsWith('one'))).toHaveLength(0);
  });

  test('takes that of no client that has connected since it was found', () => {
    limits.sessions = 200;
    for (let n = 0; n < 200; n++) add(`${n}`, { awaySince: n });
    absent.hasRoomFor('new');
    sessions.delete('1');
    add('1', { online: true });
    add('new', { online: true });
    absent.hasRoomFor('next');
    expect(events.filter((event) => event.startsWith('end'))).toEqual([
      'end 0 session-cut',
      'end 2 session-cut',
    ]);
  });

  test('takes that of no client that is connected or connecting, and of none where they are kept', () => {
    add('online', { online: true });
    add('opening', { opening: true });
    add('b', { online: true });
    add('c', { online: true });
    expect(absent.hasRoomFor('new')).toBe(false);
    sessions.delete('c');
    add('absent');
    limits.absentSessions = 'keep';
    expect(absent.hasRoomFor('new')).toBe(false);
    expect(left()).toHaveLength(4);
  });
});

describe('the queues of absent clients', () => {
  test('are within their limit together; else the one with the most ends', () => {
    add('a', { bytes: 400 });
    add('b', { bytes: 600 });
    add('online', { online: true, bytes: 9000 });
    absent.sweep();
    expect(events).toEqual([]);
    add('c', { bytes: 1 });
    absent.sweep();
    expect(events).toEqual([
      'reached absentQueueBytes',
      'end b session-cut',
      'b: absent, with the most bytes in its queue: its session has ended',
    ]);
  });

  test('end as many as are needed, ten in one sweep', () => {
    for (let n = 0; n < 30; n++) add(`${n}`, { bytes: 1000 });
    absent.sweep();
    expect(sessions.size).toBe(20);
    absent.sweep();
    expect(sessions.size).toBe(10);
    absent.sweep();
    expect(sessions.size).toBe(1);
    const before = events.length;
    absent.sweep();
    expect(events).toHaveLength(before);
  });
});

describe('the wills of absent clients', () => {
  test('are within the memory for queues together; else the session with the largest ends', () => {
    for (const [clientId, bytes] of Object.entries({ a: 200, b: 250, c: 51, d: 900 })) {
      add(clientId, { online: clientId === 'd' });
      if (clientId !== 'd') wills.set(clientId, bytes);
    }
    absent.sweep();
    expect(events).toEqual([
      'reached queueMemory',
      'end b session-cut',
      'b: absent, with the largest will: its session has ended',
    ]);
    absent.sweep();
    expect(left()).toEqual(['a', 'c', 'd']);
  });
});

describe('unreleased messages', () => {
  test('of an absent client end its session', () => {
    add('absent', { unreleased: 60 });
    add('online', { online: true, unreleased: 40 });
    absent.sweep();
    expect(events).toEqual([]);
    add('more', { unreleased: 1 });
    absent.sweep();
    expect(left()).toEqual(['online', 'more']);
    expect(events[0]).toBe('reached unreleased');
    expect(events.at(-1)).toContain('with the most unreleased messages');
  });

  test('of connected clients alone end the connection of the one with the most', () => {
    add('one', { online: true, unreleased: 50 });
    add('two', { online: true, unreleased: 70 });
    add('three', { online: true, unreleased: 60 });
    absent.sweep();
    expect(events).toEqual([
      'reached unreleased',
      'disconnect two: has the most unreleased QoS 2 messages of all clients',
    ]);
    expect(left()).toHaveLength(3);
  });
});
