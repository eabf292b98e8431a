import { describe, expect, test } from 'vitest';
import { transports, unique, useBroker } from '../../support/bench.ts';
import * as p from '../../support/packets.ts';

const broker = useBroker();

describe.concurrent.each(transports)('over %s', (transport) => {
  const mqtt = broker.over(transport);

  const closes = async (...bytes: Uint8Array[]) => {
    const client = await mqtt.connect();
    client.send(...bytes);
    await client.closed();
  };

  test('[MQTT-3.8.3-2] filters with wildcards are granted', async () => {
    const client = await mqtt.connect();
    const root = unique('t');
    const wishes: p.Wish[] = [
      [`${root}/#`, 0],
      [`${root}/+/x`, 1],
      [`+/${root}`, 2],
    ];
    expect(await client.subscribe(...wishes)).toEqual([0, 1, 2]);
  });

  test('[MQTT-3.8.3-3] a SUBSCRIBE without a filter closes the connection', async () => {
    await closes(p.subscribe(1, []));
  });

  test.each([3, 4, 0x40, 0x80, 0xff])(
    '[MQTT-3-8.3-4] a requested QoS of %i closes the connection',
    async (qos) => closes(p.subscribe(1, [['a', qos]])),
  );

  test('[MQTT-3-8.3-4] a bad QoS after good filters closes the connection', async () => {
    await closes(
      p.subscribe(1, [
        ['a', 0],
        ['b', 1],
        ['c', 3],
      ]),
    );
  });

  test('[MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-2.3.1-7] a SUBACK carries the identifier of its SUBSCRIBE', async () => {
    const client = await mqtt.connect();
    for (const id of [1, 256, 0xffff]) {
      client.send(p.subscribe(id, [[unique('t'), 1]]));
      const suback = await client.next('suback');
      expect(suback.raw).toEqual(
        Buffer.concat([Buffer.from([0x90, 3]), p.u16(id), Buffer.from([1])]),
      );
    }
  });

  test('[MQTT-3.8.4-3] the same filter again replaces the subscription: one copy, at the new QoS', async () => {
    const topic = unique('t');
    const subscriber = await mqtt.connect();
    const publisher = await mqtt.connect();
    for (const qos of [2, 0, 1]) {
      expect(await subscriber.subscribe([topic, qos])).toEqual([qos]);
      await publisher.publish(topic, 'x', { qos: 2 });
      await publisher.publish(topic, 'end', { qos: 2 });
      const copies = await subscriber.messagesBefore('end');
      expect(copies.map((message) => message.qos)).toEqual([qos]);
    }
  });

  test('[MQTT-3.8.4-3] the same filter again sends the retained messages again', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    await client.publish(topic, 'kept', { retain: true, qos: 1 });
    for (let n = 0; n < 3; n++) {
      await client.subscribe([topic, 0]);
      expect(await client.message()).toMatchObject({ payload: 'kept', retain: true });
    }
  });

  test('[MQTT-3.8.4-3] subscribing again does not interrupt the flow', async () => {
    const topic = unique('t');
    const subscriber = await mqtt.connect();
    await subscriber.subscribe([topic, 1]);
    const publisher = await mqtt.connect();
    const count = 300;
    const sending = (async () => {
      for (let n = 0; n < count; n++) await publisher.publish(topic, `${n}`, { qos: 1 });
    })();
    const got: number[] = [];
    while (got.length < count) {
      if (got.length % 30 === 0) subscriber.send(p.subscribe(got.length + 1, [[topic, 1]]));
      const message = await subscriber.take('publish');
      await subscriber.acknowledge(message);
      got.push(Number(message.payload));
    }
    await sending;
    expect(got).toEqual(Array.from({ length: count }, (_, n) => n));
  });

  test('[MQTT-3.8.4-4] a SUBSCRIBE with several filters makes all of them', async () => {
    const root = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([`${root}/a`, 0], [`${root}/b`, 1], [`${root}/c`, 2]);
    for (const name of ['a', 'b', 'c']) {
      await client.publish(`${root}/${name}`, name);
      expect((await client.message()).payload).toBe(name);
    }
  });

  test('[MQTT-3.8.4-4] the last of equal filters in one SUBSCRIBE applies', async () => {
    const topic = unique('t');
    const subscriber = await mqtt.connect();
    await subscriber.subscribe([topic, 2], [topic, 0]);
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'x', { qos: 2 });
    await publisher.publish(topic, 'end', { qos: 2 });
    const copies = await subscriber.messagesBefore('end');
    expect(copies.map((message) => message.qos)).toEqual([0]);
  });

  test('[MQTT-3.8.4-5] [MQTT-3.9.3-1] return codes are in the order of the filters', async () => {
    const client = await mqtt.connect();
    const wishes = [2, 0, 1, 1, 0, 2].map((qos): p.Wish => [unique('t'), qos]);
    expect(await client.subscribe(...wishes)).toEqual([2, 0, 1, 1, 0, 2]);
  });

  test('[MQTT-3.9.3-1] repeated filters get a return code each', async () => {
    const client = await mqtt.connect();
    const topic = unique('t');
    expect(await client.subscribe([topic, 1], [topic, 1], [topic, 2], [topic, 0])).toEqual([
      1, 1, 2, 0,
    ]);
  });

  test('[MQTT-3.9.3-2] return codes are 0, 1, 2 or 128, for 100 filters too', async () => {
    const client = await mqtt.connect();
    const wishes = Array.from({ length: 100 }, (_, n): p.Wish => [unique('t'), n % 3]);
    const codes = await client.subscribe(...wishes);
    expect(codes).toHaveLength(100);
    for (const code of codes) expect([0, 1, 2, 0x80]).toContain(code);
  });

  test.each(['a#', '#a', 'a/#/b', '#/a', 'a/b#', '##', 'a/##', '#/', '/#/'])(
    '[MQTT-4.7.1-2] the filter "%s" closes the connection',
    async (filter) => closes(p.subscribe(1, [[filter, 0]])),
  );

  test.each(['a+', '+a', 'a/+b', 'a/b+/c', '++', '+/++', '+#', '#+', 'a/+#'])(
    '[MQTT-4.7.1-3] the filter "%s" closes the connection',
    async (filter) => closes(p.subscribe(1, [[filter, 0]])),
  );

  test('[MQTT-4.7.3-1] an empty filter closes the connection', async () => {
    await closes(p.subscribe(1, [['', 0]]));
  });

  test('[cellgate] SUBSCRIBE, UNSUBSCRIBE, SUBSCRIBE in one segment ends subscribed', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    client.send(
      p.subscribe(1, [[topic, 0]]),
      p.unsubscribe(2, [topic]),
      p.subscribe(3, [[topic, 1]]),
    );
    expect(await client.next('suback')).toMatchObject({ id: 1, codes: [0] });
    expect(await client.next('unsuback')).toMatchObject({ id: 2 });
    expect(await client.next('suback')).toMatchObject({ id: 3, codes: [1] });
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'x', { qos: 1 });
    expect(await client.message()).toMatchObject({ payload: 'x', qos: 1 });
  });

  test('[cellgate] UNSUBSCRIBE, SUBSCRIBE, UNSUBSCRIBE in one segment ends unsubscribed', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    client.send(p.unsubscribe(1, [topic]), p.subscribe(2, [[topic, 0]]), p.unsubscribe(3, [topic]));
    for (const id of [1, 2, 3]) expect(await client.next()).toMatchObject({ id });
    await client.subscribe([`${topic}/end`, 0]);
    await client.publish(topic, 'x');
    await client.publish(`${topic}/end`, 'end');
    expect(await client.messagesBefore('end')).toEqual([]);
  });
});
