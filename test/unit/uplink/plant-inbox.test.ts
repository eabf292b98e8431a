import type { IPublishPacket } from 'mqtt';
import { describe, expect, test } from 'vitest';
import { PlantInbox } from '../../../src/uplink/plant-inbox.ts';
import { settle } from '../../support/manual-clock.ts';

interface Setup {
  readonly inbox: PlantInbox;
  /** Payloads in the order in which they were published here. */
  readonly published: string[];
  /** Packet identifiers in the order of their PUBACKs, one list for each write. */
  readonly acknowledged: number[][];
  readonly failures: () => number;
  /** The message is on disk. */
  stored(payload: string): Promise<void>;
  fail(payload: string): Promise<void>;
  congest(): void;
  relieve(): Promise<void>;
}

function setUp(): Setup {
  const published: string[] = [];
  const acknowledged: number[][] = [];
  const pending = new Map<string, { resolve(): void; reject(error: Error): void }>();
  let failures = 0;
  let congestion: Promise<void> | undefined;
  let end = (): void => undefined;
  const inbox = new PlantInbox({
    publish: ({ payload }) => {
      published.push(`${payload}`);
      return new Promise((resolve, reject) => pending.set(`${payload}`, { resolve, reject }));
    },
    write: (frame) => {
      const ids = Array.from({ length: frame.length / 4 }, (_, n) => {
        expect(frame.readUInt16BE(4 * n)).toBe(0x4002);
        return frame.readUInt16BE(4 * n + 2);
      });
      acknowledged.push(ids);
    },
    congested: () => congestion,
    failed: () => failures++,
  });
  return {
    ...{ inbox, published, acknowledged },
    failures: () => failures,
    async stored(payload) {
      pending.get(payload)!.resolve();
      await settle();
      await settle();
    },
    async fail(payload) {
      pending.get(payload)!.reject(new Error('no'));
      await settle();
    },
    congest() {
      congestion = new Promise((resolve) => {
        end = resolve;
      });
    },
    async relieve() {
      congestion = undefined;
      end();
      await settle();
    },
  };
}

function message(payload: string, qos: 0 | 1 = 1, messageId = Number(payload)): IPublishPacket {
  return { cmd: 'publish', topic: 't', payload, qos, retain: false, dup: false, messageId };
}

/** Whether the next packet may be read. */
function taken(inbox: PlantInbox, packet: IPublishPacket): boolean {
  let next = false;
  inbox.take(packet, () => {
    next = true;
  });
  return next;
}

describe('messages from the plant', () => {
  test('are published when they arrive, while earlier ones are not on disk', () => {
    const { inbox, published, acknowledged } = setUp();
    const read = Array.from({ length: 100 }, (_, n) => taken(inbox, message(`${n + 1}`)));
    expect(read.every(Boolean)).toBe(true);
    expect(published).toHaveLength(100);
    expect(acknowledged).toEqual([]);
  });

  test('are acknowledged in the order of arrival, those of one commit with one write', async () => {
    const { inbox, stored, acknowledged } = setUp();
    for (const payload of ['1', '2', '3', '258']) taken(inbox, message(payload));
    await stored('2');
    await stored('258');
    expect(acknowledged).toEqual([]);
    await stored('1');
    expect(acknowledged).toEqual([[1, 2]]);
    await stored('3');
    expect(acknowledged).toEqual([
      [1, 2],
      [3, 258],
    ]);
  });

  test('of QoS 0 are not acknowledged and hold up nothing', async () => {
    const { inbox, stored, published, acknowledged } = setUp();
    taken(inbox, message('0', 0));
    taken(inbox, message('1'));
    await stored('1');
    expect([published, acknowledged]).toEqual([['0', '1'], [[1]]]);
  });

  test('are not acknowledged if one before them could not be published', async () => {
    const { inbox, stored, fail, failures, acknowledged } = setUp();
    for (const payload of ['1', '2']) taken(inbox, message(payload));
    await fail('1');
    await stored('2');
    expect([failures(), acknowledged]).toEqual([1, []]);
  });

  test('are not acknowledged on a connection that has ended', async () => {
    const { inbox, stored, acknowledged, published } = setUp();
    taken(inbox, message('1'));
    inbox.close();
    await stored('1');
    expect(taken(inbox, message('2'))).toBe(true);
    expect([acknowledged, published]).toEqual([[], ['1']]);
  });
});

describe('while the disk is congested', () => {
  test('messages wait in their order and other packets are read', async () => {
    const { inbox, congest, relieve, published } = setUp();
    congest();
    expect(taken(inbox, message('1'))).toBe(true);
    expect(taken(inbox, message('2'))).toBe(true);
    expect(published).toEqual([]);
    await relieve();
    taken(inbox, message('3'));
    expect(published).toEqual(['1', '2', '3']);
  });

  test('reading stops only when 16 MiB wait, until the disk has caught up', async () => {
    const { inbox, congest, relieve, published } = setUp();
    congest();
    let reads = 0;
    for (let n = 0; n < 16; n++) {
      inbox.take(message('x'.repeat(1024 * 1024), 1, n + 1), () => reads++);
    }
    expect(reads).toBe(15);
    await relieve();
    expect([reads, published.length]).toEqual([16, 16]);
  });

  test('a connection that ends forgets what waits: the plant sends it again', async () => {
    const { inbox, congest, relieve, published } = setUp();
    congest();
    taken(inbox, message('1'));
    inbox.close();
    await relieve();
    expect(published).toEqual([]);
  });
});
