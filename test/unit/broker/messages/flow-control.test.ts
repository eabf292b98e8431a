import { beforeEach, describe, expect, test } from 'vitest';
import {
  FlowControl,
  type FlowReader,
  type HeldClient,
  ReaderFlow,
} from '../../../../src/broker/messages/flow-control.ts';

const LIMITS = {
  queue: { messages: 100_000, bytes: 256 * 1024 * 1024, age: 1000, full: 'drop-oldest' as const },
};
const SIZE = 100;

/** A subscriber whose queue the test sets. */
class FakeReader implements FlowReader {
  online = true;
  queue = { count: 0, bytes: 0 };
  unread = 0;
  taken = 0;
  waitsForDisk = false;
  readonly flow: ReaderFlow;

  readonly clientId: string;

  constructor(clientId: string, limits: Partial<typeof LIMITS.queue> = {}) {
    this.clientId = clientId;
    this.flow = new ReaderFlow({ queue: { ...LIMITS.queue, ...limits } }, Number.POSITIVE_INFINITY);
    this.flow.begin(this.queue);
  }

  set(count: number): this {
    this.queue = { count, bytes: count * SIZE };
    return this;
  }

  /** Its client takes so many messages. */
  take(count: number): void {
    this.taken += count * SIZE;
    this.set(this.queue.count - count);
  }

  get isAbove(): boolean {
    return this.flow.isAbove(this.queue.count, this.queue.bytes);
  }

  get isBelow(): boolean {
    return this.flow.isBelow(this.queue.count, this.queue.bytes);
  }
}

class FakeClient implements HeldClient {
  readonly held = { count: 0, ms: 0, isWaiting: false };
  paused = false;
  pauseReading(): void {
    this.paused = true;
  }
  resumeReading(): void {
    this.paused = false;
  }
}

let now: number;
let slow: string[];
let flow: FlowControl;
const publisher = () => new FakeClient();

beforeEach(() => {
  now = 5000;
  slow = [];
  flow = new FlowControl({ now: () => now, slow: (clientId) => slow.push(clientId) });
});

/** Lets time pass in the steps of the sweeps, while the reader takes so many messages in each. */
function pass(ms: number, reader?: FakeReader, perStep = 0): void {
  for (const end = now + ms; now < end; ) {
    now += 100;
    if (reader && perStep > 0) reader.take(perStep);
    flow.sweep();
  }
}

describe('thresholds', () => {
  test('1,000 messages or 1 MiB hold publishers up, until half of that is left', () => {
    const reader = new FakeReader('s');
    expect(reader.set(1000).isAbove).toBe(false);
    expect(reader.set(1001).isAbove).toBe(true);
    expect(reader.set(501).isBelow).toBe(false);
    expect(reader.set(500).isBelow).toBe(true);
    reader.queue = { count: 3, bytes: 1024 * 1024 + 1 };
    expect(reader.isAbove).toBe(true);
    reader.queue = { count: 3, bytes: 512 * 1024 + 1 };
    expect(reader.isBelow).toBe(false);
  });

  test('with a small limit they are lower: nothing may be dropped while publishers could wait', () => {
    const reader = new FakeReader('s', { messages: 10 });
    expect(reader.set(5).isAbove).toBe(false);
    expect(reader.set(6).isAbove).toBe(true);
    const one = new FakeReader('s', { messages: 1 });
    expect(one.set(1).isAbove).toBe(true);
    expect(one.set(0).isBelow).toBe(true);
  });

  test('a queue that was long before holds nobody up, unless it grows or has no room left', () => {
    const reader = new FakeReader('s').set(50_000);
    reader.flow.begin(reader.queue);
    expect(reader.isAbove).toBe(false);
    expect(reader.set(51_001).isAbove).toBe(true);
    reader.set(99_500).flow.begin(reader.queue);
    expect(reader.isAbove).toBe(true);
    expect(reader.set(98_500).isBelow).toBe(true);
  });

  test('when such a queue has become shorter, it may not grow to its former length again', () => {
    const reader = new FakeReader('s').set(50_000);
    reader.flow.begin(reader.queue);
    reader.set(2000).flow.lower(reader.queue);
    expect(reader.set(3001).isAbove).toBe(true);
    reader.set(2500).flow.lower(reader.queue);
    expect(reader.set(3001).isAbove).toBe(true);
  });
});

