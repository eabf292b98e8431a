import { beforeEach, describe, expect, test } from 'vitest';
import { TurnBudget } from '../../../../src/base/turn-budget.ts';
import type { PacketBuffer } from '../../../../src/broker/messages/packet-buffer.ts';
import { RetainedMessages } from '../../../../src/broker/messages/retained.ts';
import { RetainedFeed } from '../../../../src/broker/messages/retained-feed.ts';
import type { Qos } from '../../../../src/mqtt/codec.ts';
import { createMessage } from '../../../../src/queue/message.ts';
import { settle } from '../../../support/manual-clock.ts';

/** A client that takes so many packets until it is congested. */
class Client implements PacketBuffer {
  readonly topics: string[] = [];
  readonly headers = new Set<number>();
  room = Number.POSITIVE_INFINITY;
  readonly backlogged = false;
  readonly unread = 0;
  readonly taken = 0;
  /** A topic at which it throws. */
  broken = '';

  get congested(): boolean {
    return this.topics.length >= this.room;
  }

  write(): void {}

  publish(header: number, source: Buffer, topicStart: number, topicEnd: number): void {
    // The topic's length is before it.
    const topic = source.toString('utf8', topicStart + 2, topicEnd);
    if (topic === this.broken) throw new Error('made to throw');
    this.headers.add(header);
    this.topics.push(topic);
  }
}

let retained: RetainedMessages;
let client: Client;
let feed: RetainedFeed;
let now: number;
let failed: string[];
let resumed: number;

beforeEach(() => {
  [retained, client, now, failed, resumed] = [new RetainedMessages(), new Client(), 0, [], 0];
  feed = new RetainedFeed(
    { retained, turnBudget: new TurnBudget(() => now), now: () => now },
    ({ body, topicEnd }) => void failed.push(body.toString('utf8', 2, topicEnd)),
  );
});

function keep(topics: readonly string[], qos: Qos = 0): void {
  for (const topic of topics) retained.set(topic, qos, createMessage(topic, Buffer.from('x')));
}

const subscribe = (filter: string, qos: Qos = 0, isAllowed = (): boolean => true): void =>
  feed.add({ filter, qos, upTo: retained.latest, grant: null, isAllowed });

const pump = (): void =>
  feed.pump({ sendBuffer: client, protocol5: undefined }, () => void resumed++);

/** The topics that the client got since the last call, in no order. */
const got = (): string[] => client.topics.splice(0).toSorted();

describe('a subscriber gets', () => {
  test('what was retained when it subscribed, each with RETAIN at QoS 0', () => {
    keep(['a', 'b/c', 'other']);
    expect(feed.isEmpty).toBe(true);
    subscribe('b/#');
    subscribe('a');
    expect(feed.isEmpty).toBe(false);
    keep(['b/late']);
    pump();
    expect(got()).toEqual(['a', 'b/c']);
    expect([[...client.headers], feed.isEmpty]).toEqual([[0x31], true]);
    pump();
    expect(got()).toEqual([]);
  });

  test.each([
    [0, 0, true],
    [0, 1, true],
    [1, 0, true],
    [1, 1, false],
    [2, 1, false],
  ] as const)('of QoS %s, with %s granted: %s, for the others are queued', (qos, granted, is) => {
    keep(['a'], qos);
    subscribe('a', granted);
    pump();
    expect(got()).toEqual(is ? ['a'] : []);
  });

  test('a message once although two filters match it, as long as one waits', () => {
    keep(['a/1', 'a/2', 'b']);
    subscribe('a/#');
    subscribe('#');
    pump();
    expect(got()).toEqual(['a/1', 'a/2', 'b']);
    // A later subscription is another request [MQTT-3.3.1-6].
    subscribe('#');
    pump();
    expect(got()).toEqual(['a/1', 'a/2', 'b']);
  });

  test('the same filter once, with what was granted last', () => {
    keep(['a'], 1);
    subscribe('a', 1);
    subscribe('a', 0);
    pump();
    expect(got()).toEqual(['a']);
  });

  test('nothing of a filter from which it has unsubscribed', () => {
    keep(['a', 'b']);
    subscribe('a');
    subscribe('b');
    feed.remove('a');
    pump();
    expect(got()).toEqual(['b']);
  });

  test('nothing after the end of its session', () => {
    keep(Array.from({ length: 10 }, (_, n) => `a/${n}`));
    client.room = 3;
    subscribe('a/#');
    subscribe('b');
    pump();
    feed.clear();
    expect(feed.isEmpty).toBe(true);
    client.room = 100;
    pump();
    expect(client.topics).toHaveLength(3);
  });
});

