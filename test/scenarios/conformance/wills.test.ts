import { describe, expect, test } from 'vitest';
import { differs, transports, unique, useBroker } from '../../support/bench.ts';
import * as p from '../../support/packets.ts';

const broker = useBroker();
const forgets = differs('mosquitto', 'forgets the will at the second CONNECT');
const drops = differs('mosquitto', 'drops the will when a persistent session is taken over');

describe.concurrent.each(transports)('over %s', (transport) => {
  const mqtt = broker.over(transport);

  const watch = async (qos = 2) => {
    const topic = unique('t');
    const watcher = await mqtt.connect();
    await watcher.subscribe([topic, qos]);
    return { topic, watcher };
  };
  const closes = async (bytes: Uint8Array) => {
    const client = await mqtt.open();
    client.send(bytes);
    await client.closed();
  };
  const will = (topic: string, payload = 'gone') => ({ topic, payload });

  test('[MQTT-3.1.2-8] the will is published when the connection breaks', async () => {
    const { topic, watcher } = await watch();
    const client = await mqtt.connect({ will: will(topic) });
    client.destroy();
    expect(await watcher.message()).toMatchObject({
      topic,
      payload: 'gone',
      qos: 0,
      retain: false,
    });
  });

  test('[MQTT-3.1.2-8] the will is published when the client closes without DISCONNECT', async () => {
    const { topic, watcher } = await watch();
    const client = await mqtt.connect({ will: will(topic) });
    client.halfClose();
    expect((await watcher.message()).payload).toBe('gone');
    await client.gone();
  });

  test('[MQTT-3.1.2-8] the will is published after a protocol error', async () => {
    const { topic, watcher } = await watch();
    const client = await mqtt.connect({ will: will(topic) });
    client.send(Buffer.from([0xf0, 0]));
    await client.closed();
    expect((await watcher.message()).payload).toBe('gone');
  });

  test('[MQTT-3.1.2-8] the will is published after a second CONNECT', forgets, async () => {
    const { topic, watcher } = await watch();
    const client = await mqtt.connect({ will: will(topic) });
    client.send(p.connect({ clientId: unique('c') }));
    await client.closed();
    expect((await watcher.message()).payload).toBe('gone');
  });

  test('[MQTT-3.1.2-8] the will is published when another client takes the id over', async () => {
    const { topic, watcher } = await watch();
    const clientId = unique('c');
    const old = await mqtt.connect({ clientId, will: will(topic) });
    const young = await mqtt.connect({ clientId });
    await old.closed();
    expect((await watcher.message()).payload).toBe('gone');
    await young.quiet();
  });

  test(
    '[MQTT-3.1.2-8] each connection has its own will: the old one goes out, the new one waits',
    drops,
    async () => {
      const { topic, watcher } = await watch();
      const clientId = unique('c');
      await mqtt.connect({ clientId, clean: false, will: will(topic, 'old') });
      const young = await mqtt.connect({ clientId, clean: false, will: will(topic, 'young') });
      expect((await watcher.message()).payload).toBe('old');
      await watcher.quiet();
      young.destroy();
      expect((await watcher.message()).payload).toBe('young');
    },
  );

  test('[MQTT-3.1.2-8] the will of a persistent session is published too, and reaches absent sessions', async () => {
    const [clientId, topic] = [unique('c'), unique('t')];
    const absent = await mqtt.connect({ clientId, clean: false });
    await absent.subscribe([topic, 1]);
    await absent.disconnect();
    const { watcher } = await watch();
    await watcher.subscribe([topic, 0]);
    const client = await mqtt.connect({ clean: false, will: { ...will(topic), qos: 1 } });
    client.destroy();
    await watcher.message();
    const again = await mqtt.connect({ clientId, clean: false });
    expect(await again.message()).toMatchObject({ payload: 'gone', qos: 1 });
  });

  test.each([0, 1, 2])(
    '[MQTT-3.1.2-9] a will of QoS %i is published with this QoS',
    async (qos) => {
      const { topic, watcher } = await watch();
      const client = await mqtt.connect({ will: { ...will(topic), qos } });
      client.destroy();
      expect(await watcher.message()).toMatchObject({ payload: 'gone', qos, dup: false });
    },
  );

  test('[MQTT-3.1.2-9] a will flag without will topic and message closes the connection', async () => {
    await closes(p.connect({ clientId: 'c', flags: 0x06 }));
  });

  test('[MQTT-3.1.2-9] a will flag with a will topic alone closes the connection', async () => {
    await closes(p.connect({ clientId: 'c', flags: 0x06, trailing: p.field('t') }));
  });

  test('[MQTT-3.1.2-9] a will with an empty message is a will', async () => {
    const { topic, watcher } = await watch();
    const client = await mqtt.connect({ will: will(topic, '') });
    client.destroy();
    expect(await watcher.message()).toMatchObject({ topic, payload: '' });
  });

  test('[MQTT-3.1.2-9] a will message is any bytes', async () => {
    const { topic, watcher } = await watch();
    const payload = Buffer.from([0, 0xff, 0xed, 0xa0, 0x80]);
    const client = await mqtt.connect({ will: { topic, payload } });
    client.destroy();
    expect((await watcher.message()).bytes).toEqual(payload);
  });

  test('[MQTT-3.1.2-10] a will is published once, not again at the next connection loss', async () => {
    const { topic, watcher } = await watch();
    const clientId = unique('c');
    (await mqtt.connect({ clientId, clean: false, will: will(topic) })).destroy();
    await watcher.message();
    (await mqtt.connect({ clientId, clean: false })).destroy();
    await (await mqtt.connect({ clientId, clean: false })).disconnect();
    await watcher.publish(topic, 'end');
    expect(await watcher.messagesBefore('end')).toEqual([]);
  });

  test('[MQTT-3.1.2-10] [MQTT-3.14.4-3] a DISCONNECT throws the will away', async () => {
    const { topic, watcher } = await watch();
    const clientId = unique('c');
    await (await mqtt.connect({ clientId, will: will(topic) })).disconnect();
    await (await mqtt.connect({ clientId })).disconnect();
    await watcher.publish(topic, 'end');
    expect(await watcher.messagesBefore('end')).toEqual([]);
  });

  test('[MQTT-3.14.4-3] a DISCONNECT in the last segment before the end throws the will away', async () => {
    const { topic, watcher } = await watch();
    const clientId = unique('c');
    const client = await mqtt.connect({ clientId, will: will(topic) });
    client.send(p.publish(topic, 'last words'), p.disconnect);
    client.halfClose();
    await client.gone();
    expect((await watcher.message()).payload).toBe('last words');
    await (await mqtt.connect({ clientId })).disconnect();
    await watcher.publish(topic, 'end');
    expect(await watcher.messagesBefore('end')).toEqual([]);
  });

  test('[MQTT-3.1.2-11] will fields without a will flag close the connection', async () => {
    await closes(p.connect({ clientId: 'c', flags: 0x02, will: will('t') }));
  });

  test('[MQTT-3.1.2-12] without a will flag nothing is published when the connection breaks', async () => {
    const { topic, watcher } = await watch();
    const clientId = unique('c');
    (await mqtt.connect({ clientId })).destroy();
    await (await mqtt.connect({ clientId })).disconnect();
    await watcher.publish(topic, 'end');
    expect(await watcher.messagesBefore('end')).toEqual([]);
  });

  test.each([0x0a, 0x12, 0x1a])(
    '[MQTT-3.1.2-13] a will QoS without a will flag (connect flags %i) closes the connection',
    async (flags) => closes(p.connect({ clientId: 'c', flags })),
  );

  test('[MQTT-3.1.2-14] will QoS 3 closes the connection', async () => {
    await closes(p.connect({ clientId: 'c', will: { ...will('t'), qos: 3 } }));
  });

  test('[MQTT-3.1.2-15] will retain without a will flag closes the connection', async () => {
    await closes(p.connect({ clientId: 'c', flags: 0x22 }));
  });

  test('[MQTT-3.1.2-16] a will without retain is not kept', async () => {
    const { topic, watcher } = await watch();
    (await mqtt.connect({ will: will(topic) })).destroy();
    await watcher.message();
    const late = await mqtt.connect();
    await late.subscribe([topic, 2]);
    await late.quiet();
  });

  test.each([0, 1, 2])(
    '[MQTT-3.1.2-17] a will of QoS %i with retain is kept, and has no retain flag for those who are there',
    async (qos) => {
      const { topic, watcher } = await watch();
      (await mqtt.connect({ will: { ...will(topic), qos, retain: true } })).destroy();
      expect(await watcher.message()).toMatchObject({ payload: 'gone', qos, retain: false });
      const late = await mqtt.connect();
      await late.subscribe([topic, 2]);
      expect(await late.message()).toMatchObject({ payload: 'gone', qos, retain: true });
    },
  );

  test('[MQTT-3.1.2-17] an empty will with retain takes the retained message away', async () => {
    const { topic, watcher } = await watch();
    await watcher.publish(topic, 'kept', { retain: true });
    await watcher.message();
    (await mqtt.connect({ will: { topic, payload: '', retain: true } })).destroy();
    expect((await watcher.message()).payload).toBe('');
    const late = await mqtt.connect();
    await late.subscribe([topic, 2]);
    await late.quiet();
  });

  test.each(['', '#', 'a/#', '+', 'a/+', 'a#'])(
    '[MQTT-4.7.1-1] [MQTT-4.7.3-1] [MQTT-3.3.2-2] the will topic "%s" closes the connection',
    async (topic) => closes(p.connect({ clientId: 'c', will: will(topic) })),
  );
});

describe.concurrent('over tcp', () => {
  const mqtt = broker.over('tcp');

  test('[MQTT-3.1.2-8] [MQTT-3.1.2-24] the will is published when the keepalive runs out', async () => {
    const topic = unique('t');
    const watcher = await mqtt.connect();
    await watcher.subscribe([topic, 0]);
    const client = await mqtt.connect({ keepalive: 1, will: { topic, payload: 'silent' } });
    await client.closed(10_000);
    expect((await watcher.message()).payload).toBe('silent');
  });
});
