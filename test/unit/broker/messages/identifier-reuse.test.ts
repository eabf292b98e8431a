import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Publication } from '../../../../src/broker/messages/publication.ts';
import { createMessage } from '../../../../src/queue/message.ts';
import { MemoryDisk } from '../../../support/memory-disk.ts';
import * as packets from '../../../support/packets.ts';
import { TestPlane } from '../../../support/plane.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = (ms = 1) => vi.advanceTimersByTimeAsync(ms);

async function land(disk: MemoryDisk): Promise<void> {
  await pass();
  while (disk.busy) {
    disk.land();
    await pass();
  }
}

/** A gateway on the disk; gives what its subscriber receives. */
async function start(disk: MemoryDisk) {
  const plane = new TestPlane(disk);
  const reader = plane.open('reader', true);
  reader.connection.data(packets.subscribe(1, [['t', 2]]));
  await land(disk);
  const received: string[] = [];
  plane.plane.local.subscribe('t', ({ payload }) => {
    received.push(Buffer.from(payload).toString());
  });
  const { connection } = plane.open('device', false);
  const publish = async (payload: string, dup = false): Promise<void> => {
    connection.data(packets.publish('t', payload, { qos: 2, id: 5, dup }));
    await pass();
  };
  return { publish, received };
}

test('after a restart a repetition is known, another message under its identifier is delivered', async () => {
  const disk = new MemoryDisk();
  await (await start(disk)).publish('one');
  await land(disk);
  const { publish, received } = await start(disk);
  await publish('one', true);
  await publish('one');
  await publish('two');
  await publish('two', true);
  await land(disk);
  expect(received).toEqual(['two']);
});

test('another message that a crash has kept off the disk is delivered when it is repeated', async () => {
  const disk = new MemoryDisk();
  const first = await start(disk);
  await first.publish('one');
  await land(disk);
  await first.publish('two');
  disk.crash(false);
  const second = await start(disk);
  await second.publish('two', true);
  await land(disk);
  expect(second.received).toEqual(['two']);
});

test('an identifier of an older version is released by DUP alone', async () => {
  const disk = new MemoryDisk();
  await (await start(disk)).publish('one');
  await land(disk);
  for (const all of disk.incoming.values()) all.set(5, 0);
  const { publish, received } = await start(disk);
  await publish('one', true);
  await land(disk);
  expect(received).toEqual([]);
  for (const all of disk.incoming.values()) all.set(5, 0);
  const third = await start(disk);
  await third.publish('one');
  await land(disk);
  expect(third.received).toEqual(['one']);
});

test('a digest on disk stays what it is', async () => {
  const disk = new MemoryDisk();
  await (await start(disk)).publish('one');
  await land(disk);
  const [[, short]] = [...disk.incoming.values()].flatMap((all) => [...all]) as [[number, number]];
  await (await start(disk)).publish('x'.repeat(1000));
  await land(disk);
  const [[, long]] = [...disk.incoming.values()].flatMap((all) => [...all]) as [[number, number]];
  expect([short, long]).toEqual([-1_381_737_228, 1_641_823_618]);
});

test('every byte of a message, wherever it is, changes its digest', () => {
  const digestOf = (payload: Buffer): number =>
    new Publication().of(createMessage('t', payload), 't', 2, false).digest;
  for (let length = 1; length <= 13; length++) {
    const payload = Buffer.alloc(length, 0x41);
    const digests = new Set([digestOf(payload), digestOf(Buffer.alloc(length + 1, 0x41))]);
    for (let at = 0; at < length; at++) {
      const other = Buffer.from(payload);
      other[at] = 0xc1;
      digests.add(digestOf(other));
    }
    expect(digests.size).toBe(length + 2);
  }
});
