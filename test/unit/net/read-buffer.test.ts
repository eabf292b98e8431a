import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { readInto } from '../../../src/net/read-buffer.ts';
import { until } from '../../support/until.ts';

const buffer = Buffer.alloc(65_536);

/** A client and its accepted connection, which reads into the buffer; `take` gets each chunk. */
async function pair(
  take: (chunk: Buffer) => void,
): Promise<{ server: Server; near: Socket; far: Socket; accepted: Socket }> {
  let near: Socket | undefined;
  let accepted: Socket | undefined;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted = socket;
    near = readInto(buffer, socket, take);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await until('the connection is accepted', () => accepted !== undefined);
  onTestFinished(() => {
    near?.destroy();
    far.destroy();
    server.close();
  });
  return { server, near: near!, far, accepted: accepted! };
}

test('this version of Node reads an accepted connection into the buffer: every chunk is at its beginning', async () => {
  const taken: string[] = [];
  const places = new Set<number>();
  const { near, far } = await pair((chunk) => {
    expect(chunk.buffer).toBe(buffer.buffer);
    places.add(chunk.byteOffset - buffer.byteOffset);
    taken.push(chunk.toString());
  });
  near.resume();
  far.write('1');
  await until('the first is taken', () => taken.join('') === '1');
  far.write('2');
  await until('the second is taken', () => taken.join('') === '12');
  expect([...places]).toEqual([0]);
  expect(near.remoteAddress).toBe('127.0.0.1');
  expect(near.bytesRead).toBe(2);
});

test('a paused connection reads nothing, and nothing is lost', async () => {
  const sent = Buffer.alloc(32 * 1024 * 1024, 'abcdefghij');
  const taken: Buffer[] = [];
  const { near, far } = await pair((chunk) => {
    taken.push(Buffer.from(chunk));
    if (taken.length === 3) near.pause();
  });
  near.resume();
  far.end(sent);
  await until('it is paused', () => taken.length >= 3);
  await until('the sender is held up', () => far.writableLength > 0);
  const turns = far.bytesWritten;
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  expect(far.bytesWritten).toBe(turns);
  expect(taken).toHaveLength(3);
  const ended = once(near, 'end');
  near.resume();
  await ended;
  expect(Buffer.concat(taken).equals(sent)).toBe(true);
});

test('what is written arrives, also after the peer has ended', async () => {
  const { near, far } = await pair(() => undefined);
  near.resume();
  const received: Buffer[] = [];
  far.on('data', (chunk) => received.push(chunk));
  near.write('1');
  far.end();
  await once(near, 'end');
  near.end('2');
  await once(far, 'close');
  expect(Buffer.concat(received).toString()).toBe('12');
});

test('a server closes when its connections are closed', async () => {
  const { server, near } = await pair(() => undefined);
  const closed = once(server, 'close');
  server.close();
  near.destroy();
  await closed;
});

test('a connection that is closed already stays as it is', async () => {
  const { accepted, near } = await pair(() => undefined);
  near.destroy();
  await until('it is closed', () => accepted.destroyed);
  expect(readInto(buffer, accepted, () => undefined)).toBeUndefined();
});
