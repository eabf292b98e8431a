import { describe, expect, test } from 'vitest';
import { PropertyTap } from '../../../src/uplink/property-tap.ts';
import { receivedProblem } from '../../../src/uplink/received-problem.ts';
import { receivedProperties } from '../../../src/uplink/received-properties.ts';
import type { ReceivedPublish } from '../../../src/uplink/received-publish.ts';
import * as p from '../../support/packets-5.ts';

const ALL: p.Properties = [
  ['userProperty', ['b', '1']],
  ['contentType', 'text/plain'],
  ['userProperty', ['a', '']],
  ['correlationData', Buffer.from([0, 255])],
  ['userProperty', ['b', '3']],
];
const bytesOf = (properties: p.Properties): Buffer => Buffer.concat(properties.map(p.property));

describe('the tap', () => {
  const packets = [
    { packet: p.publish('t', 'x', { qos: 1, id: 7, properties: ALL }), block: bytesOf(ALL) },
    { packet: p.acknowledge('puback', 7) },
    { packet: p.publish('t', 'y'.repeat(300), {}), block: Buffer.alloc(0) },
    { packet: Buffer.from([0xd0, 0]) },
    {
      packet: p.publish('long/'.repeat(40), '', { properties: [['contentType', 'z'.repeat(500)]] }),
      block: bytesOf([['contentType', 'z'.repeat(500)]]),
    },
    { packet: p.publish('t', 'x', { qos: 2, id: 300, properties: ALL }), block: bytesOf(ALL) },
  ];
  const stream = Buffer.concat(packets.map(({ packet }) => packet));
  const expected = packets.flatMap(({ block }) => (block ? [block.toString('hex')] : []));

  test.each([1, 2, 3, 7, 100, 10_000])(
    'finds the properties of each PUBLISH in pieces of %i bytes',
    (size) => {
      const tap = new PropertyTap();
      for (let at = 0; at < stream.length; at += size) tap.push(stream.subarray(at, at + size));
      expect(expected.map(() => tap.next()?.toString('hex'))).toEqual(expected);
      expect(tap.next()).toBeUndefined();
    },
  );

  test('gives a PUBLISH that can’t be read no properties, and finds the next one', () => {
    const tap = new PropertyTap();
    // Properties and topic that reach over the packet, and a packet without a length of properties.
    tap.push(Buffer.from('30050001742078', 'hex'));
    tap.push(Buffer.from('3003ffff74', 'hex'));
    tap.push(Buffer.from('3003000174', 'hex'));
    tap.push(Buffer.from('300100', 'hex'));
    tap.push(p.publish('t', 'x', { properties: ALL }));
    const found = [1, 2, 3, 4, 5].map(() => tap.next()?.toString('hex'));
    expect(found).toEqual([...Array(4).fill(undefined), bytesOf(ALL).toString('hex')]);
  });

  test('does not collect more than a mebibyte of properties', () => {
    const tap = new PropertyTap();
    const many: p.Properties = Array(20).fill(['userProperty', ['n', 'x'.repeat(60_000)]]);
    const packet = p.publish('t', 'x', { properties: many });
    for (let at = 0; at < packet.length; at += 65_536) tap.push(packet.subarray(at, at + 65_536));
    tap.push(p.publish('t', 'x', { properties: ALL }));
    expect(tap.next()).toBeUndefined();
    expect(tap.next()?.toString('hex')).toBe(bytesOf(ALL).toString('hex'));
  });
});

const received = (properties: p.Properties | Buffer, payload = 'x') => {
  const bytes = Buffer.isBuffer(properties) ? properties : bytesOf(properties);
  const packet = { propertyBlock: { bytes } } as unknown as ReceivedPublish;
  return receivedProperties(packet, Buffer.from(payload, 'latin1'));
};

test('properties of the plant get the form in which they are stored: in their order, the expiry first', () => {
  const { stored, expiry, problem } = received([...ALL, ['messageExpiry', 9]]);
  expect([expiry, problem]).toEqual([9, undefined]);
  expect(stored.toString('hex')).toBe(p.block([['messageExpiry', 9], ...ALL]).toString('hex'));
  expect(received([])).toMatchObject({ stored: Buffer.alloc(0), expiry: undefined });
  expect(receivedProperties({} as ReceivedPublish, Buffer.alloc(0)).stored).toHaveLength(0);
});

test('the name of the sending gateway and subscription identifiers are left out', () => {
  const { stored } = received([
    ['userProperty', ['cellgate-from', 'other']],
    ...ALL,
    ['subscriptionIdentifier', 300],
    ['userProperty', ['cellgate-from', 'one more']],
  ]);
  expect(stored.toString('hex')).toBe(p.block(ALL).toString('hex'));
  expect(received([['userProperty', ['cellgate-from', 'other']]]).stored).toHaveLength(0);
});

test.each([
  ['a property of another packet', bytesOf([['receiveMaximum', 1]]), 'x'],
  [
    'one twice',
    bytesOf([
      ['contentType', 'a'],
      ['contentType', 'b'],
    ]),
    'x',
  ],
  ['a wildcard as a response topic', bytesOf([['responseTopic', 'a/#']]), 'x'],
  ['a string that is not UTF-8', Buffer.from('030001ff', 'hex'), 'x'],
  ['a length beyond the end', Buffer.from('030009ff', 'hex'), 'x'],
  ['a payload that is said to be UTF-8 and is not', bytesOf([['payloadFormat', 1]]), '\xff'],
])('%s is wrong: the message is refused with the reason', (_name, bytes, payload) => {
  const properties = received(bytes, payload);
  expect(properties.problem).toMatch(/^its properties are wrong: /);
  expect(receivedProblem('t', Buffer.from(payload), properties)).toBe(properties.problem);
});

test('properties count to the longest packet', () => {
  const payload = { length: 268_435_455 - 4 - 1 - 6 } as Uint8Array;
  const of = (length: number) => ({ stored: Buffer.alloc(length), expiry: undefined });
  expect(receivedProblem('t', payload, of(6))).toBeUndefined();
  expect(receivedProblem('t', payload, of(7))).toContain('more than MQTT takes');
});
