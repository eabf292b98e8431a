import { describe, expect, test } from 'vitest';
import { LIMITS, type RunningBroker, startBroker } from '../../support/broker.ts';
import * as packets from '../../support/packets.ts';
import * as p from '../../support/packets-5.ts';
import { RawClient } from '../../support/raw-client.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const codes = [...Array(0x1f).keys()].map((n) => n + 1);
const CONTROLS = [...codes, ...[...Array(0x21).keys()].map((n) => n + 0x7f)];
/** Characters beside these, and others that are odd and allowed. */
const ALLOWED = [0x20, 0x7e, 0xa0, 0xad, 0x200b, 0x2028, 0xfeff, 0xfffd, 0x1f916];
const char = (code: number): string => String.fromCodePoint(code);
const name = (code: number): string => `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;

const closings = ({ records }: RunningBroker): unknown[] =>
  records
    .filter(({ msg }) => msg === 'connection closed')
    .map(({ client, reason }) => [client, reason]);

describe('with `controlCharacters: refuse`', () => {
  test.each([0, 1, 2])(
    'each of them in the topic of a PUBLISH with QoS %i ends the connection',
    async (qos) => {
      const broker = await startBroker(tempFolder());
      const subscriber = await broker.client();
      await subscriber.subscribe(['#', 0]);
      for (const code of CONTROLS) {
        const client = await broker.client({ clientId: name(code) });
        client.send(packets.publish(`scan/${char(code)}A1`, 'x', { qos }));
        await client.closed();
      }
      const publisher = await broker.client();
      for (const code of ALLOWED) await publisher.publish(`scan/${char(code)}A1`, 'x', { qos });
      const topics = (await subscriber.messages(ALLOWED.length)).map(({ topic }) => topic);
      expect(topics).toEqual(ALLOWED.map((code) => `scan/${char(code)}A1`));
      expect(closings(broker)).toEqual(
        CONTROLS.map((code) => [
          name(code),
          `the topic holds the control character ${name(code)}, which broker.limits.controlCharacters refuses`,
        ]),
      );
    },
  );

  test('so does one in a topic that is too long for the cache of topics', async () => {
    const broker = await startBroker(tempFolder());
    const client = await broker.client();
    client.send(packets.publish(`${'x'.repeat(600)}\u0002`, 'x', { qos: 1 }));
    await client.closed();
  });

  test('each of them in a topic filter ends the connection, and no filter of the packet is subscribed', async () => {
    const broker = await startBroker(tempFolder());
    for (const code of CONTROLS) {
      const client = await broker.client();
      client.send(
        packets.subscribe(1, [
          ['fine/#', 0],
          [`scan/+/${char(code)}`, 1],
        ]),
      );
      await client.closed();
    }
    expect(broker.broker.counts.subscriptions).toBe(0);
  });

  test('each of them in the topic of a will ends the connection without a CONNACK', async () => {
    const broker = await startBroker(tempFolder());
    const subscriber = await broker.client();
    await subscriber.subscribe(['#', 0]);
    for (const code of CONTROLS) {
      const client = await RawClient.open('tcp', broker.port);
      client.send(packets.connect({ clientId: 'c', will: { topic: `gone/${char(code)}` } }));
      await client.closed();
    }
    await subscriber.quiet();
  });

  test('each of them in a filter of UNSUBSCRIBE ends the connection, and no filter of the packet is unsubscribed', async () => {
    const broker = await startBroker(tempFolder());
    for (const code of CONTROLS) {
      const client = await broker.client({ clientId: 'c', clean: false });
      await client.subscribe(['fine/#', 0]);
      client.send(packets.unsubscribe(1, ['fine/#', `scan/+/${char(code)}`]));
      await client.closed();
    }
    expect(broker.broker.counts.subscriptions).toBe(1);
  });

  test('each of them in the response topic of MQTT 5 ends the connection, and the log names it', async () => {
    const broker = await startBroker(tempFolder(), {}, {}, 'tcp', undefined, [5]);
    for (const code of CONTROLS) {
      const client = await broker.client5();
      const properties: p.Properties = [['responseTopic', `answers/${char(code)}`]];
      client.send(p.publish('request', 'x', { qos: 1, properties }));
      await client.ended(0x81);
    }
  });

  test('is told once for a client that comes again and again with it', async () => {
    const broker = await startBroker(tempFolder());
    for (let i = 0; i < 20; i++) {
      const client = await broker.client({ clientId: 'scanner' });
      client.send(packets.publish('scan/\u0002A1\u0003', 'x', { qos: 1 }));
      await client.closed();
    }
    expect(closings(broker)).toHaveLength(1);
  });
});

describe('with `controlCharacters: allow`', () => {
  test('topics, filters and wills may have them', async () => {
    const broker = await startBroker(tempFolder(), { controlCharacters: 'allow' });
    const subscriber = await broker.client();
    for (const code of CONTROLS) {
      const topic = `scan/${char(code)}/x`;
      expect(await subscriber.subscribe([topic, 1])).toEqual([1]);
      const client = await broker.client({ will: { topic, payload: 'gone' } });
      await client.publish(topic, 'here', { qos: 1 });
      client.destroy();
      const two = await subscriber.messages(2);
      expect(two.map((each) => [each.topic, each.payload])).toEqual([
        [topic, 'here'],
        [topic, 'gone'],
      ]);
    }
  });

  test('a change to `refuse` holds at once, for topics that were in use too', async () => {
    const limits = { ...LIMITS, controlCharacters: 'allow' } as const;
    const { broker, client } = await startBroker(tempFolder(), limits);
    const publisher = await client();
    await publisher.publish('scan/\u0002', 'x', { qos: 1 });
    await broker.applyConfig({
      listeners: [{ host: '127.0.0.1', port: 0, protocol: 'tcp', anonymous: true }],
      limits: LIMITS,
    });
    const other = await client();
    other.send(packets.publish('scan/\u0002', 'x', { qos: 1 }));
    await other.closed();
  });
});
