import { describe, expect, test } from 'vitest';
import { differs, transports, unique, useBroker } from '../../support/bench.ts';
import * as p from '../../support/packets.ts';

const broker = useBroker();

/** Filter, topics that it matches, topics that it does not match; `^` stands for a root of the test's own. */
const MATCHES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  [
    '^/tennis/player1',
    ['^/tennis/player1'],
    ['^/tennis/player', '^/tennis/player12', '^/tennis', '^/tennis/player1/'],
  ],
  [
    '^/tennis/player1/#',
    [
      '^/tennis/player1',
      '^/tennis/player1/ranking',
      '^/tennis/player1/score/wimbledon',
      '^/tennis/player1/',
    ],
    ['^/tennis/player2', '^/tennis', '^/tennis/player1x'],
  ],
  ['^/#', ['^', '^/', '^/a', '^//', '^/a/b/c/d/e/f/g'], ['^x', '/^', 'x/^']],
  ['^/+', ['^/a', '^/', '^/$x'], ['^', '^/a/b', '^//', '/^/a']],
  ['^/+/+', ['^/a/b', '^//', '^/a/', '^//b'], ['^/a', '^/a/b/c', '^/']],
  ['^/tennis/+', ['^/tennis/player1', '^/tennis/'], ['^/tennis', '^/tennis/player1/ranking']],
  ['^/+/x', ['^/a/x', '^//x'], ['^/x', '^/a/b/x', '^/a/x/']],
  ['^/+/x/#', ['^/a/x', '^//x/', '^/a/x/y/z'], ['^/a', '^/a/b/x', '^/x']],
  ['+/^', ['a/^', '/^'], ['^', 'a/b/^', 'a/^/']],
  ['+/^/#', ['a/^', '/^/b', 'a/^/b/c'], ['^', 'a/b/^']],
  ['/^', ['/^'], ['^', '^/', '//^']],
  ['^/', ['^/'], ['^', '^//', '^/a']],
  ['^//a', ['^//a'], ['^/a', '^/x/a', '^///a']],
  ['^/Player', ['^/Player'], ['^/player', '^/PLAYER']],
  ['^/a b', ['^/a b'], ['^/ab', '^/a  b', '^/a']],
  ['^/ ', ['^/ '], ['^/', '^/  ']],
  ['^/a.b*c', ['^/a.b*c'], ['^/aXb*c', '^/a.bc', '^/a.bbc']],
  ['^/../a', ['^/../a'], ['a', '^/a']],
  ['^/%2F', ['^/%2F'], ['^/', '^//']],
];

