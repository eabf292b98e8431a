import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { TurnBudget } from '../../../../src/base/turn-budget.ts';
import { SendBuffer } from '../../../../src/broker/clients/send-buffer.ts';
import type { Link } from '../../../../src/broker/messages/deliveries.ts';
import { FlowControl } from '../../../../src/broker/messages/flow-control.ts';
import { Publication } from '../../../../src/broker/messages/publication.ts';
import { RetainedMessages } from '../../../../src/broker/messages/retained.ts';
import { Session } from '../../../../src/broker/messages/session.ts';
import type { SessionLimits, SessionParts } from '../../../../src/broker/messages/session-parts.ts';
import { PUBREL_HEADER } from '../../../../src/mqtt/codec.ts';
import { createMessage } from '../../../../src/queue/message.ts';
import { PendingAck } from '../../../../src/queue/pending-ack.ts';
import { ENTRY_BYTES, type StoredEntry } from '../../../../src/queue/queue-entry.ts';
import { Journal } from '../../../../src/store/commit/journal.ts';
import { sendBufferParts } from '../../../support/connection-parts.ts';
import { FakeTransport } from '../../../support/fake-transport.ts';
import { FakeWriter } from '../../../support/fake-writer.ts';
import { createFaults } from '../../../support/faults.ts';
import { memoryBudget } from '../../../support/memory.ts';
import { type Packet, PacketReader } from '../../../support/packets.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What one connection may leave unread. */
const BOUND = 8 * 1024 * 1024;

const pass = (ms = 1) => vi.advanceTimersByTimeAsync(ms);

/** A client's side of a connection that acknowledges nothing by itself. */
class FakeLink implements Link {
  readonly transport = new FakeTransport();
  readonly sendBuffer = new SendBuffer(this.transport, sendBufferParts());
  readonly protocol5 = undefined;
  readonly #reader = new PacketReader();

  acknowledge(header: number, packetId: number): void {
    this.sendBuffer.acknowledge(header, packetId);
  }
  ackWhenStored(header: number, packetId: number): PendingAck {
    return new PendingAck(() => this.sendBuffer.acknowledge(header, packetId));
  }
  /** The packets since the last call. */
  async take(): Promise<Packet[]> {
    await pass();
    return this.#reader.push(this.transport.take()) as Packet[];
  }
  /** The same in short: payload, or type, with packet identifier and DUP. */
  async words(): Promise<string[]> {
    return (await this.take()).map((packet) =>
      packet.type === 'publish'
        ? `${packet.payload}#${packet.id}${packet.dup ? ' dup' : ''}`
        : `${packet.type}#${'id' in packet ? packet.id : ''}`,
    );
  }
}

interface Options {
  readonly persistent?: boolean;
  readonly limits?: {
    readonly inflight?: number;
    readonly queue?: Partial<SessionLimits['queue']>;
  };
  readonly stored?: SessionParts['stored'];
  readonly rows?: readonly StoredEntry[];
}