describe('a slow subscriber', () => {
  const many = Array.from({ length: 200 }, (_, n) => `a/${n}`);

  test('gets the rest when it reads again, each once', () => {
    keep(many);
    subscribe('#');
    client.room = 70;
    pump();
    expect([client.topics.length, feed.isEmpty]).toEqual([70, false]);
    pump();
    expect(client.topics).toHaveLength(70);
    client.room = Number.POSITIVE_INFINITY;
    pump();
    expect(got()).toEqual(many.toSorted());
  });

  test('does not get what was deleted or replaced meanwhile', () => {
    keep(many.slice(0, 10));
    subscribe('#');
    client.room = 1;
    pump();
    const [first] = client.topics;
    const [deleted, replaced] = many.slice(0, 10).filter((topic) => topic !== first);
    retained.delete(deleted!);
    keep([replaced!]);
    client.room = 100;
    pump();
    expect(client.topics).toHaveLength(8);
    expect(client.topics).not.toContain(deleted);
    // Its new value comes as a message of the subscription.
    expect(client.topics).not.toContain(replaced);
  });
});

test('what has no right any more gets nothing more, other filters go on', () => {
  keep(['a/1', 'a/2', 'b/1', 'c/1']);
  let isAllowed = true;
  subscribe('a/+', 0, () => isAllowed);
  subscribe('b/+', 0, () => isAllowed);
  subscribe('c/+');
  client.room = 1;
  pump();
  isAllowed = false;
  client.room = Number.POSITIVE_INFINITY;
  pump();
  expect(client.topics).toEqual(['a/1', 'c/1']);
  expect(feed.isEmpty).toBe(true);
});

test('a long answer takes several turns of the event loop, with one call for each', async () => {
  const many = Array.from({ length: 1000 }, (_, n) => `a/${n}`);
  keep(many);
  subscribe('#');
  /** Each packet takes a millisecond. */
  client.publish = new Proxy(client.publish, {
    apply(publish, self: Client, args: Parameters<Client['publish']>) {
      now++;
      return publish.apply(self, args);
    },
  });
  let turns = 0;
  for (pump(); !feed.isEmpty && turns < 100; turns++) {
    const before = client.topics.length;
    expect(before).toBeLessThan(1000);
    // Until then other calls do nothing.
    pump();
    expect(client.topics).toHaveLength(before);
    await settle();
    expect(resumed).toBe(turns + 1);
    pump();
  }
  expect(turns).toBeGreaterThan(2);
  expect(got()).toEqual(many.toSorted());
});

test('what has expired meanwhile is not sent', () => {
  const expiring = (topic: string, at: number): void =>
    retained.set(topic, 0, createMessage(topic, Buffer.from('x'), undefined, at));
  expiring('a', 100);
  expiring('b', 101);
  subscribe('#');
  now = 101;
  pump();
  expect(got()).toEqual(['b']);
});

test('a message that can not be sent is told, and the others are sent', () => {
  keep(['a', 'b', 'c']);
  client.broken = 'b';
  subscribe('#');
  pump();
  expect([got(), failed]).toEqual([['a', 'c'], ['b']]);
});
