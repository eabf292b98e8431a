import { describe, expect, test } from 'vitest';
import { differs, transports, unique, useBroker } from '../../support/bench.ts';
import { startTarget } from '../../support/gateway.ts';
import * as p from '../../support/packets.ts';
import { RawClient } from '../../support/raw-client.ts';

const broker = useBroker();

describe.concurrent.each(transports)('over %s', (transport) => {
  const mqtt = broker.over(transport);

  /** A persistent session with one subscription, and a publisher. */
  const persistent = async (qos: number) => {
    const [clientId, topic] = [unique('c'), unique('t')];
    const resume = () => mqtt.connect({ clientId, clean: false });
    const client = await resume();
    await client.subscribe([topic, qos]);
    return { topic, client, resume, clientId, publisher: await mqtt.connect() };
  };

  test('[MQTT-3.1.2-4] [MQTT-3.2.2-2] a session is resumed with its subscriptions, and CONNACK says so', async () => {
    const { topic, client, resume } = await persistent(1);
    expect(client.connack.sessionPresent).toBe(false);
    await client.disconnect();
    const again = await resume();
    expect(again.connack.raw.toString('hex')).toBe('20020100');
    await again.publish(topic, 'x');
    expect((await again.message()).payload).toBe('x');
  });

  test('[MQTT-3.2.2-2] a session without subscriptions is present too', async () => {
    const clientId = unique('c');
    await (await mqtt.connect({ clientId, clean: false })).disconnect();
    const again = await mqtt.connect({ clientId, clean: false });
    expect(again.connack.sessionPresent).toBe(true);
  });

  test('[MQTT-3.2.2-2] a session that was taken over is present', async () => {
    const { client, resume } = await persistent(1);
    const again = await resume();
    expect(again.connack.sessionPresent).toBe(true);
    await client.gone();
  });

  test('[MQTT-3.1.2-4] [MQTT-3.2.2-3] without a session a new one is made, and CONNACK says so', async () => {
    const client = await mqtt.connect({ clean: false });
    expect(client.connack.raw.toString('hex')).toBe('20020000');
  });

  test.each([1, 2])(
    '[MQTT-3.1.2-5] [MQTT-4.5.0-1] messages of QoS %i that a session missed come on resume, in order, without DUP and retain',
    async (qos) => {
      const { topic, client, resume, publisher } = await persistent(qos);
      await client.disconnect();
      for (let n = 0; n < 50; n++) await publisher.publish(topic, `${n}`, { qos, retain: n === 7 });
      const again = await resume();
      const got = await again.messages(50);
      expect(got.map(({ payload }) => Number(payload))).toEqual(
        Array.from({ length: 50 }, (_, n) => n),
      );
      for (const message of got) expect(message).toMatchObject({ qos, dup: false, retain: false });
      await again.quiet();
    },
  );

  test('[MQTT-3.1.2-5] [MQTT-3.8.4-6] what a session missed comes at the lower QoS', async () => {
    const { topic, client, resume, publisher } = await persistent(1);
    await client.disconnect();
    await publisher.publish(topic, 'two', { qos: 2 });
    await publisher.publish(topic, 'one', { qos: 1 });
    const got = (await (await resume()).messages(2)).map(({ payload, qos }) => [payload, qos]);
    expect(got).toEqual([
      ['two', 1],
      ['one', 1],
    ]);
  });

  test('[MQTT-3.1.2-5] [MQTT-3.8.4-6] what a session missed through a wildcard comes at the lower QoS', async () => {
    const [clientId, root] = [unique('c'), unique('t')];
    const client = await mqtt.connect({ clientId, clean: false });
    await client.subscribe([`${root}/+/x`, 1], [`${root}/b/#`, 2]);
    await client.disconnect();
    const publisher = await mqtt.connect();
    await publisher.publish(`${root}/a/x`, 'a', { qos: 2 });
    await publisher.publish(`${root}/b`, 'b', { qos: 2 });
    const again = await mqtt.connect({ clientId, clean: false });
    const got = (await again.messages(2)).map(({ payload, qos }) => [payload, qos]);
    expect(got).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });

  test('[MQTT-3.1.2-5] what was acknowledged does not come again', async () => {
    const { topic, client, resume, publisher } = await persistent(2);
    await publisher.publish(topic, 'one', { qos: 1 });
    await publisher.publish(topic, 'two', { qos: 2 });
    await client.messages(2);
    await client.disconnect();
    await (await resume()).quiet();
  });

  test('[MQTT-3.1.2-6] a clean session throws away what was stored, and leaves nothing', async () => {
    const { topic, client, resume, clientId, publisher } = await persistent(1);
    await client.disconnect();
    await publisher.publish(topic, 'old', { qos: 1 });
    const clean = await mqtt.connect({ clientId, clean: true });
    expect(clean.connack.sessionPresent).toBe(false);
    await clean.subscribe([`${topic}/x`, 1]);
    await clean.disconnect();
    await publisher.publish(`${topic}/x`, 'old', { qos: 1 });
    const again = await resume();
    expect(again.connack.sessionPresent).toBe(false);
    await again.subscribe([`${topic}/end`, 0]);
    await publisher.publish(topic, 'x');
    await publisher.publish(`${topic}/x`, 'x');
    await publisher.publish(`${topic}/end`, 'end');
    expect(await again.messagesBefore('end')).toEqual([]);
  });

  test('[MQTT-3.1.2-7] retained messages outlive the session of their publisher', async () => {
    const topic = unique('t');
    const publisher = await mqtt.connect({ clean: true });
    await publisher.publish(topic, 'kept', { retain: true, qos: 1 });
    await publisher.disconnect();
    const subscriber = await mqtt.connect();
    await subscriber.subscribe([topic, 1]);
    expect(await subscriber.message()).toMatchObject({ payload: 'kept', retain: true });
  });

  test('[MQTT-3.2.0-1] on resume the CONNACK comes before the queued messages', async () => {
    const { topic, client, clientId, publisher } = await persistent(1);
    await client.disconnect();
    for (let n = 0; n < 10; n++) await publisher.publish(topic, `${n}`, { qos: 1 });
    const again = await mqtt.open();
    again.send(p.connect({ clientId, clean: false }));
    expect((await again.next()).type).toBe('connack');
    expect((await again.message()).payload).toBe('0');
  });

  test('[MQTT-4.1.0-1] [MQTT-4.1.0-2] state lasts through ten reconnects and takeovers', async () => {
    const { topic, client, resume, publisher } = await persistent(2);
    let current = client;
    for (let n = 0; n < 10; n++) {
      if (n % 2 === 0) await current.disconnect();
      await publisher.publish(topic, `${n}`, { qos: 2 });
      const before = current;
      current = await resume();
      expect(current.connack.sessionPresent).toBe(true);
      let message = await current.message();
      if (message.dup && message.payload !== `${n}`) message = await current.message();
      expect(message.payload).toBe(`${n}`);
      before.inbox.length = 0;
    }
  });

  test.each([1, 2])(
    '[MQTT-4.4.0-1] [MQTT-3.3.1-2] unacknowledged messages of QoS %i come again with DUP and their identifiers',
    async (qos) => {
      const { topic, client, resume, publisher } = await persistent(qos);
      for (let n = 0; n < 5; n++) await publisher.publish(topic, `${n}`, { qos });
      const first = [];
      for (let n = 0; n < 5; n++) first.push(await client.next('publish'));
      await client.disconnect();
      const again = await resume();
      const second = await again.messages(5);
      expect(second.map(({ id, payload, dup }) => [id, payload, dup])).toEqual(
        first.map(({ id, payload }) => [id, payload, true]),
      );
      await again.quiet();
    },
  );

  test('[MQTT-4.4.0-1] unacknowledged messages come again after the connection was cut', async () => {
    const { topic, client, resume, publisher } = await persistent(1);
    await publisher.publish(topic, 'x', { qos: 1 });
    const { id } = await client.next('publish');
    client.destroy();
    expect(await (await resume()).message()).toMatchObject({ id, payload: 'x', dup: true });
  });

  test('[MQTT-4.4.0-1] [MQTT-4.3.3-1] after a PUBREC the PUBREL comes again, not the PUBLISH', async () => {
    const { topic, client, resume, publisher } = await persistent(2);
    await publisher.publish(topic, 'x', { qos: 2 });
    const { id } = await client.next('publish');
    client.send(p.pubrec(id));
    await client.next('pubrel');
    await client.disconnect();
    const again = await resume();
    expect(await again.next()).toMatchObject({ type: 'pubrel', id });
    again.send(p.pubcomp(id));
    await again.quiet();
    await again.disconnect();
    await (await resume()).quiet();
  });

  test('[MQTT-4.4.0-1] QoS 2 from a client: the PUBLISH sent again after a reconnect counts once', async () => {
    const { topic, client: subscriber } = await persistent(2);
    const clientId = unique('c');
    const first = await mqtt.connect({ clientId, clean: false });
    first.send(p.publish(topic, 'once', { qos: 2, id: 21 }));
    await first.next('pubrec');
    first.destroy();
    const second = await mqtt.connect({ clientId, clean: false });
    second.send(p.publish(topic, 'once', { qos: 2, id: 21, dup: true }));
    expect(await second.next()).toMatchObject({ type: 'pubrec', id: 21 });
    second.send(p.pubrel(21));
    expect(await second.next()).toMatchObject({ type: 'pubcomp', id: 21 });
    await second.publish(topic, 'end', { qos: 2 });
    expect(await subscriber.messagesBefore('end')).toHaveLength(1);
  });

  test('[MQTT-4.4.0-1] QoS 2 from a client: a PUBREL after a reconnect completes the delivery', async () => {
    const { topic, client: subscriber } = await persistent(2);
    const clientId = unique('c');
    const first = await mqtt.connect({ clientId, clean: false });
    first.send(p.publish(topic, 'once', { qos: 2, id: 21 }));
    await first.next('pubrec');
    first.destroy();
    const second = await mqtt.connect({ clientId, clean: false });
    second.send(p.pubrel(21));
    expect(await second.next()).toMatchObject({ type: 'pubcomp', id: 21 });
    await second.publish(topic, 'end', { qos: 2 });
    expect(await subscriber.messagesBefore('end')).toHaveLength(1);
  });

  test('[MQTT-4.4.0-1] an unacknowledged retained message comes again to its persistent session', async () => {
    const [clientId, topic] = [unique('c'), unique('t')];
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'kept', { retain: true, qos: 1 });
    const client = await mqtt.connect({ clientId, clean: false });
    await client.subscribe([topic, 1]);
    const { id } = await client.next('publish');
    await client.disconnect();
    const again = await mqtt.connect({ clientId, clean: false });
    expect(await again.message()).toMatchObject({ id, payload: 'kept', qos: 1, dup: true });
    await again.quiet();
  });

  test('[MQTT-4.4.0-1] a clean session gets nothing again', async () => {
    const [clientId, topic] = [unique('c'), unique('t')];
    const client = await mqtt.connect({ clientId });
    await client.subscribe([topic, 1]);
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'x', { qos: 1 });
    await client.next('publish');
    client.destroy();
    await (await mqtt.connect({ clientId })).quiet();
  });

  test('[cellgate] a retained QoS 2 message reaches a persistent QoS 2 subscriber, who stays connected', async () => {
    const [clientId, topic] = [unique('c'), unique('t')];
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'kept', { retain: true, qos: 2 });
    const client = await mqtt.connect({ clientId, clean: false });
    await client.subscribe([topic, 2]);
    expect(await client.message()).toMatchObject({ payload: 'kept', qos: 2, retain: true });
    await client.quiet();
    await client.disconnect();
    await (await mqtt.connect({ clientId, clean: false })).quiet();
  });

  test('[cellgate] on resume a session does not get retained messages as if it had subscribed again', async () => {
    const { topic, client, resume, publisher } = await persistent(1);
    await publisher.publish(topic, 'kept', { retain: true, qos: 1 });
    await client.message();
    await client.disconnect();
    await (await resume()).quiet();
  });

  test('[cellgate] on resume no more than 20 messages wait for an acknowledgement', async () => {
    const { topic, client, resume, publisher } = await persistent(1);
    await client.disconnect();
    for (let n = 0; n < 50; n++) await publisher.publish(topic, `${n}`, { qos: 1 });
    const again = await resume();
    const waiting = [];
    for (let n = 0; n < 20; n++) waiting.push(await again.next('publish'));
    await again.quiet();
    for (const message of waiting) await again.acknowledge(message);
    const rest = (await again.messages(30)).map(({ payload }) => Number(payload));
    expect(rest).toEqual(Array.from({ length: 30 }, (_, n) => n + 20));
  });

  test('[cellgate] a topic with empty levels reaches live and absent sessions', async () => {
    const { client, resume, publisher, topic } = await persistent(1);
    await client.subscribe([`${topic}/+`, 1], [`/${topic}/#`, 1], [`${topic}//+`, 1]);
    const topics = [`${topic}/`, `/${topic}/`, `${topic}//`, `/${topic}//x/`];
    for (const name of topics) await publisher.publish(name, 'live', { qos: 1 });
    const live = (await client.messages(topics.length)).map((message) => message.topic);
    expect(live).toEqual(topics);
    await client.quiet();
    await client.disconnect();
    for (const name of topics) await publisher.publish(name, 'missed', { qos: 1 });
    const missed = (await (await resume()).messages(topics.length)).map((message) => message.topic);
    expect(missed).toEqual(topics);
  });
});

