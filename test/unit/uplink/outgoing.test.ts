import { describe, expect, test } from 'vitest';
import { encodePublish, encodePubrel } from '../../../src/mqtt/publish-encoder.ts';
import { createMessage } from '../../../src/queue/message.ts';
import { encodeOutgoing, type OutgoingParts } from '../../../src/uplink/outgoing.ts';
import { Routes } from '../../../src/uplink/routes.ts';
import type { CurrentRouting } from '../../../src/uplink/routing.ts';
import { FakeOwner, message } from '../../support/entries.ts';

const UNLIMITED = {
  maximumPacketSize: Number.POSITIVE_INFINITY,
  maximumQos: 2,
  retainAvailable: true,
} as const;

function parts(
  route: { qos?: 0 | 1 | 2; retain?: 'keep' | 'clear'; out?: string } = {},
  over: Partial<OutgoingParts> = {},
): OutgoingParts {
  const out = [
    { out: '#', to: 'p/', qos: 2, retain: 'keep', priority: 'normal', ...route },
  ] as const;
  const routing = { routes: new Routes({ out, in: [], own: [] }), properties: undefined };
  return { routing: routing as unknown as CurrentRouting, plant: UNLIMITED, ...over };
}

function entry({ qos = 2, retain = false }: { qos?: 1 | 2; retain?: boolean } = {}) {
  return Object.assign(new FakeOwner(1).entry(message('hi'), qos), { retain });
}

function publish(from: ReturnType<typeof entry>, packetId: number, given: OutgoingParts) {
  const outgoing = encodeOutgoing(from, packetId, given);
  if (outgoing.kind !== 'publish') throw new Error(outgoing.kind);
  expect(outgoing.frame).toEqual(encodePublish(outgoing.packet));
  return outgoing.packet;
}

test('a message is sent under the topic of its route', () => {
  const outgoing = encodeOutgoing(entry(), 7, parts());
  expect(outgoing.kind === 'publish' && outgoing.frame.toString('latin1')).toBe(
    '\x34\x09\0\x03p/t\0\x07hi',
  );
});

test('a message that the plant has already is released', () => {
  const released = Object.assign(entry(), { released: true });
  expect(encodeOutgoing(released, 7, parts())).toEqual({ kind: 'pubrel', frame: encodePubrel(7) });
});

describe('the QoS', () => {
  test.each([
    [2, 2, 2, 2],
    [1, 2, 2, 1],
    [2, 1, 2, 1],
    [2, 2, 1, 1],
  ] as const)('of message %i, route %i and plant %i is %i', (own, route, maximumQos, qos) => {
    const given = parts({ qos: route }, { plant: { ...UNLIMITED, maximumQos } });
    expect(publish(entry({ qos: own }), 7, given)).toMatchObject({ qos, packetId: 7 });
  });

  test('0 has neither a packet identifier nor DUP', () => {
    const again = Object.assign(entry(), { sent: true });
    expect(publish(again, 7, parts({ qos: 0 }))).toMatchObject({ qos: 0, packetId: 0, dup: false });
    expect(publish(again, 7, parts()).dup).toBe(true);
    expect(publish(entry(), 7, parts()).dup).toBe(false);
  });
});

test('the retain flag is kept if message, route and plant permit it', () => {
  const noRetain = { plant: { ...UNLIMITED, retainAvailable: false } };
  expect(publish(entry({ retain: true }), 1, parts()).retain).toBe(true);
  expect(publish(entry(), 1, parts()).retain).toBe(false);
  expect(publish(entry({ retain: true }), 1, parts({ retain: 'clear' })).retain).toBe(false);
  expect(publish(entry({ retain: true }), 1, parts({}, noRetain)).retain).toBe(false);
});

test('a corrected payload replaces the one in the queue', () => {
  const correct = (payload: Buffer) => Buffer.from(`${payload}, corrected`);
  const { body, start } = publish(entry(), 1, parts({}, { correct }));
  expect(body.toString('utf8', start)).toBe('hi, corrected');
  const unchanged = publish(entry(), 1, parts({}, { correct: () => undefined }));
  expect(unchanged.body.toString('utf8', unchanged.start)).toBe('hi');
});

test('a packet that is larger than the plant takes is refused', () => {
  const limited = (maximumPacketSize: number) =>
    encodeOutgoing(entry(), 7, parts({}, { plant: { ...UNLIMITED, maximumPacketSize } }));
  expect(limited(11).kind).toBe('publish');
  expect(limited(10)).toEqual({
    kind: 'refused',
    reason: 'packet too large: 11 bytes, the plant takes 10',
  });
});

test('a message whose route is no longer in the config is refused', () => {
  expect(encodeOutgoing(entry(), 7, parts({ out: 'other' }))).toEqual({
    kind: 'refused',
    reason: 'no route takes it any more',
  });
});

test('a message whose topic is too long at the plant is refused, not cut', () => {
  const [fits, long] = ['x'.repeat(65_533), 'x'.repeat(65_534)].map((topic) =>
    Object.assign(entry(), { message: createMessage(topic, Buffer.from('hi')) }),
  );
  expect(encodeOutgoing(fits!, 7, parts()).kind).toBe('publish');
  expect(encodeOutgoing(long!, 7, parts())).toEqual({
    kind: 'refused',
    reason: 'topic too long: 65536 bytes at the plant, MQTT takes 65535',
  });
});
