import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryState } from '../../../src/base/state.ts';
import { createMessage } from '../../../src/queue/message.ts';
import type { PendingAck } from '../../../src/queue/pending-ack.ts';
import { type QueueEntry, WRITTEN } from '../../../src/queue/queue-entry.ts';
import { type OpenMessage, PlantSessions } from '../../../src/uplink/plant-sessions.ts';
import type { PlantTransport } from '../../../src/uplink/plant-transport.ts';
import { RefusedTopics } from '../../../src/uplink/refused-topics.ts';
import { Routes } from '../../../src/uplink/routes.ts';
import type { CurrentRouting } from '../../../src/uplink/routing.ts';
import { Sender, type SenderParts } from '../../../src/uplink/sender.ts';
import type { UplinkQueue } from '../../../src/uplink/uplink-queue.ts';
import { FakeOwner, message } from '../../support/entries.ts';
import { settle } from '../../support/manual-clock.ts';

/** A queue in memory whose messages count from 1; so do their packet identifiers. */
class FakeQueue extends FakeOwner {
  readonly entries: QueueEntry[] = [];
  high = false;
  readonly live = false;
  lostUpTo = 0;
  spilled = 0;
  readonly queue = {
    entries: this.entries,
    get count() {
      return this.entries.length;
    },
    spill: () => void this.spilled++,
  };

  push(count: number, qos: 1 | 2 = 1, size = 1): void {
    for (let n = 0; n < count; n++) {
      const entry = this.entry(message('x'.repeat(size)), qos);
      entry.written = WRITTEN;
      this.entries.push(entry);
    }
  }

  forgetSent(): void {
    this.lostUpTo = this.sent;
  }

  peek = (): QueueEntry | undefined => this.entries[0];
  take = (): QueueEntry => this.entries.shift()!;
  packetIdOf = ({ seq }: QueueEntry): number => (this.high ? 100 : 0) + seq;
}

/** A connection that keeps the packets: `seq`, with `!` for DUP, or `rel seq` for PUBREL. */
class FakeTransport implements PlantTransport {
  readonly url = 'mqtt://plant';
  receiveMaximum = 65_535;
  maximumPacketSize = Number.POSITIVE_INFINITY;
  maximumQos = 2 as const;
  retainAvailable = true;
  congested = false;
  readonly packets: string[] = [];
  /** Why the sender has ended the connection. */
  readonly endings: string[] = [];

  write(frames: Buffer): void {
    for (let at = 0; at < frames.length; ) {
      const type = frames[at]! >> 4;
      const length = frames[at + 1]! < 128 ? 2 : frames[at + 2]! < 128 ? 3 : 4;
      let remaining = 0;
      for (let i = 1; i < length; i++) remaining |= (frames[at + i]! & 127) << (7 * (i - 1));
      if (type === 6) this.packets.push(`rel ${frames.readUInt16BE(at + length)}`);
      else if ((frames[at]! & 6) === 0) this.packets.push('QoS 0');
      else {
        const id = at + length + 2 + frames.readUInt16BE(at + length);
        this.packets.push(`${frames.readUInt16BE(id)}${frames[at]! & 8 ? '!' : ''}`);
      }
      at += length + remaining;
    }
  }

  giveUp(sentence: string): void {
    this.endings.push(sentence);
  }

  /** The packets since the last call. */
  taken(): string[] {
    return this.packets.splice(0);
  }
}

let queue: FakeQueue;
/** Its packet identifiers count from 101. */
let urgent: FakeQueue;
let transport: FakeTransport;
let sender: Sender;
let now: number;
/** The journal's calls, and PendingAcks that the disk has still to confirm. */
let journal: string[];
let pending: PendingAck[];
let refused: string[];
let refusedTopics: RefusedTopics;

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, n) => `${from + n}`);

interface Setting {
  readonly inflight?: number;
  readonly qos?: 0 | 1 | 2;
  /** There is a queue of high priority too. */
  readonly hasUrgent?: boolean;
}

