import { beforeEach, describe, expect, test } from 'vitest';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import { InFlight } from '../../../src/uplink/in-flight.ts';
import { LineCheck } from '../../../src/uplink/line-check.ts';
import { FakeOwner, message } from '../../support/entries.ts';

let now: number;
let flight: InFlight;
let check: LineCheck;
let pumped: number;
/** How the connection was ended. */
let ended: (string | undefined)[];
let owner: FakeOwner;
/** What the socket shows. */
const socket = { received: 0, delivered: 0, waiting: 0 };
let plant: ConstructorParameters<typeof LineCheck>[0]['plant'] & { isDown: boolean };

beforeEach(() => create());

function create({ keepalive = 10_000 } = {}): void {
  [now, pumped, ended, owner] = [0, 0, [], new FakeOwner(1)];
  Object.assign(socket, { received: 0, delivered: 0, waiting: 0 });
  plant = {
    get received() {
      return socket.received;
    },
    progress: async () => ({ delivered: socket.delivered, waiting: socket.waiting }),
    isDown: false,
    giveUp: (sentence) => void ended.push(sentence),
  };
  flight = new InFlight(() => now);
  check = new LineCheck({
    plant,
    sender: { flight, pump: () => void pumped++ },
    clock: { monotonic: () => now },
    config: { keepalive },
  });
}

function send(bytes: number): QueueEntry {
  const entry = owner.entry(message('x'.repeat(bytes)));
  flight.add(entry.seq, entry);
  return entry;
}

/** So many seconds go by, with a check in each; `each` is what the socket does in one. */
async function seconds(count: number, each: () => void = () => undefined): Promise<void> {
  for (let n = 0; n < count && ended.length === 0; n++) {
    now += 1000;
    each();
    await check.check();
  }
}

describe('a plant that acknowledges nothing', () => {
  test('is left after two keep-alives, with their number and the time', async () => {
    send(10);
    send(10);
    // It answers pings.
    await seconds(100, () => void socket.received++);
    expect(ended).toEqual(['has acknowledged none of 2 messages for 20 s']);
    // The few bytes add some milliseconds to two keep-alives: it is the check after them.
    expect(now).toBe(21_000);
  });

  test('is left after 5 s at the earliest', async () => {
    create({ keepalive: 1000 });
    send(10);
    await seconds(100);
    expect([ended, now]).toEqual([['has acknowledged none of 1 messages for 5 s'], 6000]);
  });

  test('is not left while it takes the bytes of a large message, and is when it stops', async () => {
    send(100_000);
    socket.waiting = 100_000;
    await seconds(60, () => {
      socket.delivered += 500;
      socket.waiting -= 500;
    });
    expect(ended).toEqual([]);
    await seconds(300);
    expect(ended).toHaveLength(1);
    // Two keep-alives after the last byte, and the time for what the network may hold.
    expect(now).toBeGreaterThan(60_000 + 20_000);
  });

  test('is not left when the connection has ended meanwhile', async () => {
    send(10);
    plant.isDown = true;
    await seconds(60);
    expect(ended).toEqual([]);
  });

  test('and of whom nothing is asked is not left', async () => {
    await seconds(60);
    expect(ended).toEqual([]);
  });

  test('is not left while it acknowledges one after the other', async () => {
    send(10);
    const entries = [send(10)];
    await seconds(60, () => {
      flight.acknowledged();
      const first = entries.shift()!;
      flight.remove(first.seq, first);
      entries.push(send(10));
    });
    expect(ended).toEqual([]);
  });
});

test('each check lets the sender send', async () => {
  await seconds(3);
  expect(pumped).toBe(3);
});

test('the rate of the line is seen in the bytes of a large message', async () => {
  send(100_000);
  socket.waiting = 100_000;
  await seconds(8, () => {
    socket.delivered += 2000;
    socket.waiting -= 2000;
  });
  expect(flight.lineRate).toBe(2000);
});

describe('a ping without an answer', () => {
  test('ends the connection if nothing has moved for the keep-alive', async () => {
    now = 9999;
    check.silent();
    expect(ended).toEqual([]);
    now = 10_000;
    check.silent();
    expect(ended).toEqual([undefined]);
  });

  test('does not while bytes come from the plant', async () => {
    await seconds(15, () => void socket.received++);
    check.silent();
    expect(ended).toEqual([]);
    await seconds(9);
    check.silent();
    expect(ended).toEqual([]);
    await seconds(1);
    check.silent();
    expect(ended).toEqual([undefined]);
  });

  test('waits longer behind a large message, whose bytes may move unseen', async () => {
    send(25_000);
    // 10 s, and twice the time of the message at 5 kB/s.
    now = 19_999;
    check.silent();
    expect(ended).toEqual([]);
    now = 20_100;
    check.silent();
    expect(ended).toEqual([undefined]);
  });
});

describe('what is sent is behind a large message', () => {
  test('while that is not acknowledged and its bytes move', async () => {
    expect(check.isBehind(1000)).toBe(false);
    send(25_000);
    now = 999;
    expect(check.isBehind(1000)).toBe(false);
    now = 1000;
    expect(check.isBehind(1000)).toBe(true);
    now = 10_999;
    expect(check.isBehind(1000)).toBe(true);
    now = 11_100;
    expect(check.isBehind(1000)).toBe(false);
  });
});

test('how long the plant has taken no bytes', async () => {
  send(100_000);
  socket.waiting = 100_000;
  await seconds(5, () => {
    socket.delivered += 2000;
    socket.waiting -= 2000;
  });
  now += 1500;
  expect(check.undeliveredMs).toBe(1500);
});
