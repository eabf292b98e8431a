import { describe, expect, test } from 'vitest';
import { transports, unique, useBroker } from '../../support/bench.ts';
import * as p from '../../support/packets.ts';

const broker = useBroker();

describe.concurrent.each(transports)('over %s', (transport) => {
  const mqtt = broker.over(transport);

  test.each([1, 2])(
    '[MQTT-3.3.1-3] a publisher sends DUP at QoS %i: the copy to a subscriber has none',
    async (qos) => {
      const topic = unique('t');
      const subscriber = await mqtt.connect();
      await subscriber.subscribe([topic, 2]);
      const publisher = await mqtt.connect();
      await publisher.publish(topic, 'x', { qos, dup: true });
      expect(await subscriber.message()).toMatchObject({ payload: 'x', qos, dup: false });
    },
  );

  test('[MQTT-3.3.1-2] a PUBLISH of QoS 0 with DUP is refused, or passed on without DUP', async () => {
    const topic = unique('t');
    const subscriber = await mqtt.connect();
    await subscriber.subscribe([topic, 0]);
    const client = await mqtt.connect();
    client.send(p.publish(topic, 'x', { dup: true }), p.pingreq);
    await client.next('pingresp').catch(() => client.gone());
    await subscriber.publish(topic, 'end');
    for (const { dup } of await subscriber.messagesBefore('end')) expect(dup).toBe(false);
  });

  test.each([0x36, 0x37, 0x3e, 0x3f])(
    '[MQTT-3.3.1-4] a PUBLISH that begins with %i (QoS 3) closes the connection',
    async (first) => {
      const client = await mqtt.connect();
      client.send(p.frame(first, p.field('a'), p.u16(1), Buffer.from('x')));
      await client.closed();
    },
  );

  test.each(['#', '+', 'a/#', 'a/+/b', '+/b', 'a#', 'a+b', '/#'])(
    '[MQTT-3.3.2-2] [MQTT-4.7.1-1] a PUBLISH to "%s" closes the connection',
    async (topic) => {
      const client = await mqtt.connect();
      client.send(p.publish(topic, 'x', { qos: 1 }));
      await client.closed();
    },
  );

  test('[MQTT-3.3.2-3] a copy has the topic that was published, also for a wildcard filter', async () => {
    const root = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([`${root}/+/#`, 0]);
    await client.publish(`${root}/robot 7/Achse ä`, 'x');
    expect((await client.message()).topic).toBe(`${root}/robot 7/Achse ä`);
  });

  test('[MQTT-3.3.4-1] QoS 0 gets no answer, QoS 1 a PUBACK, QoS 2 a PUBREC', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    client.send(p.publish(topic, 'x'));
    await client.quiet();
    client.send(p.publish(topic, 'x', { qos: 1, id: 300 }));
    expect((await client.next('puback')).raw.toString('hex')).toBe('4002012c');
    client.send(p.publish(topic, 'x', { qos: 2, id: 301 }));
    expect((await client.next('pubrec')).raw.toString('hex')).toBe('5002012d');
    client.send(p.pubrel(301));
    expect((await client.next('pubcomp')).raw.toString('hex')).toBe('7002012d');
    await client.quiet();
  });

  test('[MQTT-3.3.5-1] overlapping filters: the message comes at the highest QoS among them', async () => {
    const root = unique('t');
    const subscriber = await mqtt.connect();
    await subscriber.subscribe([`${root}/#`, 0], [`${root}/a`, 2], [`${root}/+`, 1]);
    const publisher = await mqtt.connect();
    await publisher.publish(`${root}/a`, 'x', { qos: 2 });
    await publisher.publish(`${root}/end`, 'end', { qos: 0 });
    const copies = (await subscriber.messagesBefore('end')).map((message) => message.qos);
    expect(copies[0] === undefined ? -1 : Math.max(...copies)).toBe(2);
  });

  test('[cellgate] overlapping filters: the message comes once', async () => {
    const root = unique('t');
    const subscriber = await mqtt.connect();
    await subscriber.subscribe([`${root}/#`, 0], [`${root}/a`, 2], [`${root}/+`, 1]);
    const publisher = await mqtt.connect();
    await publisher.publish(`${root}/a`, 'x', { qos: 2 });
    await publisher.publish(`${root}/end`, 'end', { qos: 0 });
    const copies = (await subscriber.messagesBefore('end')).map((message) => message.qos);
    expect(copies).toEqual([2]);
  });

  test('[MQTT-4.3.1-1] QoS 0 comes with QoS 0, no DUP and no identifier', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([topic, 2]);
    await client.publish(topic, 'xyz');
    expect((await client.message()).raw).toEqual(p.publish(topic, 'xyz'));
  });

  test('[cellgate] an empty payload, and one with every byte value, come as they were sent', async () => {
    const topic = unique('t');
    const every = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
    const client = await mqtt.connect();
    await client.subscribe([topic, 1]);
    for (const payload of [Buffer.alloc(0), every]) {
      const id = client.id();
      client.send(p.publish(topic, payload, { qos: 1, id }));
      const message = await client.take('publish');
      expect(message.bytes).toEqual(payload);
      await client.acknowledge(message);
      await client.take('puback');
    }
  });

  test.each([127, 128, 16_383, 16_384, 300_000])(
    '[cellgate] a packet with a remaining length around %i bytes comes whole',
    async (length) => {
      const topic = unique('t');
      const subscriber = await mqtt.connect();
      await subscriber.subscribe([topic, 1]);
      const publisher = await mqtt.connect();
      for (const size of [length - topic.length - 4, length - topic.length - 3]) {
        const payload = 'x'.repeat(size);
        await publisher.publish(topic, payload, { qos: 1 });
        expect((await subscriber.message()).payload === payload).toBe(true);
      }
    },
  );

  test('[cellgate] a PUBLISH that comes byte by byte is delivered', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([topic, 0]);
    await client.sendBytewise(p.publish(topic, 'slowly', { qos: 1, id: 9 }));
    expect((await client.take('publish')).payload).toBe('slowly');
    expect((await client.take('puback')).id).toBe(9);
  });

  test('[cellgate] packets cut at any place in the stream are delivered', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([topic, 0]);
    const stream = Buffer.concat([p.publish(topic, 'one'), p.pingreq, p.publish(topic, 'two')]);
    for (let cut = 1; cut < stream.length; cut++) {
      client.send(stream.subarray(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      client.send(stream.subarray(cut));
      expect((await client.take('publish')).payload).toBe('one');
      expect((await client.take('publish')).payload).toBe('two');
      await client.take('pingresp');
    }
  });

  test('[cellgate] a publisher gets its own messages', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([topic, 0]);
    await client.publish(topic, 'mine');
    expect((await client.message()).payload).toBe('mine');
  });

  test('[cellgate] one message reaches twenty-five subscribers', async () => {
    const topic = unique('t');
    const subscribers = await Promise.all(Array.from({ length: 25 }, () => mqtt.connect()));
    for (const [n, subscriber] of subscribers.entries()) {
      await subscriber.subscribe([topic, n % 3]);
    }
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'all', { qos: 2 });
    for (const [n, subscriber] of subscribers.entries()) {
      expect(await subscriber.message()).toMatchObject({ payload: 'all', qos: n % 3 });
    }
  });
});

describe('with a subscriber that stops reading', () => {
  const mqtt = broker.over('tcp');

  test('[cellgate] a subscriber that stops reading delays no other client', async () => {
    const [flood, other] = [unique('t'), unique('t')];
    const stuck = await mqtt.connect();
    await stuck.subscribe([flood, 0]);
    stuck.pause();
    const reader = await mqtt.connect();
    await reader.subscribe([other, 0]);
    const publisher = await mqtt.connect();
    const payload = 'x'.repeat(16_000);
    for (let n = 0; n < 1000; n++) {
      publisher.send(p.publish(flood, payload), p.publish(other, `${n}`));
      if (n % 50 === 49) await publisher.quiet();
    }
    const got = (await reader.messages(1000)).map((message) => Number(message.payload));
    expect(got).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });
});