function create({ inflight = 10, qos = 2, hasUrgent = false }: Setting = {}): void {
  // A sender of an earlier test may still run: it must not see the queue of this one.
  const own = new FakeQueue(1);
  const ownUrgent = new FakeQueue(2);
  ownUrgent.high = true;
  [queue, urgent] = [own, ownUrgent];
  transport = new FakeTransport();
  [now, journal, pending, refused] = [1000, [], [], []];
  refusedTopics = new RefusedTopics(() => now);
  const out = [{ out: '#', to: 'p/', qos, retain: 'keep', priority: 'normal' }] as const;
  const routing = {
    config: { inflight, live: 0, out },
    routes: new Routes({ out, in: [], own: [] }),
    properties: undefined,
  } as unknown as CurrentRouting;
  const parts: SenderParts = {
    routing: () => routing,
    store: {
      journal: {
        add: ([name], ack) => {
          journal.push(name);
          ack?.add();
          if (ack) pending.push(ack);
        },
        discard: ({ seq }) => void journal.push(`discard ${seq}`),
        markSent: ({ sent }) => void journal.push(`sent ${sent}`),
        flushSoon: () => void journal.push('flush'),
      },
    },
    refusedTopics,
    monotonic: () => now,
    now: () => now,
    fault: (_what, error) => String(error),
    queues: () => (hasUrgent ? [own, ownUrgent] : [own]) as unknown as UplinkQueue[],
    refuse: ({ seq }, reason) => void refused.push(`${seq}: ${reason}`),
    expired: ({ seq }) => void refused.push(`${seq}: expired`),
  };
  sender = new Sender(parts);
}

/** Connects and lets the sender send. */
async function connect(resumed = true, open: readonly OpenMessage[] = []): Promise<void> {
  transport = new FakeTransport();
  await sender.connect(transport, resumed, open);
  await settle();
}

beforeEach(() => create());

describe('the window', () => {
  test('limits what is in flight; a tenth of it is free for urgent messages', async () => {
    queue.push(30);
    await connect();
    expect(transport.taken()).toEqual(numbers(1, 9));
    expect([sender.inFlight, sender.sent]).toEqual([9, 0]);
  });

  test('is the smaller of the config’s and the plant’s', async () => {
    queue.push(30);
    transport = new FakeTransport();
    transport.receiveMaximum = 4;
    await sender.connect(transport, true);
    await settle();
    expect(transport.taken()).toEqual(numbers(1, 3));
  });

  test('is filled again when a quarter of it is free', async () => {
    create({ inflight: 100 });
    queue.push(200);
    await connect();
    expect(transport.taken()).toEqual(numbers(1, 90));
    for (let id = 1; id <= 22; id++) sender.acknowledged(id, 0);
    await settle();
    expect(transport.taken()).toEqual([]);
    sender.acknowledged(23, 0);
    await settle();
    expect(transport.taken()).toEqual(numbers(91, 113));
    expect(journal.filter((each) => each.startsWith('discard'))).toEqual(
      numbers(1, 23).map((seq) => `discard ${seq}`),
    );
    expect(sender.sent).toBe(23);
  });

  test.each([
    ['the config’s', 63, 65_535, 57],
    ['the plant’s', 100, 20, 18],
  ])('is filled again at once where it is small: %s', async (_whose, inflight, maximum, first) => {
    create({ inflight });
    queue.push(200);
    transport = new FakeTransport();
    transport.receiveMaximum = maximum;
    await sender.connect(transport, true);
    await settle();
    expect(transport.taken()).toEqual(numbers(1, first));
    for (const id of [1, 2]) {
      sender.acknowledged(id, 0);
      await settle();
      expect(transport.taken()).toEqual([`${first + id}`]);
    }
  });

  test('has room for one large message, and for 1 MiB on a fast line', async () => {
    queue.push(30, 1, 400_000);
    await connect();
    expect(transport.taken()).toEqual(['1']);
    now += 10;
    sender.acknowledged(1, 0);
    await settle();
    expect(transport.taken()).toEqual(numbers(2, 4));
    expect([sender.flight.bytes > 1_200_000, sender.flight.lineRate! > 1e7]).toEqual([true, true]);
  });

  test('nothing is sent while the socket’s buffer is full', async () => {
    queue.push(1);
    transport = new FakeTransport();
    transport.congested = true;
    await sender.connect(transport, true);
    await settle();
    expect([transport.taken(), sender.flowing]).toEqual([[], false]);
    transport.congested = false;
    sender.pump();
    await settle();
    expect([transport.taken(), sender.flowing]).toEqual([['1'], true]);
  });
});

