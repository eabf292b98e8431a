import { describe, expect, test } from 'vitest';
import { DelayedWills } from '../../../../src/broker/control/delayed-wills.ts';
import { databaseFile } from '../../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../../src/store/database/database.ts';
import type { StoredDelayedWill } from '../../../../src/store/recovery/load-state.ts';
import { startBroker } from '../../../support/broker.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const left = (delay: number, clientId = 'c'): StoredDelayedWill => ({
  clientId,
  topic: 'will',
  qos: 1,
  retain: false,
  payload: Buffer.from('gone'),
  properties: Buffer.alloc(0),
  expiry: -1,
  delay,
  due: 0,
});

function start(
  delay: number,
  graceMs: number,
  sessionMs = Number.POSITIVE_INFINITY,
  clientIds = ['c'],
) {
  const published: string[] = [];
  const stored: unknown[] = [];
  const watches = new Set<() => void>();
  /** A message of the will's topic is published. */
  const message = (): void => {
    for (const published of [...watches]) published();
  };
  let now = 1000;
  const wills = new DelayedWills({
    store: {
      journal: { add: ([name]: [string]) => stored.push(name) },
      storedClock: { now: () => now },
    } as never,
    sessionMs: () => sessionMs,
    publish(_will, clientId) {
      published.push(clientId);
      message();
    },
    watch(_topic, published) {
      watches.add(published);
      return () => watches.delete(published);
    },
  });
  wills.start(
    clientIds.map((clientId) => left(delay, clientId)),
    graceMs,
  );
  const pass = (ms: number): void => {
    now += ms;
    wills.sweep();
  };
  return { wills, published, stored, watches, message, pass };
}

describe('the will of a client that was connected when the gateway died', () => {
  test('is published before the client can come back, where it has no delay', () => {
    const { wills, published, pass } = start(0, 0);
    expect(published).toEqual(['c']);
    wills.connected('c', undefined);
    pass(1);
    expect(published).toEqual(['c']);
  });

  test('is published at once where its session was to end with the connection', () => {
    expect(start(10, 0, 0).published).toEqual(['c']);
  });

  test.each([
    ['its delay', 10, 0, 10_000],
    ['the time that clients have after a clean stop', 0, 5000, 5000],
  ])('waits for %s', (_name, delay, graceMs, ms) => {
    const { published, pass } = start(delay, graceMs);
    pass(ms - 1);
    expect(published).toEqual([]);
    pass(1);
    expect(published).toEqual(['c']);
  });
});

describe('after a clean stop', () => {
  test('a message of its topic makes the will void: its client is back under another id', () => {
    const { published, stored, watches, message, pass } = start(0, 5000);
    message();
    pass(10_000);
    expect([published, stored, watches.size]).toEqual([[], ['deleteDelayedWill'], 0]);
  });

  test('a message makes the will of a connection since then not void', () => {
    const { wills, published, watches, message, pass } = start(0, 5000);
    const will = { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: false } as const;
    wills.connected('c', will);
    message();
    wills.lost('c', 0);
    pass(1);
    expect([published, watches.size]).toEqual([['c'], 0]);
  });

  test('two wills of one topic do not make each other void', () => {
    const { published, pass } = start(0, 5000, Number.POSITIVE_INFINITY, ['a', 'b']);
    pass(5000);
    expect(published).toEqual(['a', 'b']);
  });

  test.each([
    ['a will that waits for its client has no time on disk', 0, []],
    ['a longer delay of the will has', 10, ['delayedWillDue']],
  ])('%s', (_name, delay, expected) => {
    expect(start(delay, 5000).stored).toEqual(expected);
  });

  test('a status stays online when a client of MQTT 5 is back under another id', async () => {
    const folder = tempFolder();
    const will = { topic: 'status', payload: 'offline', qos: 0, retain: true } as const;
    const begin = () => startBroker(folder, {}, {}, 'tcp', undefined, [5]);
    const first = await begin();
    const device = await first.client5({ clientId: 'one', will });
    await device.publish('status', 'online', { qos: 1, retain: true });
    await first.stop();
    const second = await begin();
    const again = await second.client5({ clientId: 'two' });
    await again.publish('status', 'online', { qos: 1, retain: true });
    await second.stop();
    const db = openConnection(databaseFile(folder));
    try {
      expect(db.prepare('SELECT client_id FROM delayed_will').all()).toEqual([]);
    } finally {
      db.close();
    }
  });
});

test('the bytes of wills are counted while their clients are absent', () => {
  const { wills, published, pass } = start(10, 0, Number.POSITIVE_INFINITY, ['a', 'b', 'c']);
  const BYTES = 'willgone'.length;
  const counted = () => [wills.bytes, wills.bytesOf('a')];
  expect(counted()).toEqual([3 * BYTES, BYTES]);
  wills.connected('a', {
    topic: 'will',
    payload: Buffer.from('x'),
    qos: 0,
    retain: false,
    delay: 5,
  });
  expect(counted()).toEqual([2 * BYTES, 0]);
  wills.lost('a', 60_000);
  expect(counted()).toEqual([2 * BYTES + 5, 5]);
  wills.sessionEnded('b');
  wills.connected('c', undefined);
  expect(counted()).toEqual([5, 5]);
  pass(10_000);
  expect(published).toEqual(['b', 'a']);
  expect(counted()).toEqual([0, 0]);
});
