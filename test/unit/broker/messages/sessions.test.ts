import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MemoryDisk } from '../../../support/memory-disk.ts';
import * as packets from '../../../support/packets.ts';
import { TestPlane } from '../../../support/plane.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function land(disk: MemoryDisk): Promise<void> {
  await vi.advanceTimersByTimeAsync(1);
  while (disk.busy) {
    disk.land();
    await vi.advanceTimersByTimeAsync(1);
  }
}

function setUp() {
  const disk = new MemoryDisk();
  return { disk, plane: new TestPlane(disk) };
}

test('a persistent session is present for its client, a clean one replaces it', async () => {
  const { disk, plane } = setUp();
  const { sessions } = plane.plane;
  const first = sessions.openSession('c', false);
  expect(first.present).toBe(false);
  expect(sessions.openSession('c', false)).toEqual({ session: first.session, present: true });
  await land(disk);
  expect(disk.recover().sessions.map(({ clientId }) => clientId)).toEqual(['c']);
  const clean = sessions.openSession('c', true);
  expect([clean.present, clean.session.persistent, first.session.ended]).toEqual([
    false,
    false,
    true,
  ]);
  await land(disk);
  expect(disk.recover().sessions).toEqual([]);
});

test('a clean session ends with its connection, a persistent one stays', () => {
  const { plane } = setUp();
  const { sessions, router } = plane.plane;
  const clean = plane.open('clean', true).connection;
  const persistent = plane.open('persistent', false).connection;
  for (const each of [clean, persistent]) each.data(packets.subscribe(1, [['t', 1]]));
  expect(router.count).toBe(2);
  clean.lost();
  persistent.lost();
  expect([...sessions.byClientId.keys()]).toEqual(['persistent']);
  expect(router.count).toBe(1);
});

test('the end of a replaced session leaves the one that has its client id', () => {
  const { plane } = setUp();
  const { sessions } = plane.plane;
  const former = sessions.openSession('c', true).session;
  const current = sessions.openSession('c', true).session;
  sessions.clientGone(former);
  expect(sessions.byClientId.get('c')).toBe(current);
});

test('subscriptions and open handshakes are there after a restart', async () => {
  const { disk, plane } = setUp();
  const { connection } = plane.open('c', false);
  connection.data(packets.subscribe(1, [['t/#', 2]]));
  connection.data(packets.publish('x', 'm', { qos: 2, id: 77 }));
  await land(disk);
  const next = new TestPlane(disk).plane;
  const session = next.sessions.byClientId.get('c')!;
  expect([[...session.subscriptions.keys()], session.incoming.has(77)]).toEqual([['t/#'], true]);
  expect(next.router.route('t/1')).toMatchObject({ subscribers: [session], qos: [2] });
});

test('the owner of a persistent session is stored once, that of a clean one is not', () => {
  const { plane } = setUp();
  const { sessions } = plane.plane;
  const persistent = sessions.openSession('persistent', false).session;
  const clean = sessions.openSession('clean', true).session;
  const add = vi.spyOn(plane.journal, 'add');
  for (const session of [persistent, persistent, clean]) sessions.setOwner(session, 'operator');
  expect([persistent.owner, clean.owner]).toEqual(['operator', 'operator']);
  expect(add.mock.calls).toEqual([[['sessionOwner', 'operator', persistent.key]]]);
});