function setUp({ persistent = true, limits = {}, stored, rows = [] }: Options = {}) {
  const writer = new FakeWriter();
  writer.fast = true;
  const journal = new Journal({
    faults: createFaults(),
    writer,
    deferredMs: 1000,
    nextMessageId: 1,
    retainedValue: () => undefined,
    onTrouble: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
  const dropped: string[] = [];
  let now = 1_000_000;
  const memory = memoryBudget();
  const retained = new RetainedMessages();
  const context: SessionParts['context'] = {
    journal,
    limits: {
      inflight: 2,
      queueMemoryPerClient: 16 * 1024 * 1024,
      ...limits,
      queue: {
        messages: 100,
        bytes: 1024 * 1024,
        age: 60_000,
        full: 'drop-oldest',
        ...limits.queue,
      },
    },
    load: async (_session, seq, limit) => rows.filter((row) => row.seq >= seq).slice(0, limit),
    memory,
    retained,
    turnBudget: new TurnBudget(() => 0),
    flow: new FlowControl({ now: () => now, slow: () => undefined }),
    shares: { came: () => undefined, went: () => undefined, idle: () => undefined },
    now: () => now,
    dropped: (_session, reason) => dropped.push(reason),
    setAside: (_message, _to, error) => {
      throw error;
    },
  };
  const session = new Session({
    ...{ context, clientId: 'client', key: 7, persistent, stored },
    expiryMs: persistent ? Number.POSITIVE_INFINITY : 0,
  });
  const deliver = (payload: string, qos: 0 | 1 | 2 = 1): { acknowledged: boolean } => {
    const state = { acknowledged: false };
    const publication = new Publication().of(
      createMessage('t', Buffer.from(payload)),
      't',
      qos,
      false,
    );
    publication.pendingAck = new PendingAck(() => {
      state.acknowledged = true;
    });
    session.deliver(publication, qos);
    publication.pendingAck.done();
    return state;
  };
  return {
    session,
    retained,
    memory,
    writer,
    journal,
    dropped,
    deliver,
    turn: (ms: number) => {
      now += ms;
    },
  };
}

const row = (seq: number, payload: string, flags: number, at = 1_000_000): StoredEntry => ({
  seq,
  flags,
  at,
  body: createMessage('t', Buffer.from(payload)).body,
});

describe('connection', () => {
  test('what is unacknowledged comes again with DUP and the same identifier, in order', async () => {
    const { session, deliver } = setUp();
    session.connect(new FakeLink());
    for (const payload of ['a', 'b', 'c']) deliver(payload);
    session.disconnect();
    deliver('d');
    const link = new FakeLink();
    session.connect(link);
    expect(await link.words()).toEqual(['a#1 dup', 'b#2 dup']);
    session.acknowledged(1);
    session.acknowledged(2);
    expect(await link.words()).toEqual(['c#3', 'd#4']);
  });

  test.each([
    [61, 70],
    [120, 139],
    [65_530, 65_535],
  ])('what is sent again comes in the order of sending: %i to %i', async (first, last) => {
    const { session, deliver } = setUp({ limits: { inflight: 20 } });
    const before = new FakeLink();
    session.connect(before);
    for (let id = 1; id < first; id++) {
      deliver('x');
      session.acknowledged(id);
      if (id % 1000 === 0) await before.take();
    }
    await before.take();
    const payloads = Array.from({ length: last - first + 3 }, (_, i) => `m${i}`);
    for (const payload of payloads) deliver(payload);
    const sent = await before.words();
    session.disconnect();
    const link = new FakeLink();
    session.connect(link);
    const again = (await link.words()).map((word) => word.replace(' dup', ''));
    expect(again).toEqual(sent);
    expect(again.map((word) => word.split('#')[0])).toEqual(payloads.slice(0, 20));
  });

  test('a slow reader loses QoS 0, and QoS 1 waits for it', async () => {
    const { session, deliver, dropped } = setUp();
    const link = new FakeLink();
    session.connect(link);
    link.transport.clog(BOUND + 1);
    link.sendBuffer.measure();
    deliver('q0', 0);
    deliver('q1', 1);
    await pass();
    expect(dropped).toEqual(['slow-reader']);
    link.transport.clog(0);
    link.sendBuffer.measure();
    session.drained();
    expect(await link.words()).toEqual(['q1#1']);
  });

  test('a clean session that is gone is sent nothing and keeps nothing', async () => {
    const { session, deliver, writer } = setUp({ persistent: false });
    session.disconnect();
    expect(deliver('a').acknowledged).toBe(true);
    expect(session.queue.count).toBe(0);
    await pass(50);
    expect(writer.tried).toEqual([]);
  });
});

describe('delivery', () => {
  test('no more is in flight than the window allows; each acknowledgement lets the next go', async () => {
    const { session, deliver } = setUp();
    const link = new FakeLink();
    session.connect(link);
    for (const payload of ['a', 'b', 'c', 'd']) deliver(payload);
    expect(await link.words()).toEqual(['a#1', 'b#2']);
    session.acknowledged(2);
    expect(await link.words()).toEqual(['c#3']);
    session.acknowledged(2);
    session.acknowledged(99);
    expect(await link.words()).toEqual([]);
    session.acknowledged(1);
    expect(await link.words()).toEqual(['d#4']);
  });

  test('QoS 2 goes out when it is on disk, and PUBREL when that is', async () => {
    const { session, deliver, writer } = setUp();
    writer.fast = false;
    const link = new FakeLink();
    session.connect(link);
    const state = deliver('a', 2);
    deliver('behind', 1);
    expect(await link.words()).toEqual([]);
    writer.land();
    expect(await link.words()).toEqual(['a#1', 'behind#2']);
    expect(state.acknowledged).toBe(true);
    session.received(1);
    await pass(10);
    expect(await link.words()).toEqual([]);
    writer.land();
    expect(await link.words()).toEqual(['pubrel#1']);
    session.completed(1);
    expect(session.inflight).toBe(1);
  });

  test('identifiers in flight are passed over when the numbers come round', async () => {
    const { session, deliver } = setUp({ persistent: false, limits: { inflight: 3 } });
    const link = new FakeLink();
    session.connect(link);
    deliver('stays');
    for (let i = 2; i <= 65_535; i++) {
      deliver('x');
      session.acknowledged(i);
    }
    await link.take();
    deliver('next');
    expect(await link.words()).toEqual(['next#2']);
  });

  test('a window of all identifiers can be full', async () => {
    const limits = { inflight: 65_535, queue: { messages: 10 } };
    const { session, deliver } = setUp({ persistent: false, limits });
    const link = new FakeLink();
    session.connect(link);
    for (let i = 0; i < 65_535; i++) deliver('x');
    deliver('waits');
    expect(session.queue.count).toBe(1);
    await link.take();
    session.acknowledged(1);
    expect(await link.words()).toEqual(['waits#1']);
  });
});

describe('acknowledgement', () => {
  test('a publisher is acknowledged when the subscriber has acknowledged, or the disk has it', async () => {
    const { session, deliver, writer } = setUp();
    writer.fast = false;
    session.connect(new FakeLink());
    const [first, second] = [deliver('a'), deliver('b')];
    session.acknowledged(1);
    expect([first.acknowledged, second.acknowledged]).toEqual([true, false]);
    await pass(10);
    expect(second.acknowledged).toBe(false);
    writer.land();
    await pass();
    expect(second.acknowledged).toBe(true);
  });

  describe.each([true, false])(
    'of the wrong kind, for a session that is persistent: %s',
    (persistent) => {
      const sent = (qos: 1 | 2) => {
        const { session, deliver } = setUp({ persistent });
        const link = new FakeLink();
        session.connect(link);
        deliver('a', qos);
        return { session, link };
      };

      test('a PUBACK for a QoS 2 message is an error, and the message stays in flight', async () => {
        const { session, link } = sent(2);
        expect(await link.words()).toEqual(['a#1']);
        expect(() => session.acknowledged(1)).toThrow('PUBACK for a QoS 2 message');
        expect(session.inflight).toBe(1);
      });

      test('a PUBREC for a QoS 1 message is an error, and gets no PUBREL', async () => {
        const { session, link } = sent(1);
        expect(await link.words()).toEqual(['a#1']);
        expect(() => session.received(1)).toThrow('PUBREC for a QoS 1 message');
        expect(await link.words()).toEqual([]);
        expect(session.inflight).toBe(1);
      });

      test.each([1, 2] as const)(
        'a PUBCOMP for a QoS %i message without PUBREL is an error, and it stays in flight',
        async (qos) => {
          const { session, link } = sent(qos);
          expect(await link.words()).toEqual(['a#1']);
          expect(() => session.completed(1)).toThrow('PUBCOMP for a message without PUBREL');
          expect(session.inflight).toBe(1);
        },
      );

      test('a PUBACK after the PUBREC is an error; PUBREC and PUBCOMP end the message', async () => {
        const { session, link } = sent(2);
        await link.take();
        session.received(1);
        expect(await link.words()).toEqual(['pubrel#1']);
        expect(() => session.acknowledged(1)).toThrow('PUBACK for a QoS 2 message');
        // A PUBREC that comes again is answered again.
        session.received(1);
        expect(await link.words()).toEqual(['pubrel#1']);
        session.completed(1);
        expect(session.inflight).toBe(0);
      });
    },
  );

  test('a message that the client refuses in PUBREC is done, and the next one goes', async () => {
    const { session, deliver } = setUp({ limits: { inflight: 2 } });
    const link = new FakeLink();
    session.connect(link);
    deliver('a', 2);
    deliver('b', 1);
    deliver('c', 2);
    expect(await link.words()).toEqual(['a#1', 'b#2']);
    session.refused(1);
    expect(await link.words()).toEqual(['c#3']);
    session.refused(1);
    expect(session.inflight).toBe(2);
    expect(() => session.refused(2)).toThrow('PUBREC for a QoS 1 message');
    session.received(3);
    await link.words();
    session.refused(3);
    session.acknowledged(2);
    expect(session.inflight).toBe(0);
  });

  test('an answer to something that was never sent changes nothing', async () => {
    const { session } = setUp();
    const link = new FakeLink();
    session.connect(link);
    session.acknowledged(1);
    session.completed(1);
    session.received(9);
    expect(await link.words()).toEqual(['pubrel#9']);
    expect(session.inflight).toBe(0);
    expect(PUBREL_HEADER).toBe(0x62);
  });
});

describe('overflow', () => {
  test.each([
    ['drop-oldest', ['c#3', 'd#4']],
    ['drop-newest', ['a#1', 'b#2']],
  ] as const)('%s: a full queue keeps to its bound', async (full, left) => {
    const { session, deliver, dropped } = setUp({ limits: { queue: { messages: 2, full } } });
    const states = ['a', 'b', 'c', 'd'].map((payload) => deliver(payload));
    expect(dropped).toEqual(['queue-full', 'queue-full']);
    expect(session.queue.count).toBe(2);
    await pass(10);
    expect(states.every(({ acknowledged }) => acknowledged)).toBe(true);
    const link = new FakeLink();
    session.connect(link);
    expect(await link.words()).toEqual(left);
  });

  test('a queue is bounded in bytes too', () => {
    const { session, deliver, dropped } = setUp({ limits: { queue: { bytes: 1000 } } });
    for (let i = 0; i < 20; i++) deliver('x'.repeat(97));
    expect(session.queue.bytes).toBeLessThanOrEqual(1000);
    expect(session.queue.count).toBe(10);
    expect(dropped).toHaveLength(10);
  });

  test('a message larger than the whole queue is dropped, and no other for it', async () => {
    const { session, deliver, dropped } = setUp({ limits: { queue: { bytes: 100 } } });
    deliver('a');
    deliver('x'.repeat(98));
    expect(dropped).toEqual(['queue-full']);
    const link = new FakeLink();
    session.connect(link);
    expect(await link.words()).toEqual(['a#1']);
  });

  test('what a clean session has queued counts as memory until it is dropped or sent', async () => {
    const { session, memory, deliver } = setUp({
      persistent: false,
      limits: { inflight: 1, queue: { messages: 2 } },
    });
    const link = new FakeLink();
    session.connect(link);
    for (const payload of ['a', 'b', 'c', 'd']) deliver(payload);
    expect(memory.queued).toBe(2 * (4 + ENTRY_BYTES));
    session.acknowledged(1);
    expect(await link.words()).toEqual(['a#1', 'c#3']);
    expect(memory.queued).toBe(4 + ENTRY_BYTES);
    session.end();
    expect(memory.queued).toBe(0);
  });

  test('a full queue that is on disk alone is trimmed once its oldest are read', async () => {
    const rows = Array.from({ length: 100 }, (_, i) => row(i + 1, `m${i + 1}`, 1));
    const { session, deliver, dropped } = setUp({
      stored: {
        owner: '',
        sent: 0,
        seen: 0,
        queue: { first: 1, last: 100, count: 100, bytes: 500, oldestAt: 0 },
      },
      rows,
    });
    deliver('new');
    expect(session.queue.count).toBe(101);
    await pass();
    expect(session.queue.count).toBe(100);
    expect(dropped).toEqual(['queue-full']);
    const link = new FakeLink();
    session.connect(link);
    expect(await link.words()).toEqual(['m2#2', 'm3#3']);
  });
});

describe('expiry', () => {
  test('messages that have waited too long are dropped when their turn comes, unless sent before', async () => {
    const { session, deliver, dropped, turn } = setUp();
    session.connect(new FakeLink());
    deliver('sent');
    session.disconnect();
    deliver('old');
    turn(60_001);
    deliver('new');
    const link = new FakeLink();
    session.connect(link);
    expect(await link.words()).toEqual(['sent#1 dup', 'new#3']);
    expect(dropped).toEqual(['expired']);
  });

  test('a message that was sent before a restart is sent again however old it is', async () => {
    const { session, dropped, turn } = setUp({
      stored: {
        ...{ owner: '', sent: 2, seen: 0 },
        queue: { first: 1, last: 4, count: 4, bytes: 16, oldestAt: 1_000_000 },
      },
      // Of the last one only its own row says that it was sent.
      rows: [row(1, 'a', 1), row(2, 'b', 2), row(3, 'c', 1), row(4, 'd', 1 | 8)],
    });
    turn(3_600_000);
    // Nobody is there: what was never sent may go, but not before its turn.
    for (let time = 0; time < 3; time++) {
      session.expire(100);
      await pass();
    }
    expect(dropped).toEqual([]);
    const link = new FakeLink();
    session.connect(link);
    expect(await link.words()).toEqual(['a#1 dup', 'b#2 dup']);
    session.acknowledged(1);
    session.received(2);
    session.completed(2);
    expect((await link.words()).filter((word) => !word.startsWith('pubrel'))).toEqual(['d#4 dup']);
    expect(dropped).toEqual(['expired']);
  });
});

describe('counts', () => {
  test('are zero after read-ahead, disconnect, reconnect and drain', async () => {
    const count = 3000;
    const rows = Array.from({ length: count }, (_, index) => row(index + 1, 'x', 1));
    const { session, dropped } = setUp({
      limits: { inflight: 10, queue: { messages: 10_000 } },
      stored: {
        ...{ owner: '', sent: 0, seen: 0 },
        queue: { first: 1, last: count, count, bytes: count * 4, oldestAt: 1_000_000 },
      },
      rows,
    });
    let received = 0;
    for (let round = 0; received < count; round++) {
      const link = new FakeLink();
      session.connect(link);
      const seen = new Set<number>();
      // A few are acknowledged, more are read ahead, then the client is gone; in the end it takes all.
      const wanted = round < 5 ? received + 100 : count;
      for (let idle = 0; received < wanted && idle < 20; idle++) {
        for (const packet of await link.take()) {
          if (packet.type !== 'publish' || seen.has(packet.id!)) continue;
          seen.add(packet.id!);
          idle = 0;
          session.acknowledged(packet.id!);
          received++;
        }
      }
      await pass(50);
      expect(session.queue.count + session.inflight).toBe(count - received);
      expect(session.queue.bytes).toBe(session.queue.count * 4);
      session.disconnect();
      await pass(50);
      expect(session.queue.count + session.inflight).toBe(count - received);
      expect(session.queue.bytes).toBe(session.queue.count * 4);
      if (round > 20) break;
    }
    expect([received, dropped]).toEqual([count, []]);
    expect([session.queue.count, session.queue.bytes, session.inflight]).toEqual([0, 0, 0]);
  });
});

describe('recovery', () => {
  test('after a restart QoS 2 goes on where it stood', async () => {
    const { session } = setUp({
      stored: {
        owner: '',
        sent: 2,
        seen: 0,
        queue: { first: 1, last: 3, count: 3, bytes: 12, oldestAt: 0 },
      },
      rows: [row(1, 'a', 2 | 16), row(2, 'b', 2), row(3, 'c', 2)],
      limits: { inflight: 10 },
    });
    const link = new FakeLink();
    session.connect(link);
    await pass();
    expect(await link.words()).toEqual(['b#2 dup', 'c#3', 'pubrel#1']);
  });

  test('a stored message whose identifier is in flight is sent once that is free', async () => {
    const { session } = setUp({
      stored: {
        owner: '',
        sent: 0,
        seen: 0,
        queue: { first: 1, last: 65_536, count: 2, bytes: 8, oldestAt: 0 },
      },
      rows: [row(1, 'a', 1), row(65_536, 'b', 1)],
    });
    const link = new FakeLink();
    session.connect(link);
    await pass();
    expect(await link.words()).toEqual(['a#1']);
    session.acknowledged(1);
    expect(await link.words()).toEqual(['b#1']);
  });

  test('after a restart numbers go on behind all that was sent or stored', async () => {
    const { session, deliver } = setUp({
      stored: {
        owner: '',
        sent: 50,
        seen: 0,
        queue: { first: 0, last: 0, count: 0, bytes: 0, oldestAt: 0 },
      },
    });
    const link = new FakeLink();
    session.connect(link);
    deliver('a');
    expect(await link.words()).toEqual(['a#51']);
  });

  test('an entry that is sent while it is being written is known as sent after a crash', async () => {
    const { session, deliver, writer } = setUp();
    writer.fast = false;
    deliver('a');
    await pass();
    expect(writer.busy).toBe(true);
    session.connect(new FakeLink());
    writer.fast = true;
    writer.land();
    await pass(200);
    expect(writer.tried.flatMap(({ operations }) => operations)).toContainEqual([
      'sessionSent',
      1,
      7,
    ]);
  });
});

describe('retained feed', () => {
  test('retained messages follow the pace of the reader, without those that were replaced or deleted', async () => {
    const { session, retained } = setUp({ persistent: false });
    const link = new FakeLink();
    session.connect(link);
    for (const topic of ['a', 'b', 'c']) {
      retained.set(topic, 0, createMessage(topic, Buffer.from(`of ${topic}`)));
    }
    link.transport.clog(BOUND + 1);
    link.sendBuffer.measure();
    const rest = { qos: 0, upTo: retained.latest, grant: null, isAllowed: () => true } as const;
    session.feed({ filter: '#', ...rest });
    retained.delete('b');
    await pass();
    link.transport.clog(0);
    link.sendBuffer.measure();
    session.drained();
    const packets = await link.take();
    expect(packets).toMatchObject([
      { topic: 'a', retain: true, qos: 0 },
      { topic: 'c', retain: true, qos: 0 },
    ]);
  });

  test('of filters that were unsubscribed already, one waits for a slow reader', async () => {
    const { session, retained } = setUp({ persistent: false });
    const link = new FakeLink();
    session.connect(link);
    for (const topic of ['a', 'b', 'c', 'd'])
      retained.set(topic, 0, createMessage(topic, Buffer.from('x')));
    link.transport.clog(BOUND + 1);
    link.sendBuffer.measure();
    const rest = { qos: 0, upTo: retained.latest, grant: null, isAllowed: () => true } as const;
    session.subscriptions.set('d', 0);
    for (const filter of ['a', 'b', 'c', 'd']) session.feed({ filter, ...rest });
    link.transport.clog(0);
    link.sendBuffer.measure();
    session.drained();
    expect(await link.take()).toMatchObject([{ topic: 'a' }, { topic: 'd' }]);
  });
});
