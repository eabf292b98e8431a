import { describe, expect, test } from 'vitest';
import { differs, unique, useBroker } from '../../support/bench.ts';
import * as p from '../../support/packets.ts';

const broker = useBroker();
const byDup = differs('mosquitto', 'takes any PUBLISH under a known identifier for its repetition');

describe.concurrent.each([
  ['persistent', false],
  ['clean', true],
])('a %s session', (_name, clean) => {
  const mqtt = broker.over('tcp');

  const set = async () => {
    const topic = unique('t');
    const subscriber = await mqtt.connect();
    await subscriber.subscribe([`${topic}/#`, 2]);
    const publisher = await mqtt.connect({ clientId: unique('c'), clean });
    /** PUBLISH without its PUBREL; resolves with the PUBREC. */
    const send = async (level: string, payload: string, dup = false): Promise<void> => {
      publisher.send(p.publish(`${topic}/${level}`, payload, { qos: 2, id: 8, dup }));
      expect((await publisher.next('pubrec')).id).toBe(8);
    };
    const received = async (): Promise<string[]> => {
      const end = await mqtt.connect();
      await end.publish(`${topic}/end`, 'end', { qos: 2 });
      const before = await subscriber.messagesBefore('end');
      return before.map((message) => `${message.topic.split('/').at(-1)} ${message.payload}`);
    };
    return { topic, publisher, send, received };
  };

  test.each([
    ['another payload', 'a', '2'],
    ['another topic', 'b', '1'],
    ['a payload of the same length', 'a', '9'],
    ['a long payload', 'a', 'x'.repeat(100_000)],
    ['no payload', 'a', ''],
  ])(
    '[MQTT-3.3.1-1] an identifier under which %s comes without DUP is a new message',
    byDup,
    async (_what, level, payload) => {
      const { publisher, send, received } = await set();
      await send('a', '1');
      await send(level, payload);
      await send(level, payload, true);
      publisher.send(p.pubrel(8));
      expect((await publisher.next('pubcomp')).id).toBe(8);
      expect(await received()).toEqual(['a 1', `${level} ${payload}`]);
    },
  );

  test('[MQTT-4.3.3-2] a repetition is one with DUP, and without: some clients leave it out', async () => {
    const { send, received } = await set();
    await send('a', '1');
    await send('a', '1', true);
    await send('a', '1');
    expect(await received()).toEqual(['a 1']);
  });

  test(
    '[MQTT-3.3.1-1] a topic and a payload that are cut in another place are another message',
    byDup,
    async () => {
      const { send, received } = await set();
      await send('ab', 'c');
      await send('a', 'bc');
      expect(await received()).toEqual(['ab c', 'a bc']);
    },
  );
});

describe.concurrent('a persistent session whose client has lost its state', () => {
  const mqtt = broker.over('tcp');

  test(
    '[MQTT-3.3.1-1] uses its identifiers for other messages, which are all delivered',
    byDup,
    async () => {
      const [clientId, topic] = [unique('c'), unique('t')];
      const subscriber = await mqtt.connect();
      await subscriber.subscribe([topic, 2]);
      for (const boot of ['first', 'second', 'third']) {
        const device = await mqtt.connect({ clientId, clean: false });
        for (const id of [1, 2, 3]) {
          device.send(p.publish(topic, `${boot} ${id}`, { qos: 2, id }));
          await device.next('pubrec');
        }
        device.destroy();
      }
      const payloads = (await subscriber.messages(9)).map(({ payload }) => payload);
      expect(payloads).toEqual(
        ['first', 'second', 'third'].flatMap((boot) => [1, 2, 3].map((id) => `${boot} ${id}`)),
      );
      await subscriber.quiet();
    },
  );

  test('[MQTT-4.3.3-2] a client that has kept it repeats with DUP after a connection loss: one message', async () => {
    const [clientId, topic] = [unique('c'), unique('t')];
    const subscriber = await mqtt.connect();
    await subscriber.subscribe([topic, 2]);
    for (const dup of [false, true, true]) {
      const device = await mqtt.connect({ clientId, clean: false });
      device.send(p.publish(topic, 'once', { qos: 2, id: 1, dup }));
      await device.next('pubrec');
      device.destroy();
    }
    expect((await subscriber.message()).payload).toBe('once');
    await subscriber.quiet();
  });
});
