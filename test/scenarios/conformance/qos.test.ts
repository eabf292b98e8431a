import { describe, expect, test } from 'vitest';
import { differs, transports, unique, useBroker } from '../../support/bench.ts';
import * as p from '../../support/packets.ts';

const broker = useBroker();
const WINDOW = 20;
const dupClosed = differs('mosquitto', 'calls it a protocol error when both come in one segment');
const IDS_REPEAT = 'takes the next identifier without a look at those in flight';

describe.concurrent.each(transports)('over %s', (transport) => {
  const mqtt = broker.over(transport);

  const pair = async (qos: number) => {
    const topic = unique('t');
    const subscriber = await mqtt.connect();
    await subscriber.subscribe([topic, qos]);
    return { topic, subscriber, publisher: await mqtt.connect() };
  };

  test.each([
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 0],
    [1, 1],
    [1, 2],
    [2, 0],
    [2, 1],
    [2, 2],
  ])(
    '[MQTT-3.8.4-6] published at QoS %i to a subscription of QoS %i: the lower of both',
    async (published, granted) => {
      const { topic, subscriber, publisher } = await pair(granted);
      await publisher.publish(topic, 'x', { qos: published });
      expect((await subscriber.message()).qos).toBe(Math.min(published, granted));
    },
  );

  test.each([1, 2])(
    '[MQTT-2.3.1-4] identifiers of unacknowledged messages at QoS %i are not 0 and all differ',
    async (qos) => {
      const { topic, subscriber, publisher } = await pair(qos);
      for (let n = 0; n < WINDOW; n++) await publisher.publish(topic, `${n}`, { qos: 2 });
      const ids = new Set<number>();
      for (let n = 0; n < WINDOW; n++) ids.add((await subscriber.next('publish')).id);
      expect(ids.size).toBe(WINDOW);
      expect(ids.has(0)).toBe(false);
    },
  );

  test('[MQTT-2.3.1-6] PUBACK, PUBREC and PUBCOMP carry the identifier of the PUBLISH', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    for (const id of [1, 255, 256, 0x7fff, 0xffff]) {
      client.send(p.publish(topic, 'x', { qos: 1, id }));
      expect((await client.next('puback')).id).toBe(id);
      client.send(p.publish(topic, 'x', { qos: 2, id }));
      expect((await client.next('pubrec')).id).toBe(id);
      client.send(p.pubrel(id));
      expect((await client.next('pubcomp')).id).toBe(id);
    }
  });

  test('[MQTT-4.3.2-1] QoS 1 to a subscriber: no DUP the first time, nothing again while it waits', async () => {
    const { topic, subscriber, publisher } = await pair(1);
    await publisher.publish(topic, 'x', { qos: 1 });
    const message = await subscriber.next('publish');
    expect(message).toMatchObject({ qos: 1, dup: false });
    await subscriber.quiet();
    await subscriber.acknowledge(message);
    await subscriber.quiet();
  });

  test('[MQTT-4.3.2-2] after its PUBACK an identifier stands for a new message, with DUP too', async () => {
    const { topic, subscriber, publisher } = await pair(1);
    await publisher.publish(topic, 'first', { qos: 1, id: 5 });
    await publisher.publish(topic, 'second', { qos: 1, id: 5 });
    await publisher.publish(topic, 'third', { qos: 1, id: 5, dup: true });
    const got = (await subscriber.messages(3)).map((message) => message.payload);
    expect(got).toEqual(['first', 'second', 'third']);
  });

  test('[MQTT-4.3.3-1] QoS 2 to a subscriber: PUBLISH without DUP, PUBREL for PUBREC, then the end', async () => {
    const { topic, subscriber, publisher } = await pair(2);
    await publisher.publish(topic, 'x', { qos: 2 });
    const message = await subscriber.next('publish');
    expect(message).toMatchObject({ qos: 2, dup: false });
    subscriber.send(p.pubrec(message.id));
    const release = await subscriber.next('pubrel');
    expect(release.raw).toEqual(p.pubrel(message.id));
    subscriber.send(p.pubcomp(message.id));
    await subscriber.quiet();
  });

  test('[MQTT-4.3.3-2] QoS 2 PUBLISH and its DUP before the PUBREL: two PUBRECs, one message', async () => {
    const { topic, subscriber, publisher } = await pair(2);
    publisher.send(p.publish(topic, 'once', { qos: 2, id: 8 }));
    expect((await publisher.next('pubrec')).id).toBe(8);
    publisher.send(p.publish(topic, 'once', { qos: 2, id: 8, dup: true }));
    expect((await publisher.next('pubrec')).id).toBe(8);
    publisher.send(p.pubrel(8));
    expect((await publisher.next('pubcomp')).id).toBe(8);
    await publisher.publish(topic, 'end', { qos: 2 });
    expect(await subscriber.messagesBefore('end')).toHaveLength(1);
  });

  test(
    '[MQTT-4.3.3-2] QoS 2 PUBLISH and its DUP in one segment: one message',
    dupClosed,
    async () => {
      const { topic, subscriber, publisher } = await pair(2);
      const again = p.publish(topic, 'once', { qos: 2, id: 8, dup: true });
      publisher.send(p.publish(topic, 'once', { qos: 2, id: 8 }), again, again, p.pubrel(8));
      for (let n = 0; n < 3; n++) expect((await publisher.next('pubrec')).id).toBe(8);
      await publisher.next('pubcomp');
      await publisher.publish(topic, 'end', { qos: 2 });
      expect(await subscriber.messagesBefore('end')).toHaveLength(1);
    },
  );

  test('[MQTT-4.3.3-2] after the PUBCOMP an identifier stands for a new message', async () => {
    const { topic, subscriber, publisher } = await pair(2);
    await publisher.publish(topic, 'first', { qos: 2, id: 8 });
    await publisher.publish(topic, 'second', { qos: 2, id: 8 });
    const got = (await subscriber.messages(2)).map((message) => message.payload);
    expect(got).toEqual(['first', 'second']);
  });

  test('[MQTT-4.3.3-2] a PUBREL is answered every time, also for an unknown identifier', async () => {
    const { topic, publisher } = await pair(2);
    await publisher.publish(topic, 'x', { qos: 2, id: 8 });
    for (const id of [8, 8, 999]) {
      publisher.send(p.pubrel(id));
      expect((await publisher.next('pubcomp')).id).toBe(id);
    }
    await publisher.quiet();
  });

  test('[MQTT-4.3.3-2] QoS 1 and QoS 2 messages with the same identifier do not disturb each other', async () => {
    const { topic, subscriber, publisher } = await pair(2);
    publisher.send(p.publish(topic, 'two', { qos: 2, id: 8 }));
    await publisher.next('pubrec');
    publisher.send(p.pubrel(8));
    await publisher.next('pubcomp');
    await publisher.publish(topic, 'one', { qos: 1, id: 8 });
    const got = (await subscriber.messages(2)).map((message) => message.payload);
    expect(got).toEqual(['two', 'one']);
  });

  test('[cellgate] acknowledgements for unknown identifiers do not end the connection', async () => {
    const client = await mqtt.connect();
    client.send(p.puback(77), p.pubcomp(78));
    await client.quiet();
    client.send(p.pubrec(79), p.pingreq);
    await client.take('pingresp');
    for (const packet of client.inbox) expect(packet).toMatchObject({ type: 'pubrel', id: 79 });
  });

  test.each([
    ['a PUBREC for a QoS 1 message', 1, p.pubrec],
    ['a PUBCOMP for a QoS 1 message', 1, p.pubcomp],
    ['a PUBACK for a QoS 2 message', 2, p.puback],
    ['a PUBCOMP for a QoS 2 message before its PUBREL', 2, p.pubcomp],
  ])('[MQTT-4.8.0-1] %s closes the connection', async (_name, qos, answer) => {
    const { topic, subscriber, publisher } = await pair(qos);
    await publisher.publish(topic, 'x', { qos: 2 });
    const message = await subscriber.next('publish');
    subscriber.send(answer(message.id));
    await subscriber.closed();
  });

  test('[MQTT-4.8.0-1] a PUBACK in place of a PUBCOMP closes the connection', async () => {
    const { topic, subscriber, publisher } = await pair(2);
    await publisher.publish(topic, 'x', { qos: 2 });
    const message = await subscriber.next('publish');
    subscriber.send(p.pubrec(message.id));
    await subscriber.next('pubrel');
    // The second PUBREC is what a client sends that has lost the PUBREL.
    subscriber.send(p.pubrec(message.id));
    await subscriber.next('pubrel');
    subscriber.send(p.puback(message.id));
    await subscriber.closed();
  });

  test('[cellgate] a PUBACK for a QoS 2 message does not lose it or hurt others', async () => {
    const { topic, subscriber, publisher } = await pair(2);
    const bystander = await mqtt.connect();
    await bystander.subscribe([topic, 0]);
    await publisher.publish(topic, 'x', { qos: 2 });
    const message = await subscriber.next('publish');
    subscriber.send(p.puback(message.id), p.pingreq);
    await bystander.message();
    await publisher.publish(topic, 'y', { qos: 0 });
    expect((await bystander.message()).payload).toBe('y');
  });

  test.each([1, 2])(
    '[cellgate] no more than 20 messages of QoS %i wait for an acknowledgement',
    differs('mosquitto', 'lets a twenty-first out after the first acknowledgement'),
    async (qos) => {
      const { topic, subscriber, publisher } = await pair(qos);
      for (let n = 0; n < 3 * WINDOW; n++) await publisher.publish(topic, `${n}`, { qos: 2 });
      const waiting = [];
      for (let n = 0; n < WINDOW; n++) waiting.push(await subscriber.next('publish'));
      await subscriber.quiet();
      await subscriber.quiet();
      await subscriber.acknowledge(waiting[0]!);
      const more = await subscriber.next('publish');
      expect(more.payload).toBe(`${WINDOW}`);
      await subscriber.quiet();
      for (const message of [...waiting.slice(1), more]) await subscriber.acknowledge(message);
      const rest = (await subscriber.messages(2 * WINDOW - 1)).map(({ payload }) =>
        Number(payload),
      );
      expect(rest).toEqual(Array.from({ length: 2 * WINDOW - 1 }, (_, n) => n + WINDOW + 1));
    },
  );
});

describe('over tcp', () => {
  const mqtt = broker.over('tcp');

  test('[MQTT-2.3.1-4] an identifier in flight is not given again when all others were used', {
    ...differs('mosquitto', IDS_REPEAT),
    timeout: 60_000,
  }, async () => {
    const topic = unique('t');
    const subscriber = await mqtt.connect();
    await subscriber.subscribe([topic, 2]);
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'held', { qos: 2 });
    const held = await subscriber.next('publish');
    // Its PUBCOMP stays away; unlike PUBACK and PUBREC it need not come in order.
    subscriber.send(p.pubrec(held.id));
    await subscriber.next('pubrel');
    const total = 0x10000 + 500;
    for (let sent = 0; sent < total; sent += 500) {
      const batch = Array.from({ length: 500 }, (_, n) =>
        p.publish(topic, 'x', { qos: 1, id: n + 1 }),
      );
      publisher.send(...batch);
      for (let n = 0; n < 500; n++) {
        const { id } = await subscriber.next('publish');
        expect(id).not.toBe(held.id);
        expect(id).not.toBe(0);
        subscriber.send(p.puback(id));
      }
      for (let n = 0; n < 500; n++) await publisher.next('puback');
    }
  });
});
