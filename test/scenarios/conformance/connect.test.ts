import { describe, expect, test } from 'vitest';
import { transports, unique, useBroker } from '../../support/bench.ts';
import * as p from '../../support/packets.ts';

const broker = useBroker();

describe.concurrent.each(transports)('over %s', (transport) => {
  const mqtt = broker.over(transport);

  /** Nothing may come back but the end of the connection. */
  const closes = async (...bytes: Uint8Array[]) => {
    const client = await mqtt.open();
    client.send(...bytes);
    await client.closed();
  };
  const refusedWith = async (code: number, bytes: Uint8Array) => {
    const client = await mqtt.open();
    client.send(bytes);
    expect(await client.next('connack')).toMatchObject({ code, sessionPresent: false });
    await client.closed();
  };

  test.each([
    ['PUBLISH', p.publish('a', 'x')],
    ['SUBSCRIBE', p.subscribe(1, [['a', 0]])],
    ['UNSUBSCRIBE', p.unsubscribe(1, ['a'])],
    ['PUBREL', p.pubrel(1)],
    ['PINGREQ', p.pingreq],
    ['DISCONNECT', p.disconnect],
  ])('[MQTT-3.1.0-1] a first packet that is a %s closes the connection', async (_name, packet) => {
    await closes(packet);
  });

  test('[MQTT-3.1.0-2] a second CONNECT closes the connection', async () => {
    const client = await mqtt.connect();
    client.send(p.connect({ clientId: unique('c') }));
    await client.closed();
  });

  test('[MQTT-3.1.0-2] a second CONNECT in the same segment closes the connection', async () => {
    const client = await mqtt.open();
    const packet = p.connect({ clientId: unique('c') });
    client.send(packet, packet);
    await client.gone();
    expect(client.inbox.length).toBeLessThanOrEqual(1);
  });

  test.each(['MQTX', 'mqtt', 'MQTT5', 'MQT', '', 'MQIsdp'])(
    '[MQTT-3.1.2-1] the protocol name "%s" at level 4 is not accepted',
    async (protocol) => {
      const client = await mqtt.open();
      client.send(p.connect({ protocol, clientId: unique('c') }));
      await client.gone();
      for (const packet of client.inbox) expect(packet).toMatchObject({ type: 'connack', code: 1 });
    },
  );

  test.each([0, 1, 2, 3, 6, 7, 127, 255])(
    '[MQTT-3.1.2-2] [MQTT-3.2.2-4] [MQTT-3.2.2-5] level %i with the name MQTT gets return code 1, then the end',
    async (level) => {
      await refusedWith(1, p.connect({ level, clientId: unique('c') }));
    },
  );

  test('[MQTT-3.1.2-3] the reserved connect flag closes the connection', async () => {
    await closes(p.connect({ flags: 0x03, clientId: unique('c') }));
  });

  test('[MQTT-3.1.2-18] a user name without its flag closes the connection', async () => {
    await closes(p.connect({ username: 'u', flags: 0x02, clientId: unique('c') }));
  });

  test('[MQTT-3.1.2-19] a user name flag without a user name closes the connection', async () => {
    await closes(p.connect({ flags: 0x82, clientId: unique('c') }));
  });

  test('[MQTT-3.1.2-20] a password without its flag closes the connection', async () => {
    await closes(p.connect({ username: 'u', password: 'p', flags: 0x82, clientId: unique('c') }));
  });

  test('[MQTT-3.1.2-21] a password flag without a password closes the connection', async () => {
    await closes(p.connect({ username: 'u', flags: 0xc2, clientId: unique('c') }));
  });

  test('[MQTT-3.1.2-22] a password flag without a user name flag closes the connection', async () => {
    await closes(p.connect({ password: 'p', flags: 0x42, clientId: unique('c') }));
  });

  test('[MQTT-3.1.3-1] all fields in their order are understood', async () => {
    const topic = unique('t');
    const watcher = await mqtt.connect();
    await watcher.subscribe([topic, 0]);
    const will = { topic, payload: 'the will' };
    const client = await mqtt.connect({ will, username: 'user', password: 'word' });
    client.destroy();
    expect(await watcher.message()).toMatchObject({ topic, payload: 'the will' });
  });

  test('[MQTT-3.1.3-2] state belongs to the client id, not to the connection', async () => {
    const [one, other, topic] = [unique('c'), unique('c'), unique('t')];
    const first = await mqtt.connect({ clientId: one, clean: false });
    await first.subscribe([topic, 1]);
    await first.disconnect();
    expect((await mqtt.connect({ clientId: other, clean: false })).connack.sessionPresent).toBe(
      false,
    );
    expect((await mqtt.connect({ clientId: one, clean: false })).connack.sessionPresent).toBe(true);
  });

  test('[MQTT-3.1.3-2] client ids that differ only in case are different clients', async () => {
    const clientId = unique('c');
    const lower = await mqtt.connect({ clientId });
    await mqtt.connect({ clientId: clientId.toUpperCase() });
    await lower.quiet();
  });

  test('[MQTT-3.1.3-3] a CONNECT without a client id closes the connection', async () => {
    await closes(p.frame(0x10, p.field('MQTT'), Buffer.from([4, 2]), p.u16(0)));
  });

  test.each([
    ['one character', 'Z'],
    ['23 characters', '0123456789abcdefghijklm'],
    ['the rest of the letters', 'nopqrstuvwxyzABCDEFGHIJ'],
    ['the last capitals', 'KLMNOPQRSTUVWXYZ'],
  ])('[MQTT-3.1.3-5] a client id of %s is accepted', async (_name, clientId) => {
    await (await mqtt.connect({ clientId })).disconnect();
  });

  test('[MQTT-3.1.3-6] a client id of 1,000 bytes with blanks, slashes and umlauts works', async () => {
    const clientId = `${'zelle 7/ä '.repeat(90)}${unique('')}`;
    const client = await mqtt.connect({ clientId, clean: false });
    await client.disconnect();
    const again = await mqtt.connect({ clientId, clean: false });
    expect(again.connack.sessionPresent).toBe(true);
  });

  test('[MQTT-3.1.3-6] [MQTT-3.1.3-7] two clients with an empty id and clean session are two clients', async () => {
    const topic = unique('t');
    const one = await mqtt.connect({ clientId: '' });
    const two = await mqtt.connect({ clientId: '' });
    await one.subscribe([topic, 0]);
    await two.subscribe([topic, 0]);
    await two.publish(topic, 'both');
    expect((await one.message()).payload).toBe('both');
    expect((await two.message()).payload).toBe('both');
  });

  test('[MQTT-3.1.3-8] [MQTT-3.1.3-9] [MQTT-3.2.2-4] an empty client id without clean session gets return code 2, then the end', async () => {
    await refusedWith(2, p.connect({ clientId: '', clean: false }));
  });

  test('[MQTT-3.1.3-11] a user name in UTF-8 is accepted, with and without a password', async () => {
    await mqtt.connect({ username: 'Müller' });
    await mqtt.connect({ username: 'Müller', password: '' });
    await mqtt.connect({ username: 'Müller', password: Buffer.from([0, 0xff, 0x80]) });
  });

  test.each([
    ['bytes after the last field', p.connect({ clientId: 'c', trailing: Buffer.from('xyz') })],
    ['one byte after the last field', p.connect({ clientId: 'c', trailing: Buffer.from([0]) })],
    ['an empty body', p.frame(0x10)],
    ['nothing after the protocol name', p.frame(0x10, p.field('MQTT'))],
    ['nothing after the level', p.frame(0x10, p.field('MQTT'), Buffer.from([4]))],
    ['half a keepalive', p.frame(0x10, p.field('MQTT'), Buffer.from([4, 2, 0]))],
    [
      'a client id cut off',
      p.frame(0x10, p.field('MQTT'), Buffer.from([4, 2, 0, 0, 0, 9]), Buffer.from('short')),
    ],
    [
      'a protocol name longer than the packet',
      p.frame(0x10, Buffer.from([0x40, 0]), Buffer.from('MQTT')),
    ],
  ])(
    '[MQTT-3.1.4-1] a CONNECT with %s closes the connection without a CONNACK',
    async (_name, packet) => {
      await closes(packet);
    },
  );

  test('[MQTT-3.1.4-2] a second client with the same id ends the first', async () => {
    const clientId = unique('c');
    const old = await mqtt.connect({ clientId });
    const young = await mqtt.connect({ clientId });
    await old.closed();
    await young.quiet();
  });

  test('[MQTT-3.1.4-2] ten clients with the same id in a row: the last stays', async () => {
    const clientId = unique('c');
    const clients = [];
    for (let n = 0; n < 10; n++) clients.push(await mqtt.connect({ clientId, clean: false }));
    const last = clients.pop();
    for (const old of clients) await old.closed();
    await last?.quiet();
  });

  test('[MQTT-3.1.4-3] clean session on takeover throws the old state away', async () => {
    const [clientId, topic] = [unique('c'), unique('t')];
    const old = await mqtt.connect({ clientId, clean: false });
    await old.subscribe([topic, 1]);
    const young = await mqtt.connect({ clientId, clean: true });
    expect(young.connack.sessionPresent).toBe(false);
    const publisher = await mqtt.connect();
    await publisher.publish(topic, 'nobody', { qos: 1 });
    await young.subscribe([`${topic}/end`, 0]);
    await publisher.publish(`${topic}/end`, 'end');
    expect(await young.messagesBefore('end')).toEqual([]);
  });

  test('[MQTT-3.1.4-4] [MQTT-3.2.0-1] a good CONNECT gets exactly 20 02 00 00', async () => {
    const client = await mqtt.connect();
    expect(client.connack.raw.toString('hex')).toBe('20020000');
  });

  test('[MQTT-3.1.4-4] packets sent with the CONNECT in one segment are processed in order', async () => {
    const topic = unique('t');
    const client = await mqtt.open();
    client.send(
      p.connect({ clientId: unique('c') }),
      p.subscribe(1, [[topic, 1]]),
      p.publish(topic, 'early', { qos: 1, id: 7 }),
      p.pingreq,
    );
    await client.next('connack');
    expect((await client.next()).type).toBe('suback');
    expect(await client.take('publish')).toMatchObject({ topic, payload: 'early' });
    expect(await client.take('puback')).toMatchObject({ id: 7 });
    await client.take('pingresp');
  });

  test('[MQTT-3.1.4-4] two hundred packets before the CONNACK in one segment all count', async () => {
    const topic = unique('t');
    const watcher = await mqtt.connect();
    await watcher.subscribe([topic, 0]);
    const client = await mqtt.open();
    const all = Array.from({ length: 200 }, (_, n) => p.publish(topic, `${n}`));
    client.send(p.connect({ clientId: unique('c') }), ...all);
    await client.next('connack');
    const got = (await watcher.messages(200)).map((message) => Number(message.payload));
    expect(got).toEqual(Array.from({ length: 200 }, (_, n) => n));
    await client.quiet();
  });

  test('[MQTT-3.1.4-5] what follows a refused CONNECT is not processed', async () => {
    const topic = unique('t');
    const watcher = await mqtt.connect();
    await watcher.subscribe([topic, 0]);
    const client = await mqtt.open();
    client.send(p.connect({ clientId: '', clean: false }), p.publish(topic, 'refused'));
    expect((await client.next('connack')).code).toBe(2);
    await client.closed();
    await watcher.publish(topic, 'end');
    expect(await watcher.messagesBefore('end')).toEqual([]);
  });

  test('[MQTT-3.2.0-1] a CONNECT that comes byte by byte is answered', async () => {
    const client = await mqtt.open();
    await client.sendBytewise(p.connect({ clientId: unique('c') }));
    expect((await client.next('connack')).code).toBe(0);
  });

  test('[MQTT-3.2.2-1] clean session: session present is 0, also after a stored session', async () => {
    const clientId = unique('c');
    const stored = await mqtt.connect({ clientId, clean: false });
    await stored.disconnect();
    expect((await mqtt.connect({ clientId, clean: true })).connack.sessionPresent).toBe(false);
  });

  test('[MQTT-3.14.1-1] [MQTT-2.2.2-2] a DISCONNECT with reserved bits set is not a DISCONNECT', async () => {
    const topic = unique('t');
    const watcher = await mqtt.connect();
    await watcher.subscribe([topic, 0]);
    const client = await mqtt.connect({ will: { topic, payload: 'broken' } });
    client.send(Buffer.from([0xe1, 0]));
    await client.closed();
    expect((await watcher.message()).payload).toBe('broken');
  });

  test('[MQTT-3.14.4-2] the server closes after a DISCONNECT', async () => {
    const client = await mqtt.connect();
    client.send(p.disconnect);
    await client.closed();
  });

  test('[cellgate] MQTT 3.1: a client with MQIsdp and level 3 subscribes, publishes and leaves', async () => {
    const topic = unique('t');
    const client = await mqtt.connect({ protocol: 'MQIsdp', level: 3 });
    expect(client.connack.raw.toString('hex')).toBe('20020000');
    expect(await client.subscribe([topic, 2])).toEqual([2]);
    for (const qos of [0, 1, 2]) {
      client.send(p.publish(topic, `q${qos}`, { qos, id: 5 }));
      if (qos === 2) {
        await client.take('pubrec');
        client.send(p.pubrel(5));
      }
      const message = await client.take('publish');
      expect(message).toMatchObject({ payload: `q${qos}`, qos });
      await client.acknowledge(message);
      if (qos > 0) await client.take(qos === 1 ? 'puback' : 'pubcomp');
    }
    await client.disconnect();
  });

  test('[cellgate] MQTT 3.1: the byte that MQTT 3.1.1 calls session present stays 0', async () => {
    const options = { protocol: 'MQIsdp', level: 3, clientId: unique('c'), clean: false };
    await (await mqtt.connect(options)).disconnect();
    expect((await mqtt.connect(options)).connack.sessionPresent).toBe(false);
  });

  test('[cellgate] MQTT 3.1: an empty client id gets return code 2', async () => {
    await refusedWith(2, p.connect({ protocol: 'MQIsdp', level: 3, clientId: '' }));
  });
});
