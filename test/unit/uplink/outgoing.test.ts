import { describe, expect, test } from 'vitest';
import {
  encodePublish,
  encodePubrel,
  encodeUserProperty,
} from '../../../src/mqtt/publish-encoder.ts';
import { createMessage } from '../../../src/queue/message.ts';
import { encodeOutgoing, type OutgoingParts } from '../../../src/uplink/outgoing.ts';
import { Routes } from '../../../src/uplink/routes.ts';
import type { CurrentRouting } from '../../../src/uplink/routing.ts';
import { FakeOwner, message } from '../../support/entries.ts';
import * as p from '../../support/packets-5.ts';

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
  return { routing: routing as unknown as CurrentRouting, plant: UNLIMITED, now: 1000, ...over };
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

describe('to a plant of MQTT 5', () => {
  const OF_GATEWAY = encodeUserProperty('cellgate-from', 'gw');
  const five = (over: Partial<OutgoingParts> = {}, route = {}): OutgoingParts => {
    const given = parts(route, over);
    return { ...given, routing: { ...given.routing, properties: OF_GATEWAY } };
  };
  const with5 = (properties: p.Properties, expiresAt: number | null = null, qos: 1 | 2 = 2) => {
    const made = createMessage('t', Buffer.from('hi'), p.block(properties), expiresAt);
    return Object.assign(entry({ qos }), { message: made });
  };
  const sent = (bytes: Buffer | undefined) => bytes?.toString('latin1');
  const ofMessage: p.Properties = [
    ['contentType', 'x'],
    ['userProperty', ['b', '1']],
    ['userProperty', ['a', '2']],
  ];

  test('the properties of the message come first, then those of the gateway', () => {
    const all = Buffer.concat([...ofMessage.map(p.property), OF_GATEWAY]);
    expect(sent(publish(with5(ofMessage), 7, five()).properties)).toBe(sent(all));
    expect(publish(entry(), 7, five()).properties).toBe(OF_GATEWAY);
    expect(publish(with5(ofMessage), 7, parts()).properties).toBeUndefined();
  });

  test('properties longer than 127 bytes are complete', () => {
    const long: p.Properties = [['userProperty', ['n', 'x'.repeat(200)]]];
    const { properties } = publish(with5(long), 7, five());
    expect(properties).toHaveLength(206 + OF_GATEWAY.length);
  });

  test.each([
    [3999, 3],
    [4000, 3],
    [4001, 4],
    [1001, 1],
  ])('of an expiry at %i there are %i s left at 1000', (expiresAt, left) => {
    const given = with5([['messageExpiry', 60], ...ofMessage], expiresAt);
    const expected = [p.property(['messageExpiry', left]), ...ofMessage.map(p.property)];
    const { properties } = publish(given, 7, five());
    expect(sent(properties)).toBe(sent(Buffer.concat([...expected, OF_GATEWAY])));
    // The message in the queue stays as it was: it may be sent again.
    expect(sent(given.message.body)).toContain(sent(p.property(['messageExpiry', 60])));
  });

  test('properties count to the size that the plant takes', () => {
    const plant = (maximumPacketSize: number) => ({ plant: { ...UNLIMITED, maximumPacketSize } });
    const given = with5(ofMessage);
    const whole = encodeOutgoing(given, 7, five()) as { frame: Buffer };
    expect(encodeOutgoing(given, 7, five(plant(whole.frame.length))).kind).toBe('publish');
    expect(whole.frame.length).toBe(11 + 1 + 18 + OF_GATEWAY.length);
    expect(encodeOutgoing(given, 7, five(plant(whole.frame.length - 1)))).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('packet too large'),
    });
  });

  test('a message that has expired is not sent, with any version', () => {
    for (const given of [five(), parts()]) {
      expect(encodeOutgoing(with5([['messageExpiry', 1]], 1000), 7, given).kind).toBe('expired');
      const again = Object.assign(with5([['messageExpiry', 1]], 1000, 1), { sent: true });
      expect(encodeOutgoing(again, 7, given).kind).toBe('expired');
    }
  });

  test('of a QoS 2 message that has expired since it was sent, the identifier is released', () => {
    const again = () => Object.assign(with5([['messageExpiry', 1]], 999), { sent: true });
    expect(encodeOutgoing(again(), 7, five())).toEqual({ kind: 'pubrel', frame: encodePubrel(7) });
    // It had QoS 1 at the plant.
    expect(encodeOutgoing(again(), 7, five({}, { qos: 1 })).kind).toBe('expired');
  });
});
