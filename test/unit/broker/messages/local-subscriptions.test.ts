import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Rights } from '../../../../src/access/rules.ts';
import type { ReceivedMessage } from '../../../../src/broker/messages/local-message.ts';
import { MemoryDisk } from '../../../support/memory-disk.ts';
import * as packets from '../../../support/packets.ts';
import { TestPlane } from '../../../support/plane.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const ALL = [{ topic: '#', allow: 'readwrite' }] as const;

function setUp() {
  const disk = new MemoryDisk();
  const own = new TestPlane(disk);
  const received: ReceivedMessage[] = [];
  own.plane.local.subscribe('lamp/set', (message) => received.push(message));
  return { disk, own, senders: () => received.map(({ sender }) => sender) };
}

test('a part of the gateway gets to know who has published: user and client, uplink, will, or the gateway itself', async () => {
  const { disk, own, senders } = setUp();
  const anonymous = own.open('plc\u0007', true).connection;
  const known = own.open('page-1', false).connection;
  const identity = { user: 'anna', proof: undefined };
  known.access = { identity, rights: new Rights(ALL, 'anna', 'page-1') };
  anonymous.data(packets.publish('lamp/set', 'on', { qos: 0 }));
  known.data(packets.publish('lamp/set', 'on', { qos: 1, id: 1 }));
  // It is delivered when it is on disk.
  known.data(packets.publish('lamp/set', 'on', { qos: 2, id: 2 }));
  while (disk.busy || senders().length < 3) {
    await vi.advanceTimersByTimeAsync(1);
    if (disk.busy) disk.land();
  }
  const message = { topic: 'lamp/set', payload: Buffer.from('on'), qos: 0, retain: false } as const;
  own.plane.publishWill(message, 'panel');
  void own.plane.publishLocal(message);
  const requester = { session: { clientId: 'uplink plant' }, access: undefined, uplink: 'plant' };
  void own.plane.publishLocal({ ...message, requester });
  anonymous.data(packets.publish('lamp/set', 'on', { qos: 0, retain: true }));
  expect(senders()).toEqual([
    'client "plc\\u0007"',
    'user "anna", client "page-1"',
    'user "anna", client "page-1"',
    'the will of client "panel"',
    undefined,
    'uplink plant',
    'client "plc\\u0007"',
  ]);
});

test('the name of a client is cut', () => {
  const { own, senders } = setUp();
  own.open('x'.repeat(5000), true).connection.data(packets.publish('lamp/set', 'on', { qos: 0 }));
  expect(senders()).toEqual([`client "${'x'.repeat(100)}…"`]);
});