describe.concurrent.each(transports)('over %s', (transport) => {
  const mqtt = broker.over(transport);

  const closes = async (bytes: Uint8Array) => {
    const client = await mqtt.connect();
    client.send(bytes);
    await client.closed();
  };

  test.each(MATCHES)(
    '[MQTT-4.7.1-2] [MQTT-4.7.1-3] "%s" matches what it must in live messages',
    async (pattern, matching, others) => {
      const root = unique('t');
      const place = (text: string) => text.replace('^', root);
      const client = await mqtt.connect();
      await client.subscribe([place(pattern), 0], [`${root}-end`, 0]);
      for (const topic of [...others, ...matching]) await client.publish(place(topic), 'x');
      await client.publish(`${root}-end`, 'end');
      const got = (await client.messagesBefore('end')).map((message) => message.topic);
      expect(got).toEqual(matching.map(place));
    },
  );

  test.each(MATCHES)(
    '[MQTT-4.7.1-2] [MQTT-4.7.1-3] "%s" matches what it must in retained messages',
    async (pattern, matching, others) => {
      const root = unique('t');
      const place = (text: string) => text.replace('^', root);
      const client = await mqtt.connect();
      for (const topic of [...others, ...matching]) {
        await client.publish(place(topic), 'x', { retain: true, qos: 1 });
      }
      await client.subscribe([place(pattern), 0]);
      await client.subscribe([`${root}-end`, 0]);
      await client.publish(`${root}-end`, 'end');
      const got = (await client.messagesBefore('end')).map((message) => message.topic);
      expect(got.sort()).toEqual(matching.map(place).sort());
    },
  );

  test('[MQTT-4.7.1-2] # alone matches every topic that does not begin with $', async () => {
    const root = unique('t');
    const client = await mqtt.connect();
    await client.subscribe(['#', 0]);
    for (const topic of [root, `/${root}`, `${root}/`, `${root}/a/b`]) {
      await client.publish(topic, root);
    }
    await client.publish(root, `${root} end`);
    const got = (await client.messagesBefore(`${root} end`)).filter(
      ({ payload }) => payload === root,
    );
    expect(got.map(({ topic }) => topic)).toEqual([root, `/${root}`, `${root}/`, `${root}/a/b`]);
  });

  test('[MQTT-4.7.1-3] + alone matches every topic of one level', async () => {
    const root = unique('t');
    const client = await mqtt.connect();
    await client.subscribe(['+', 0]);
    for (const topic of [root, `/${root}`, `${root}/`]) await client.publish(topic, root);
    await client.publish(root, `${root} end`);
    const got = (await client.messagesBefore(`${root} end`)).filter(
      ({ payload }) => payload === root,
    );
    expect(got.map(({ topic }) => topic)).toEqual([root]);
  });

  test.each(['#', '+/#', '+/+', '+/+/+', '+/broker/#', '+/broker/version'])(
    '[MQTT-4.7.2-1] "%s" does not match topics that begin with $, retained or live',
    async (filter) => {
      const name = unique('t');
      const client = await mqtt.connect();
      const publisher = await mqtt.connect();
      const dollar = [`$${name}/a`, `$${name}`, `$${name}/broker/version`];
      await publisher.publish(dollar[0]!, 'x', { retain: true }).catch(() => undefined);
      await client.subscribe([filter, 0]);
      await client.subscribe([`${name}/end`, 0]);
      const other = await mqtt.connect();
      for (const topic of dollar) other.send(p.publish(topic, 'x'));
      await client.publish(`${name}/end`, `${name} end`);
      const got = (await client.messagesBefore(`${name} end`)).map(({ topic }) => topic);
      expect(got.filter((topic) => topic.startsWith('$'))).toEqual([]);
    },
  );

  test('[MQTT-4.7.2-1] $SYS/# and $SYS/+/version match topics that begin with $SYS', async () => {
    const client = await mqtt.connect();
    await client.subscribe(['$SYS/+/version', 0]);
    expect(await client.message()).toMatchObject({ topic: '$SYS/broker/version', retain: true });
    const other = await mqtt.connect();
    await other.subscribe(['$SYS/#', 0]);
    expect((await other.message()).topic.startsWith('$SYS/')).toBe(true);
  });

  test('[MQTT-4.7.3-1] a PUBLISH to an empty topic closes the connection', async () => {
    await closes(p.publish('', 'x'));
  });

  test('[MQTT-4.7.3-3] topics and filters of 65,535 bytes work', async () => {
    const topic = `${unique('t')}/`.padEnd(65_535, 'x');
    const client = await mqtt.connect();
    await client.subscribe([topic, 1]);
    await client.publish(`${topic.slice(0, -1)}y`, 'other');
    await client.publish(topic, 'long');
    const message = await client.message();
    expect(message.topic === topic).toBe(true);
    expect(message.payload).toBe('long');
  });

  test(
    '[MQTT-4.7.3-3] topics and filters have as many levels as fit',
    differs('mosquitto', 'takes 200 levels'),
    async () => {
      const topic = `${unique('t')}/`.padEnd(65_533, 'a/');
      const client = await mqtt.connect();
      await client.subscribe([`${topic}/+`, 1]);
      await client.publish(`${topic}/x`, 'deep', { retain: true });
      expect((await client.message()).topic).toBe(`${topic}/x`);
      const late = await mqtt.connect();
      await late.subscribe([`${topic}/x`, 1]);
      expect((await late.message()).payload).toBe('deep');
    },
  );

  test('[MQTT-4.7.3-4] topics that look the same but have other code points are other topics', async () => {
    const root = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([`${root}/Å`, 0], [`${root}/end`, 0]);
    await client.publish(`${root}/A\u030a`, 'decomposed');
    await client.publish(`${root}/\u212b`, 'the unit');
    await client.publish(`${root}/å`, 'small');
    await client.publish(`${root}/Å`, 'same');
    await client.publish(`${root}/end`, 'end');
    const got = (await client.messagesBefore('end')).map(({ payload }) => payload);
    expect(got).toEqual(['same']);
  });

  test('[MQTT-4.7.3-4] characters of one to four bytes pass unchanged', async () => {
    const topic = `${unique('t')}/A ß 温度 🤖 \u{10fffd}`;
    const client = await mqtt.connect();
    await client.subscribe([topic, 0]);
    await client.publish(topic, topic);
    expect(await client.message()).toMatchObject({ topic, payload: topic });
  });
});
