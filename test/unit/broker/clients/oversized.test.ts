import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startBroker } from '../../../support/broker.ts';
import * as packets from '../../../support/packets.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const MEBIBYTE = 1024 * 1024;
/** The beginning of a PUBLISH that claims 200 MiB. */
const OVERSIZED = Buffer.from([0x30, 0x80, 0x80, 0x80, 0x64]);
const UPGRADE = [
  'GET /mqtt HTTP/1.1',
  'Host: 127.0.0.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: mqtt',
  '\r\n',
].join('\r\n');

/** A socket that stays open for writing when the broker has closed its side. */
async function dial(port: number): Promise<Socket> {
  const socket = createConnection({ host: '127.0.0.1', port, allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Sends the bytes over and over until the broker resets the connection; resolves with the bytes that were sent. */
async function flood(socket: Socket, bytes: Buffer): Promise<{ sent: number; ms: number }> {
  const before = socket.bytesWritten;
  const began = performance.now();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const pump = (): void => {
    while (!socket.destroyed && socket.writableLength < 4 * MEBIBYTE) socket.write(bytes);
  };
  socket.on('drain', pump);
  socket.resume();
  pump();
  await closed;
  socket.off('drain', pump);
  return {
    sent: socket.bytesWritten - socket.writableLength - before,
    ms: performance.now() - began,
  };
}

/** A binary frame whose mask is 0. */
function frame(payload: Buffer): Buffer {
  const header = Buffer.alloc(14);
  header[0] = 0x82;
  header[1] = 0xff;
  header.writeUInt32BE(payload.length, 6);
  return Buffer.concat([header, payload]);
}

// What the kernels of both sides hold is sent, whatever the broker reads.
const KERNEL_BYTES = 24 * MEBIBYTE;

test('after a PUBLISH announced larger than allowed nothing more is read', async () => {
  const { port, broker } = await startBroker(tempFolder());
  const socket = await dial(port);
  socket.write(packets.connect());
  await once(socket, 'data');
  socket.write(OVERSIZED);
  const { sent, ms } = await flood(socket, Buffer.alloc(MEBIBYTE, 0x41));
  expect(sent).toBeLessThan(KERNEL_BYTES);
  expect(ms).toBeLessThan(2000);
  expect(broker.counts.connected).toBe(0);
});

test.each([
  ['in small frames', 64 * 1024],
  ['in frames that are too large themselves', 4 * MEBIBYTE],
])('nor over a WebSocket, %s', async (_name, frameBytes) => {
  const { port } = await startBroker(tempFolder(), {}, {}, 'ws');
  const socket = await dial(port);
  socket.write(UPGRADE);
  await once(socket, 'data');
  socket.write(frame(packets.connect()));
  await once(socket, 'data');
  socket.write(frame(OVERSIZED));
  const { sent, ms } = await flood(socket, frame(Buffer.alloc(frameBytes, 0x41)));
  expect(sent).toBeLessThan(KERNEL_BYTES);
  expect(ms).toBeLessThan(2000);
});

test.each([
  ['no MQTT', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a length of five bytes', Buffer.from('10ffffffff01', 'hex')],
])('nor after %s', async (_name, beginning) => {
  const { port } = await startBroker(tempFolder());
  const socket = await dial(port);
  socket.write(beginning);
  const { sent, ms } = await flood(socket, Buffer.alloc(MEBIBYTE, 0x41));
  expect(sent).toBeLessThan(KERNEL_BYTES);
  expect(ms).toBeLessThan(2000);
});

test('a client that is refused while it goes on sending gets its CONNACK', async () => {
  const { port } = await startBroker(tempFolder(), { connections: 1, connectionsPerAddress: 1 });
  const first = await dial(port);
  first.write(packets.connect());
  await once(first, 'data');
  const refused = await dial(port);
  const few = Array.from({ length: 100 }, () => packets.publish('t', 'x'.repeat(100)));
  refused.write(Buffer.concat([packets.connect(), ...few]));
  const [answer] = await once(refused, 'data');
  expect((answer as Buffer).toString('hex')).toBe('20020003');
  refused.resume();
  await once(refused, 'end');
});