describe.concurrent('through a restart of the broker', () => {
  const walk = async (end: 'stop' | 'kill') => {
    const server = await startTarget();
    const connect = async (clientId: string, clean: boolean) =>
      (await RawClient.open('tcp', server.port)).connect({ clientId, clean });
    try {
      const client = await connect('absent', false);
      await client.subscribe(['t/+', 2]);
      await client.disconnect();
      const busy = await connect('busy', false);
      await busy.subscribe(['t/+', 2]);
      const publisher = await connect('publisher', false);
      for (let n = 0; n < 30; n++) await publisher.publish('t/x', `${n}`, { qos: 1 + (n % 2) });
      await publisher.publish('kept', 'retained', { qos: 1, retain: true });
      publisher.send(p.publish('t/x', 'half', { qos: 2, id: 900 }));
      await publisher.next('pubrec');
      const { id } = await busy.next('publish');
      await server[end]();
      await server.restart();

      const again = await connect('absent', false);
      expect(again.connack.sessionPresent).toBe(true);
      const got = (await again.messages(30)).map(({ payload }) => Number(payload));
      expect(got).toEqual(Array.from({ length: 30 }, (_, n) => n));
      await again.subscribe(['kept', 0]);
      while ((await again.message()).payload !== 'retained');

      const sender = await connect('publisher', false);
      sender.send(p.publish('t/x', 'half', { qos: 2, id: 900, dup: true }), p.pubrel(900));
      await sender.take('pubrec');
      await sender.take('pubcomp');
      await sender.publish('t/x', 'end', { qos: 2 });

      const resumed = await connect('busy', false);
      expect(resumed.connack.sessionPresent).toBe(true);
      const first = await resumed.message();
      expect(first).toMatchObject({ payload: '0' });
      if (end === 'stop') expect(first).toMatchObject({ id, dup: true });
      const rest = (await resumed.messagesBefore('end')).map(({ payload }) => payload);
      expect(rest.filter((payload) => payload === 'half')).toHaveLength(1);
      expect(rest).toHaveLength(30);
    } finally {
      await server.dispose();
    }
  };

  test('[MQTT-4.1.0-1] sessions, queues, QoS 2 state and retained messages outlive a stop', async () => {
    await walk('stop');
  });

  test(
    '[cellgate] what was acknowledged outlives kill -9',
    differs('mosquitto', 'writes its database every half hour'),
    async () => {
      await walk('kill');
    },
  );
});