test('a message of a QoS 0 route leaves the queue when it is sent', async () => {
  create({ qos: 0 });
  queue.push(1);
  await connect();
  expect(transport.taken()).toEqual(['QoS 0']);
  expect([journal, sender.sent, sender.inFlight]).toEqual([['discard 1'], 1, 0]);
});

describe('after a lost connection', () => {
  test('what was in flight goes first, in order and as a duplicate', async () => {
    queue.push(5);
    await connect();
    sender.acknowledged(2, 0);
    sender.disconnect();
    expect([sender.inFlight, sender.flowing]).toEqual([4, false]);
    expect([journal.at(-1), queue.spilled]).toEqual(['flush', 1]);
    queue.push(1);
    await connect();
    expect(transport.taken()).toEqual(['1!', '3!', '4!', '5!', '6']);
  });

  test.each([
    [true, ['1!', '3!', '4']],
    [false, ['1', '3', '4']],
  ])('at another address, nodes of a cluster: %s, it is sent as %j', async (cluster, packets) => {
    create({ qos: 1 });
    const state = createMemoryState().of('uplink');
    const sessions = new PlantSessions({
      config: { clientId: 'c', urls: ['mqtt://a', 'mqtt://b'], cluster },
      ...{ state: () => state, setNow: (key: string, value: unknown) => state.set(key, value) },
      fresh: new Set(),
    });
    queue.push(3);
    await connect(sessions.enter('mqtt://a', false, sender.openMessages));
    sender.acknowledged(2, 0);
    sender.disconnect();
    queue.push(1);
    const isSame = sessions.enter('mqtt://b', true, sender.openMessages);
    await connect(isSame, sessions.of('mqtt://b').open);
    expect(transport.taken()).toEqual(packets);
  });

  test('what is urgent of it goes first', async () => {
    create({ hasUrgent: true });
    queue.push(3);
    await connect();
    urgent.push(2);
    sender.pump();
    await settle();
    expect(transport.taken()).toEqual(['1', '2', '3', '101', '102']);
    sender.disconnect();
    await connect();
    expect(transport.taken()).toEqual(['101!', '102!', '1!', '2!', '3!']);
  });

  test('on another session it is sent as if for the first time', async () => {
    create({ qos: 1 });
    queue.push(2);
    await connect();
    sender.disconnect();
    await connect(false);
    expect(transport.taken()).toEqual(['1', '2']);
    expect(queue.lostUpTo).toBe(2);
  });

  test('the bytes that are sent again are known, and when the oldest was queued', async () => {
    queue.push(2, 1, 100);
    expect([sender.oldestAt, sender.resendBytes, sender.connected]).toEqual([undefined, 0, false]);
    await connect();
    expect([sender.oldestAt, sender.resendBytes, sender.connected]).toEqual([1000, 0, true]);
    sender.disconnect();
    expect([sender.oldestAt, sender.resendBytes, sender.connected]).toEqual([1000, 206, false]);
  });

  test('late acknowledgements of nothing in flight are ignored', async () => {
    queue.push(1);
    await connect();
    sender.acknowledged(7, 0);
    sender.completed(7);
    expect([sender.sent, sender.inFlight]).toEqual([0, 1]);
  });
});

