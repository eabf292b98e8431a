/** What retained messages and topics cost. */
import { Client } from './clients.mjs';
import { pause } from './gateway.mjs';

const ASKED = 500;
const OVERWRITTEN = 20_000;
const STEP = 7919;
const BOUND = '`retainedMessages`: 100,000';
const sizes = { sizes: [1000, 10_000, 100_000], small: [100, 200] };

async function withRetained(target, count) {
  const publisher = await Client.open(target, 'publisher');
  await publisher.publish({ count, topicOf: (n) => `r/${n}/v`, retain: true });
  return publisher;
}

async function received(client, count) {
  for (let n = 0; client.received < count; n++) {
    if (n === 600) throw new Error(`${client.received} of ${count} retained messages came`);
    await pause(50);
  }
}

/** Of cases that cost processor time for each of many. */
const EACH = {
  ...sizes,
  unit: 'µs',
  figure: 'processor time for one',
  bound: BOUND,
  mosquitto: true,
};

export const retainedCases = {
  'retained-all': {
    title: 'a subscription to all retained messages of 100 B, messages',
    takes: '30 s',
    // All of them must be taken, and the gateway's own messages count as well.
    ...{ ...sizes, sizes: [1000, 10_000, 99_900] },
    unit: 'ms',
    figure: 'processor time',
    bound: BOUND,
    mosquitto: true,
    async run(target, size) {
      const publisher = await withRetained(target, size);
      await pause(1500);
      const client = await Client.open(target, 'reader');
      const before = target.cost().cpuMs;
      await client.subscribe(['r/#']);
      await received(client, size);
      const cost = target.cost().cpuMs - before;
      for (const { socket } of [client, publisher]) socket.destroy();
      return cost;
    },
  },
  'retained-one': {
    title: 'a subscription to one of the retained messages, messages',
    takes: '30 s',
    ...EACH,
    async run(target, size) {
      const publisher = await withRetained(target, size);
      await pause(1500);
      const client = await Client.open(target, 'reader');
      const costMs = await target.warmMs(async (run) => {
        for (let n = run * ASKED; n < (run + 1) * ASKED; n++)
          await client.subscribe([`+/${(n * STEP) % size}/v`]);
      });
      for (const { socket } of [client, publisher]) socket.destroy();
      return (costMs / ASKED) * 1000;
    },
  },
  'retained-overwritten': {
    title: 'a retained message that is overwritten at QoS 1, messages',
    takes: '30 s',
    ...EACH,
    async run(target, size) {
      const publisher = await withRetained(target, size);
      const topicOf = (n) => `r/${(n * STEP) % size}/v`;
      const costMs = await target.warmMs(() =>
        publisher.publish({ count: OVERWRITTEN, topicOf, retain: true }),
      );
      publisher.socket.destroy();
      return (costMs / OVERWRITTEN) * 1000;
    },
  },
  'start-retained': {
    title: 'start with retained messages of 100 B, messages',
    takes: '30 s',
    ...sizes,
    unit: 'ms',
    figure: 'time',
    bound: BOUND,
    async run(target, size) {
      const publisher = await withRetained(target, size);
      publisher.socket.destroy();
      await target.end();
      await target.run();
      return target.startMs;
    },
  },
};
