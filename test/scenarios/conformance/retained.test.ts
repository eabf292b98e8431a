import { describe, expect, test } from 'vitest';
import { transports, unique, useBroker } from '../../support/bench.ts';

const broker = useBroker();

describe.concurrent.each(transports)('over %s', (transport) => {
  const mqtt = broker.over(transport);

  const late = async (topic: string, qos = 2) => {
    const client = await mqtt.connect();
    await client.subscribe([topic, qos]);
    return client;
  };

  test.each([0, 1, 2])(
    '[MQTT-3.3.1-5] [MQTT-3.3.1-8] a retained message of QoS %i reaches a later subscriber with its QoS and retain set',
    async (qos) => {
      const topic = unique('t');
      const publisher = await mqtt.connect();
      await publisher.publish(topic, 'kept', { retain: true, qos });
      await publisher.quiet();
      const message = await (await late(topic)).message();
      expect(message).toMatchObject({ topic, payload: 'kept', qos, retain: true, dup: false });
    },
  );

  test.each([
    [1, 0],
    [2, 0],
    [2, 1],
    [0, 2],
    [1, 2],
  ])(
    '[MQTT-3.3.1-5] [MQTT-3.8.4-6] retained at QoS %i, subscribed at QoS %i: the lower of both',
    async (published, granted) => {
      const topic = unique('t');
      const publisher = await mqtt.connect();
      await publisher.publish(topic, 'kept', { retain: true, qos: published });
      await publisher.quiet();
      const message = await (await late(topic, granted)).message();
      expect(message.qos).toBe(Math.min(published, granted));
    },
  );

  test('[MQTT-3.3.1-5] only the last retained message of a topic is kept', async () => {
    const topic = unique('t');
    const publisher = await mqtt.connect();
    for (let n = 0; n < 20; n++) {
      await publisher.publish(topic, `${n}`, { retain: true, qos: n % 3 });
    }
    await publisher.quiet();
    const client = await late(topic);
    expect((await client.message()).payload).toBe('19');
    await client.quiet();
  });

  test('[MQTT-3.3.1-6] a new subscription gets the last retained message of each matching topic', async () => {
    const root = unique('t');
    const publisher = await mqtt.connect();
    const topics = Array.from({ length: 100 }, (_, n) => `${root}/${n % 10}/${n}`);
    for (const topic of topics) await publisher.publish(topic, 'old', { retain: true });
    for (const topic of topics) await publisher.publish(topic, topic, { retain: true, qos: 1 });
    const client = await late(`${root}/+/#`, 1);
    const got = await client.messages(topics.length);
    for (const { topic, payload, retain } of got) expect([payload, retain]).toEqual([topic, true]);
    expect(got.map(({ topic }) => topic).sort()).toEqual([...topics].sort());
    await client.quiet();
  });

  test('[MQTT-3.3.1-7] a retained QoS 0 message takes the place of a retained QoS 2 message', async () => {
    const topic = unique('t');
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'two', { retain: true, qos: 2 });
    await publisher.publish(topic, 'zero', { retain: true, qos: 0 });
    await publisher.quiet();
    expect(await (await late(topic)).message()).toMatchObject({ payload: 'zero', qos: 0 });
  });

  test.each([0, 1, 2])(
    '[MQTT-3.3.1-9] an established subscription gets a retained message of QoS %i without the flag',
    async (qos) => {
      const topic = unique('t');
      const client = await late(topic);
      const publisher = await mqtt.connect();
      await publisher.publish(topic, 'live', { retain: true, qos });
      expect(await client.message()).toMatchObject({ payload: 'live', retain: false });
    },
  );

  test('[MQTT-3.3.1-9] an absent session gets a retained message later, without the flag', async () => {
    const [clientId, topic] = [unique('c'), unique('t')];
    const client = await mqtt.connect({ clientId, clean: false });
    await client.subscribe([topic, 1]);
    await client.disconnect();
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'missed', { retain: true, qos: 1 });
    const again = await mqtt.connect({ clientId, clean: false });
    expect(await again.message()).toMatchObject({ payload: 'missed', retain: false });
    await again.quiet();
  });

  test('[MQTT-3.3.1-10] an empty retained message is passed on, and takes the retained one away', async () => {
    const topic = unique('t');
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'kept', { retain: true, qos: 1 });
    const client = await late(topic);
    expect((await client.message()).payload).toBe('kept');
    await publisher.publish(topic, '', { retain: true, qos: 1 });
    expect(await client.message()).toMatchObject({ topic, payload: '', retain: false });
    await (await late(topic)).quiet();
  });

  test('[MQTT-3.3.1-11] an empty retained message is not kept', async () => {
    const topic = unique('t');
    const publisher = await mqtt.connect();
    await publisher.publish(topic, '', { retain: true, qos: 2 });
    await (await late(topic)).quiet();
  });

  test('[MQTT-3.3.1-12] a message without the flag is not kept, and leaves the retained one alone', async () => {
    const topic = unique('t');
    const publisher = await mqtt.connect();
    for (const qos of [0, 1, 2]) await publisher.publish(topic, 'passing', { qos });
    await (await late(topic)).quiet();
    await publisher.publish(topic, 'kept', { retain: true, qos: 1 });
    for (const qos of [0, 1, 2]) await publisher.publish(topic, 'passing', { qos });
    for (const qos of [0, 1, 2]) await publisher.publish(topic, '', { qos });
    const client = await late(topic);
    expect(await client.message()).toMatchObject({ payload: 'kept', retain: true });
    await client.quiet();
  });

  test('[cellgate] a retained message never comes out older than one that was seen', async () => {
    const topic = unique('t');
    const publisher = await mqtt.connect();
    const watcher = await late(topic, 1);
    for (let n = 0; n < 50; n++) {
      await publisher.publish(topic, `${n}`, { retain: true, qos: n % 3 });
      await watcher.message();
      expect((await (await late(topic)).message()).payload).toBe(`${n}`);
    }
  });

  test('[cellgate] retained messages with empty levels are found', async () => {
    const root = unique('t');
    const publisher = await mqtt.connect();
    for (const topic of [`${root}/`, `${root}//a`, `/${root}`]) {
      await publisher.publish(topic, 'kept', { retain: true, qos: 1 });
    }
    expect((await (await late(`${root}/+`)).message()).topic).toBe(`${root}/`);
    expect((await (await late(`${root}/+/a`)).message()).topic).toBe(`${root}//a`);
    expect((await (await late(`+/${root}`)).message()).topic).toBe(`/${root}`);
  });
});