describe('QoS 2', () => {
  test('PUBREL follows PUBREC when that is on disk, and PUBCOMP ends it', async () => {
    queue.push(1, 2);
    await connect();
    transport.taken();
    sender.completed(1);
    expect(sender.inFlight).toBe(1);
    sender.received(1, 0);
    expect([journal.at(-1), transport.taken()]).toEqual(['released', []]);
    pending[0]!.done();
    expect(transport.taken()).toEqual(['rel 1']);
    sender.completed(1);
    expect([sender.sent, sender.inFlight]).toEqual([1, 0]);
  });

  test('after a lost connection PUBREL is sent again, not the message', async () => {
    queue.push(1, 2);
    await connect();
    sender.received(1, 0);
    const lost = transport;
    lost.taken();
    sender.disconnect();
    await connect();
    expect(transport.taken()).toEqual(['rel 1']);
    pending[0]!.done();
    expect([lost.taken(), transport.taken()]).toEqual([[], []]);
  });

  test('on another session the message is sent, once the release is off the disk', async () => {
    queue.push(1, 2);
    await connect();
    sender.received(1, 0);
    pending.splice(0)[0]!.done();
    sender.disconnect();
    transport = new FakeTransport();
    const connected = sender.connect(transport, false);
    await settle();
    expect([journal.at(-1), transport.taken()]).toEqual(['unreleased', []]);
    pending[0]!.done();
    await connected;
    await settle();
    expect(transport.taken()).toEqual(['1']);
  });

  test('messages in flight are known as open until PUBCOMP', async () => {
    queue.push(2, 2);
    queue.push(1, 1);
    await connect();
    sender.received(1, 0);
    sender.completed(1);
    sender.disconnect();
    expect(sender.openMessages).toEqual([[2, 2]]);
  });

  test('what an address still has open is released first, unless it is sent again from the beginning', async () => {
    queue.push(2, 2);
    await connect();
    sender.disconnect();
    const connecting = connect(false, [
      [1, 1],
      [2, 2002],
      [8, 1],
      [9, 9],
    ]);
    await settle();
    for (const ack of pending.splice(0)) ack.done();
    await connecting;
    await settle();
    expect(transport.taken()).toEqual(['rel 2', 'rel 8', 'rel 9', '1', '2']);
  });

  test('an identifier in use is that of this message if it was sent before', async () => {
    queue.push(1, 2);
    await connect();
    sender.disconnect();
    await connect();
    expect(transport.taken()).toEqual(['1!']);
    sender.received(1, 0x91);
    pending.splice(0)[0]!.done();
    expect(transport.taken()).toEqual(['rel 1']);
    sender.completed(1);
    expect([refused, sender.sent]).toEqual([[], 1]);
  });

  test('an identifier in use by another message is released, then the message is sent again', async () => {
    queue.push(1, 2);
    await connect();
    transport.taken();
    sender.received(1, 0x91);
    expect([transport.taken(), sender.inFlight]).toEqual([['rel 1'], 1]);
    sender.completed(1);
    await settle();
    expect(transport.taken()).toEqual(['1!']);
    sender.received(1, 0);
    pending.splice(0)[0]!.done();
    sender.completed(1);
    expect([refused, sender.sent, sender.inFlight]).toEqual([[], 1, 0]);
  });

  test('PUBREC for a message that is not in flight is answered', async () => {
    await connect();
    sender.received(9, 0);
    expect(transport.taken()).toEqual(['rel 9']);
  });
});