describe('a publisher', () => {
  test('waits for all readers that hold it up, and its waiting is counted', () => {
    const [a, b] = [new FakeReader('a').set(2000), new FakeReader('b').set(2000)];
    const client = publisher();
    flow.hold(client, a);
    flow.hold(client, a);
    flow.hold(client, b);
    expect(client.paused).toBe(true);
    expect([flow.waiting, client.held.isWaiting]).toEqual([1, true]);
    now += 30;
    flow.release(a);
    expect(client.paused).toBe(true);
    now += 20;
    flow.release(b);
    expect(client.paused).toBe(false);
    expect(client.held).toEqual({ count: 1, ms: 50, isWaiting: false });
    expect(flow.totals).toEqual({ holds: 1, heldMs: 50, slowReaders: 0 });
    expect([flow.waiting, client.held.isWaiting]).toEqual([0, false]);
  });

  test('continues when the client of the reader goes', () => {
    const reader = new FakeReader('s').set(2000);
    const client = publisher();
    flow.hold(client, reader);
    flow.leave(reader);
    expect(client.paused).toBe(false);
    pass(5000);
    expect(slow).toEqual([]);
  });
});

describe('a reader that holds publishers up', () => {
  let reader: FakeReader;
  let client: FakeClient;

  beforeEach(() => {
    reader = new FakeReader('s').set(1001);
    client = publisher();
    flow.hold(client, reader);
  });

  test('is slow when it takes nothing for a second', () => {
    pass(900);
    expect(client.paused).toBe(true);
    pass(100);
    expect(client.paused).toBe(false);
    expect(slow).toEqual(['s']);
    expect([reader.flow.slow, flow.slowReaders, flow.totals.slowReaders]).toEqual([true, 1, 1]);
  });

  test('is slow at once when its rate would hold them up for more than three seconds', () => {
    pass(200, reader, 1);
    expect(slow).toEqual(['s']);
  });

  test('is not slow when it takes enough, however often it holds them up', () => {
    for (let round = 0; round < 20; round++) {
      pass(1500, reader, 40);
      flow.release(reader);
      reader.set(1001);
      flow.hold(client, reader);
    }
    expect(slow).toEqual([]);
    expect(client.held.count).toBe(21);
  });

  test('is not slow while the disk is', () => {
    reader.waitsForDisk = true;
    pass(10_000);
    expect(slow).toEqual([]);
    reader.waitsForDisk = false;
    pass(900);
    expect(slow).toEqual([]);
    pass(100);
    expect(slow).toEqual(['s']);
  });

  test('is observed by its socket when it reads QoS 0', () => {
    reader.set(0).unread = 300_000;
    for (let step = 0; step < 10; step++) {
      now += 100;
      reader.taken += 5000;
      flow.sweep();
    }
    expect(slow).toEqual(['s']);
    const fast = new FakeReader('fast');
    fast.unread = 300_000;
    flow.hold(publisher(), fast);
    for (let step = 0; step < 15; step++) {
      now += 100;
      fast.taken += 20_000;
      fast.unread -= 20_000;
      flow.sweep();
    }
    expect(slow).toEqual(['s']);
  });
});

describe('a slow reader', () => {
  let reader: FakeReader;

  beforeEach(() => {
    reader = new FakeReader('s').set(1001);
    flow.hold(publisher(), reader);
    pass(1000);
    expect(reader.flow.slow).toBe(true);
  });

  test('stays slow while it takes little', () => {
    reader.set(50_000);
    pass(3000, reader, 1);
    expect(reader.flow.slow).toBe(true);
    expect(slow).toEqual(['s']);
  });

  test('is a reader again when it takes enough, with its queue as it is then', () => {
    reader.set(50_000);
    pass(300, reader, 500);
    expect(reader.flow.slow).toBe(false);
    expect(flow.slowReaders).toBe(0);
    expect(reader.isAbove).toBe(false);
    expect(reader.set(51_000).isAbove).toBe(true);
  });

  test('is a reader again when nothing is left', () => {
    reader.set(0);
    pass(200);
    expect(reader.flow.slow).toBe(false);
    expect(reader.set(1001).isAbove).toBe(true);
  });

  test('is a reader again after its client has reconnected', () => {
    flow.leave(reader);
    expect(reader.flow.slow).toBe(false);
    expect(flow.slowReaders).toBe(0);
  });
});
