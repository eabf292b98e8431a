/** What subscriptions and subscribers cost. */
import { Client, sessions } from './clients.mjs';
import { pause } from './gateway.mjs';

const READERS = 20;
const SUBSCRIBED = 2000;
const PUBLISHED = 20_000;
const DELIVERED = 200_000;
/** Filters in one SUBSCRIBE. */
const TOGETHER = 100;
/** The subscribers are used in another order than they came in. */
const STEP = 7919;

/** Subscribes `count` filters, some in each packet. */
async function subscribeAll(client, count, filterOf) {
  for (let n = 0; n < count; n += TOGETHER) {
    const some = Math.min(TOGETHER, count - n);
    await client.subscribe(Array.from({ length: some }, (_, i) => filterOf(n + i)));
  }
}

/** Clients that together have so many subscriptions, each of other topics. */
async function withSubscriptions(target, count) {
  const readers = await sessions(target, READERS);
  const each = count / READERS;
  await Promise.all(readers.map((client, r) => subscribeAll(client, each, (n) => `s/${r}/${n}/+`)));
  return readers;
}

const close = (clients) => {
  for (const { socket } of clients) socket.destroy();
};

const sizes = { sizes: [1000, 10_000, 100_000], small: [100, 200] };
const BOUND = '`subscriptions`: 100,000';

/** Of cases that cost processor time for each of many. */
const EACH = {
  ...sizes,
  unit: 'µs',
  figure: 'processor time for one',
  bound: BOUND,
  mosquitto: true,
};

export const subscriptionCases = {
  subscribe: {
    title: 'one more subscription, subscriptions that are there',
    takes: '20 s',
    ...EACH,
    async run(target, size) {
      const readers = await withSubscriptions(target, size);
      const client = await Client.open(target, 'another');
      const costMs = await target.warmMs((run) =>
        subscribeAll(client, SUBSCRIBED, (n) => `more${run}/${n}/+`),
      );
      close([client, ...readers]);
      return (costMs / SUBSCRIBED) * 1000;
    },
  },
  'subscription-memory': {
    title: 'memory of a subscription, subscriptions',
    takes: '20 s',
    ...sizes,
    unit: 'B',
    figure: 'memory for each',
    bound: BOUND,
    mosquitto: true,
    async run(target, size) {
      // The code and the young generation come with the first ones.
      close(await withSubscriptions(target, READERS * 50));
      await pause(2000);
      const before = target.cost().rss;
      const readers = await withSubscriptions(target, size);
      await pause(2000);
      const each = (target.cost().rss - before) / size;
      close(readers);
      return each;
    },
  },
  'publish-subscriptions': {
    title: 'a message for one of many subscriptions, subscriptions',
    takes: '20 s',
    ...EACH,
    async run(target, size) {
      const readers = await withSubscriptions(target, size);
      const each = size / READERS;
      const publisher = await Client.open(target, 'publisher');
      const topicOf = (n) => `s/${n % READERS}/${(n * STEP) % each}/x`;
      const costMs = await target.warmMs(() =>
        publisher.publish({ count: PUBLISHED, topicOf, qos: 0 }),
      );
      close([publisher, ...readers]);
      return (costMs / PUBLISHED) * 1000;
    },
  },
  'publish-sessions': {
    title: 'a message to all of the sessions, sessions',
    takes: '20 s',
    sizes: [10, 100, 1000],
    small: [10, 20],
    unit: 'µs',
    figure: 'processor time for each copy',
    bound: '`connections`: 1,000',
    mosquitto: true,
    async run(target, size) {
      const readers = await sessions(target, size, { filters: ['all/#'] });
      const publisher = await Client.open(target, 'publisher');
      const count = DELIVERED / size;
      const send = async () => {
        // A few at a time: a subscriber that is slow would lose some.
        for (let n = 0; n < count; n += 20) {
          await publisher.publish({
            count: Math.min(20, count - n),
            topicOf: () => 'all/x',
            qos: 0,
          });
        }
        await pause(200);
      };
      const costMs = await target.warmMs(send);
      close([publisher, ...readers]);
      return (costMs / DELIVERED) * 1000;
    },
  },
};