describe('a refusal', () => {
  /** A connection on which the plant has acknowledged the status message. */
  async function works(): Promise<void> {
    await connect();
    sender.acknowledged(65_000, 0);
    await settle();
  }

  test.each([
    ['PUBACK', () => sender.acknowledged(1, 0x87)],
    ['PUBREC', () => sender.received(1, 0x87)],
  ])('that is permanent ends the message at once (%s)', async (_, refuse) => {
    queue.push(2);
    await connect();
    refuse();
    expect(refused).toEqual(['1: not authorised (0x87)']);
    expect(refusedTopics.sentence).toContain('refuses messages on p/t:');
    expect([sender.inFlight, transport.endings]).toEqual([1, []]);
  });

  test('that is temporary ends the connection, and the third time the message', async () => {
    queue.push(1);
    for (let n = 0; n < 2; n++) {
      await works();
      sender.acknowledged(1, 0x97);
      expect(transport.endings).toEqual([
        'the plant does not take messages for the moment (reason 0x97)',
      ]);
      sender.disconnect();
      expect([sender.endedByMessage, sender.messageProblem]).toEqual([
        true,
        expect.stringContaining('does not take the message on p/t'),
      ]);
    }
    await works();
    sender.acknowledged(1, 0x97);
    expect(refused).toEqual(['1: refused 3 times (0x97)']);
    expect([sender.inFlight, transport.endings]).toEqual([0, []]);
  });

  describe('by the end of the connection', () => {
    /** A connection that works and that the plant ends; returns the packets that were sent on it. */
    async function ended(): Promise<string[]> {
      await connect();
      const before = transport.taken();
      // The acknowledgement of the status message.
      sender.acknowledged(65_000, 0);
      await settle();
      sender.disconnect('possible');
      return [...before, ...transport.taken()];
    }

    test('is proved by three, the last one with the message alone', async () => {
      queue.push(3);
      expect(await ended()).toEqual(['1', '2', '3']);
      expect(await ended()).toEqual(['1!', '2!', '3!']);
      expect(sender.messageProblem).toMatch(
        /message on p\/t .* is suspected: the connection ended 2 times/,
      );
      expect(sender.endedByMessage).toBe(true);
      expect(await ended()).toEqual(['1!']);
      expect(refused).toEqual([
        '1: the plant ended the connection each time that it was sent, the last time alone',
      ]);
      expect(sender.messageProblem).toBeUndefined();
      expect(refusedTopics.sentence).toContain('refuses messages on p/t:');
      await works();
      // It is on the same topic: alone again.
      expect(transport.taken()).toEqual(['2!']);
    });

    test('is QoS 2 for a plant that takes only QoS 1: then no message is open there', async () => {
      queue.push(2, 2);
      for (let n = 0; n < 2; n++) await ended();
      expect(sender.openMessages).toEqual([
        [1, 1],
        [2, 2],
      ]);
      await ended();
      await works();
      sender.acknowledged(1, 0);
      await settle();
      sender.disconnect();
      expect([refused, sender.inFlight, sender.openMessages]).toEqual([[], 1, []]);
    });

    test('is not proved by connections that end before the status message is acknowledged', async () => {
      queue.push(1);
      for (let n = 0; n < 6; n++) {
        await connect();
        sender.disconnect('possible');
      }
      expect(refused).toEqual([]);
    });

    test('after one of them none is sent before the status message is acknowledged', async () => {
      queue.push(3);
      await ended();
      await connect();
      expect(transport.taken()).toEqual([]);
      sender.acknowledged(65_000, 0);
      await settle();
      expect(transport.taken()).toEqual(['1!', '2!', '3!']);
    });

    test('a suspected message waits until no other is in flight', async () => {
      queue.push(1);
      queue.push(1, 1, 9000);
      await works();
      sender.disconnect('size');
      await works();
      expect(transport.taken()).toEqual(['1!']);
      sender.acknowledged(1, 0);
      await settle();
      expect(transport.taken()).toEqual(['2!']);
    });

    test('the suspected message goes alone, once the connection works', async () => {
      queue.push(3);
      for (let n = 0; n < 2; n++) await ended();
      await connect();
      expect(transport.taken()).toEqual([]);
      sender.acknowledged(65_000, 0);
      await settle();
      expect(transport.taken()).toEqual(['1!']);
      sender.acknowledged(1, 0);
      await settle();
      expect(transport.taken()).toEqual(['2!']);
    });

    test('a plant that does not acknowledge the status message gets the others after 5 s', async () => {
      queue.push(1);
      await ended();
      await connect();
      expect(transport.taken()).toEqual([]);
      now += 5000;
      sender.pump();
      await settle();
      expect(transport.taken()).toEqual(['1!']);
    });
  });
});

