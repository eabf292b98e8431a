import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { readDirectly } from '../../../src/net/direct-read.ts';
import { until } from '../../support/until.ts';

/** A pair of connected sockets. */
async function pair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [near] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return { near, far };
}

test('chunks come past the stream, and none is lost over a pause', async () => {
  const { near, far } = await pair();
  const taken: string[] = [];
  let events = 0;
  readDirectly(near, (chunk) => taken.push(chunk.toString()));
  near.on('data', () => events++);
  far.write('1');
  await until('the first is taken', () => taken.join('') === '1');
  expect(events).toBe(0);

  near.pause();
  far.write('2');
  await until('the second waits', () => near.readableLength === 1);
  expect(taken).toEqual(['1']);
  near.resume();
  await until('the second is taken', () => taken.join('') === '12');
  expect(events).toBe(1);

  far.write('3');
  await until('the third is taken', () => taken.join('') === '123');
  expect(events).toBe(1);
});

test('a paused socket is read no further than its buffer, and all comes in order later', async () => {
  const { near, far } = await pair();
  const sent = Buffer.alloc(32 * 1024 * 1024, 'abcdefghij');
  const taken: Buffer[] = [];
  let paused = false;
  readDirectly(near, (chunk) => {
    taken.push(chunk);
    if (paused || taken.length < 3) return;
    paused = true;
    near.pause();
  });
  far.end(sent);
  await until('it is paused', () => paused);
  await until('the sender is held up', () => near.readableLength >= near.readableHighWaterMark);
  expect(near.readableLength).toBeLessThan(1024 * 1024);
  expect(taken).toHaveLength(3);
  const ended = once(near, 'end');
  near.resume();
  await ended;
  expect(Buffer.concat(taken).equals(sent)).toBe(true);
});
