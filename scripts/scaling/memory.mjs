/** What is kept in memory for topics, sessions and messages. */
import { Client, sessions } from './clients.mjs';
import { pause } from './gateway.mjs';

const SESSIONS = 200;

export const memoryCases = {
  'route-cache': {
    title: `memory for topics of which ${SESSIONS} sessions get each message, topics`,
    takes: '1 min',
    sizes: [1000, 5000, 19_000],
    small: [100, 200],
    unit: 'MB',
    figure: 'memory, more than before',
    bound: '20 MB',
    mosquitto: true,
    async run(target, size) {
      const readers = await sessions(target, SESSIONS, { filters: ['+/+'] });
      const publisher = await Client.open(target, 'publisher');
      const payload = Buffer.alloc(8, 120);
      const send = (count) => publisher.publish({ count, topicOf: (n) => `t/${n}`, payload });
      // Buffers and the young generation grow first: with as many messages, of few topics.
      await publisher.publish({ count: size, topicOf: (n) => `t/${n % 50}`, payload });
      const before = target.cost().rss;
      await send(size);
      await pause(1000);
      const after = target.cost().rss;
      for (const client of [publisher, ...readers]) client.socket.destroy();
      return (after - before) / 1e6;
    },
  },
  'retained-restart': {
    title: 'memory after a restart with retained messages of 10 KB',
    takes: '1 min',
    sizes: [1000, 5000, 20_000],
    small: [100, 200],
    unit: 'MB',
    figure: 'memory',
    bound: '`retainedBytes`: 256MiB',
    mosquitto: true,
    async run(target, size) {
      const publisher = await Client.open(target, 'publisher');
      const payload = Buffer.alloc(10_000, 120);
      await publisher.publish({ count: size, topicOf: (n) => `r/${n}`, payload, retain: true });
      await publisher.close();
      await target.end();
      await target.run();
      await pause(3000);
      return target.cost().rss / 1e6;
    },
  },
};