test('no new message is sent while the connection is left, until its last is acknowledged', async () => {
  queue.push(1);
  await connect();
  transport.taken();
  const drained = sender.drain(60_000);
  queue.push(1);
  sender.pump();
  await settle();
  expect(transport.taken()).toEqual([]);
  sender.acknowledged(1, 0);
  await drained;
  sender.disconnect();
  await connect();
  expect(transport.taken()).toEqual(['2']);
});

test('messages are overdue when none was acknowledged for the time', async () => {
  queue.push(3);
  await connect();
  now += 4999;
  expect(sender.flight.overdue(5000)).toBe(0);
  now += 1;
  expect(sender.flight.overdue(5000)).toBe(3);
  sender.acknowledged(1, 0);
  expect(sender.flight.overdue(5000)).toBe(0);
  now += 5000;
  expect(sender.flight.overdue(5000)).toBe(2);
  for (const id of [2, 3]) sender.acknowledged(id, 0);
  now += 60_000;
  queue.push(1);
  sender.pump();
  await settle();
  // The time without messages does not count.
  expect(sender.flight.overdue(5000)).toBe(0);
});

describe('a connection that is lost while the disk forgets the session', () => {
  test('is not used, and the next one sends everything', async () => {
    queue.push(3, 2);
    const lost = new FakeTransport();
    const connecting = sender.connect(lost, false);
    await settle();
    expect(journal).toEqual(['unreleased']);
    sender.disconnect();
    for (const ack of pending.splice(0)) ack.done();
    await connecting;
    await settle();
    expect(lost.taken()).toEqual([]);
    expect([sender.flowing, sender.inFlight]).toEqual([false, 0]);
    await connect();
    expect(transport.taken()).toEqual(numbers(1, 3));
  });

  test('does not replace the connection that came after it', async () => {
    queue.push(3, 2);
    const lost = new FakeTransport();
    const connecting = sender.connect(lost, false);
    await settle();
    sender.disconnect();
    await connect();
    for (const ack of pending.splice(0)) ack.done();
    await connecting;
    await settle();
    queue.push(1, 2);
    sender.pump();
    await settle();
    expect(lost.taken()).toEqual([]);
    expect(transport.taken()).toEqual(numbers(1, 4));
  });

  test('has lost what was released there: it is sent again as a message', async () => {
    queue.push(1, 2);
    await connect();
    sender.received(1, 0);
    pending.splice(0)[0]!.done();
    sender.disconnect();
    const connecting = sender.connect(new FakeTransport(), false);
    await settle();
    sender.disconnect();
    // The plant has the session of the connection that was lost, which is empty.
    await connect(true);
    expect(transport.taken()).toEqual(['1']);
    for (const ack of pending.splice(0)) ack.done();
    await connecting;
  });
});

describe('a message that expires', () => {
  const expiring = (qos: 1 | 2, expiresAt: number): void => {
    const entry = queue.entry(createMessage('t', Buffer.from('x'), undefined, expiresAt), qos);
    entry.written = WRITTEN;
    queue.entries.push(entry);
  };

  test('before it is sent is not sent; the next ones are', async () => {
    expiring(1, 1000);
    expiring(1, 1001);
    queue.push(1);
    await connect();
    expect(transport.taken()).toEqual(['2', '3']);
    expect([refused, sender.inFlight]).toEqual([['1: expired'], 2]);
  });

  test('before the plant has acknowledged it is not sent again at QoS 1, and released at QoS 2', async () => {
    expiring(1, 2000);
    expiring(2, 2000);
    queue.push(1, 2);
    await connect();
    expect(transport.taken()).toEqual(numbers(1, 3));
    sender.disconnect();
    now = 2000;
    await connect();
    expect(transport.taken()).toEqual(['rel 2', '3!']);
    expect(refused).toEqual(['1: expired']);
    sender.completed(2);
    expect(sender.inFlight).toBe(1);
  });
});
