import { describe, expect, test } from 'vitest';
import { transports, unique, useBroker } from '../../support/bench.ts';
import * as p from '../../support/packets.ts';

const broker = useBroker();

describe.concurrent.each(transports)('over %s', (transport) => {
  const mqtt = broker.over(transport);

  test('[MQTT-3.10.3-2] an UNSUBSCRIBE without a filter closes the connection', async () => {
    const client = await mqtt.connect();
    client.send(p.unsubscribe(1, []));
    await client.closed();
  });

  test('[MQTT-4.7.3-1] an UNSUBSCRIBE with an empty filter closes the connection', async () => {
    const client = await mqtt.connect();
    client.send(p.unsubscribe(1, ['']));
    await client.closed();
  });

  test('[MQTT-3.10.4-1] only the filter that is the same character by character goes', async () => {
    const root = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([`${root}/+`, 0], [`${root}/#`, 1], [`${root}/a`, 2]);
    await client.unsubscribe(`${root}/b`, `${root}/A`, `${root}/a/`, root, `${root}/+/`, '#');
    const publisher = await mqtt.connect();
    await publisher.publish(`${root}/a`, 'x', { qos: 2 });
    expect((await client.message()).qos).toBe(2);
    await client.unsubscribe(`${root}/a`);
    await publisher.publish(`${root}/a`, 'y', { qos: 2 });
    let message = await client.message();
    while (message.payload === 'x') message = await client.message();
    expect(message).toMatchObject({ payload: 'y' });
    expect(message.qos).toBeLessThanOrEqual(1);
    await client.unsubscribe(`${root}/#`);
    client.inbox.length = 0;
    await publisher.publish(`${root}/a`, 'z', { qos: 2 });
    expect(await client.message()).toMatchObject({ payload: 'z', qos: 0 });
  });

  test('[MQTT-3.10.4-2] after the UNSUBACK no new message comes', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([topic, 1], [`${topic}/end`, 0]);
    await client.unsubscribe(topic);
    const publisher = await mqtt.connect();
    for (const qos of [0, 1, 2]) await publisher.publish(topic, 'x', { qos });
    await publisher.publish(`${topic}/end`, 'end');
    expect(await client.messagesBefore('end')).toEqual([]);
  });

  test('[MQTT-3.10.4-2] after the UNSUBACK nothing is kept for an absent session either', async () => {
    const [clientId, topic] = [unique('c'), unique('t')];
    const client = await mqtt.connect({ clientId, clean: false });
    await client.subscribe([topic, 1], [`${topic}/end`, 1]);
    await client.unsubscribe(topic);
    await client.disconnect();
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'x', { qos: 1 });
    await publisher.publish(`${topic}/end`, 'end', { qos: 1 });
    const again = await mqtt.connect({ clientId, clean: false });
    expect(await again.messagesBefore('end')).toEqual([]);
  });

  test('[MQTT-3.10.4-3] a QoS 2 delivery that has begun is completed after the UNSUBACK', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([topic, 2]);
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'x', { qos: 2 });
    const message = await client.next('publish');
    await client.unsubscribe(topic);
    client.send(p.pubrec(message.id));
    expect((await client.next('pubrel')).id).toBe(message.id);
    client.send(p.pubcomp(message.id));
    await client.quiet();
  });

  test('[MQTT-3.10.4-3] a QoS 1 delivery that has begun is sent again on resume after the UNSUBACK', async () => {
    const [clientId, topic] = [unique('c'), unique('t')];
    const client = await mqtt.connect({ clientId, clean: false });
    await client.subscribe([topic, 1]);
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'x', { qos: 1 });
    const { id } = await client.next('publish');
    await client.unsubscribe(topic);
    await client.disconnect();
    const again = await mqtt.connect({ clientId, clean: false });
    expect(await again.message()).toMatchObject({ id, payload: 'x', dup: true });
  });

  test('[MQTT-3.10.4-4] [MQTT-2.3.1-7] an UNSUBACK carries the identifier of its UNSUBSCRIBE', async () => {
    const client = await mqtt.connect();
    const topic = unique('t');
    await client.subscribe([topic, 0]);
    for (const id of [1, 256, 0xffff]) {
      client.send(p.unsubscribe(id, [topic]));
      expect((await client.next('unsuback')).raw).toEqual(p.frame(0xb0, p.u16(id)));
    }
  });

  test('[MQTT-3.10.4-5] unsubscribing from what was not subscribed is acknowledged', async () => {
    const client = await mqtt.connect();
    client.send(p.unsubscribe(77, [unique('t'), '+/x/#']));
    expect((await client.next('unsuback')).id).toBe(77);
    await client.quiet();
  });

  test('[MQTT-3.10.4-6] an UNSUBSCRIBE with several filters ends all of them, with one UNSUBACK', async () => {
    const root = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([`${root}/a`, 0], [`${root}/b`, 0], [`${root}/c`, 0], [`${root}/d`, 0]);
    await client.unsubscribe(`${root}/a`, `${root}/b`, `${root}/a`, `${root}/c`);
    await client.quiet();
    for (const name of ['a', 'b', 'c', 'd']) await client.publish(`${root}/${name}`, name);
    expect((await client.message()).payload).toBe('d');
  });
});
