import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BufferPool } from '../../../../src/broker/clients/buffer-pool.ts';
import { SendBuffer } from '../../../../src/broker/clients/send-buffer.ts';
import { createMessage } from '../../../../src/queue/message.ts';
import { sendBufferParts } from '../../../support/connection-parts.ts';
import { FakeTransport } from '../../../support/fake-transport.ts';
import { PacketReader, type Publish } from '../../../support/packets.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What one connection may leave unread. */
const BOUND = 8 * 1024 * 1024;

const turn = () => vi.advanceTimersByTimeAsync(1);

function publish(output: SendBuffer, payload: Buffer, packetId = 0): void {
  const { body, topicEnd } = createMessage('topic', payload);
  const header = packetId ? 0x32 : 0x30;
  output.publish(header, body, 0, topicEnd, topicEnd, body.length, packetId);
}

const read = (transport: FakeTransport) =>
  new PacketReader().push(transport.take()) as readonly Publish[];

test('what one turn brings is one write', async () => {
  const transport = new FakeTransport();
  const output = new SendBuffer(transport, sendBufferParts());
  for (let i = 1; i <= 100; i++) publish(output, Buffer.from(`m${i}`), i);
  output.acknowledge(0x40, 0x1234);
  output.write(Buffer.from('d000', 'hex'));
  expect(transport.written).toHaveLength(0);
  await turn();
  expect(transport.written).toHaveLength(1);
  const packets = read(transport);
  expect(packets).toHaveLength(102);
  expect(packets[99]).toMatchObject({ topic: 'topic', payload: 'm100', id: 100, qos: 1 });
  expect(packets[100]).toMatchObject({ type: 'puback', id: 0x1234 });
  await turn();
  expect(transport.written).toHaveLength(0);
});

test.each([0, 120, 127, 128, 16_383, 16_384, 65_000, 65_536, 70_000, 2_100_000])(
  'a payload of %i bytes arrives, among others',
  async (size) => {
    const transport = new FakeTransport();
    const output = new SendBuffer(transport, sendBufferParts());
    const payload = Buffer.alloc(size, 'x');
    publish(output, Buffer.from('before'), 1);
    publish(output, payload, 2);
    publish(output, payload);
    publish(output, Buffer.from('after'), 3);
    await turn();
    const packets = read(transport);
    expect(packets.map(({ id }) => id)).toEqual([1, 2, 0, 3]);
    expect(packets[1]!.bytes.equals(payload)).toBe(true);
    expect(packets[2]!.bytes.equals(payload)).toBe(true);
  },
);

test('a packet identifier is put in, put elsewhere and left out, wherever the source has one', async () => {
  const transport = new FakeTransport();
  const output = new SendBuffer(transport, sendBufferParts());
  // A PUBLISH of QoS 1 as it lies in a read buffer: topic, identifier, payload.
  const source = Buffer.from('..\0\x01t\x11\x22payload..', 'latin1');
  output.publish(0x32, source, 2, 5, 7, 14, 0x0304);
  output.publish(0x30, source, 2, 5, 7, 14, 0);
  await turn();
  expect(read(transport)).toMatchObject([
    { id: 0x0304, payload: 'payload' },
    { id: 0, payload: 'payload' },
  ]);
});

test('large bytes keep their place', async () => {
  const transport = new FakeTransport();
  const output = new SendBuffer(transport, sendBufferParts());
  output.write(Buffer.from('first'));
  output.write(Buffer.alloc(70_000, 'x'));
  output.write(Buffer.from('last'));
  await turn();
  const all = transport.take().toString();
  expect(all.startsWith('firstx')).toBe(true);
  expect(all.endsWith('xlast')).toBe(true);
});

test.each([
  ['a slow peer', { fast: false }],
  ['TLS', { fast: false, copies: true }],
  ['a fast peer', { fast: true }],
])('%s: what the socket still holds is never written over', async (_name, options) => {
  const transports = Array.from({ length: 5 }, () => new FakeTransport(options));
  const parts = sendBufferParts();
  const outputs = transports.map((transport) => new SendBuffer(transport, parts));
  for (let round = 0; round < 200; round++) {
    outputs.forEach((output, i) => {
      publish(output, Buffer.from(`${i} ${round}`));
    });
    await turn();
  }
  transports.forEach((transport, i) => {
    expect(read(transport).map(({ payload }) => payload)).toEqual(
      Array.from({ length: 200 }, (_, round) => `${i} ${round}`),
    );
  });
});

test('a socket that takes bytes again gets its buffers from the pool', async () => {
  const transport = new FakeTransport({ fast: false });
  const parts = sendBufferParts();
  const output = new SendBuffer(transport, parts);
  publish(output, Buffer.from('held'));
  await turn();
  const held = transport.written[0]!;
  const other = new SendBuffer(new FakeTransport(), parts);
  publish(other, Buffer.from('another'));
  await turn();
  expect(read(transport)[0]!.payload).toBe('held');
  expect(held.length).toBeGreaterThan(0);
});

test('congestion begins above the bound and ends below it', () => {
  const transport = new FakeTransport();
  const output = new SendBuffer(transport, sendBufferParts());
  transport.clog(BOUND);
  output.measure();
  expect(output.congested).toBe(false);
  transport.clog(BOUND + 1);
  output.measure();
  expect(output.congested).toBe(true);
  transport.clog(0);
  output.measure();
  expect(output.congested).toBe(false);
});

test('answers nobody reads add up; a peer that reads again starts anew', async () => {
  const transport = new FakeTransport();
  const output = new SendBuffer(transport, sendBufferParts());
  transport.clog(BOUND + 1);
  for (let i = 0; i < BOUND / 4 + 1; i++) output.acknowledge(0x40, 1);
  expect(output.stuck).toBe(true);
  transport.clog(0);
  output.acknowledge(0x40, 1);
  await turn();
  expect(output.stuck).toBe(false);
});

test('beyond the pool a buffer begins small, grows with what is collected and is written once', async () => {
  const pool = new BufferPool();
  while (pool.takeSlot() >= 0);
  const transports = Array.from({ length: 3 }, () => new FakeTransport());
  const parts = sendBufferParts({ pool });
  const outputs = transports.map((transport) => new SendBuffer(transport, parts));
  for (let i = 1; i <= 500; i++) {
    outputs.forEach((output, n) => {
      publish(output, Buffer.from(`${n} ${i}`.padEnd(100)), i);
    });
  }
  await turn();
  transports.forEach((transport, n) => {
    expect(transport.written).toHaveLength(1);
    const packets = read(transport);
    expect(packets.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
    expect(packets[499]!.payload.trim()).toBe(`${n} 500`);
  });
  // More than a slot has room for is written in several pieces, in order.
  for (let i = 1; i <= 1000; i++) publish(outputs[0]!, Buffer.alloc(200, 'x'), i);
  await turn();
  expect(transports[0]!.written.every(({ length }) => length <= 65_536)).toBe(true);
  expect(read(transports[0]!).map(({ id }) => id)).toHaveLength(1000);
});

test('one message to thousands of clients takes little memory for each', () => {
  const pool = new BufferPool();
  const parts = sendBufferParts({ pool });
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 2000; i++)
    publish(new SendBuffer(new FakeTransport(), parts), Buffer.from('x'));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
});
