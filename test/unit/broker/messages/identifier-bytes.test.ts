import { expect, test } from 'vitest';
import { startBroker } from '../../../support/broker.ts';
import type * as p from '../../../support/packets-5.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const COUNT = 100;
/** So many bytes does each identifier count for, and the topic with its length. */
const IDENTIFIER = 4;
const TOPIC = 'a/b/c/d/e/f/g/h/i';

/** Filters that all match the topic. */
function filters(): string[] {
  const levels = TOPIC.split('/');
  return Array.from({ length: COUNT }, (_, n) =>
    levels.map((level, bit) => ((n >> bit) & 1 ? '+' : level)).join('/'),
  );
}

const KEPT: p.Properties = [['sessionExpiry', 600]];

const begin = (folder: string, bytes: number) =>
  startBroker(folder, { queue: { bytes } }, {}, 'tcp', undefined, [3, 4, 5]);

test('subscription identifiers count to the bytes of a queue, over a restart too, and to zero at the end', async () => {
  const folder = tempFolder();
  const first = await begin(folder, 2000);
  const client = await first.client5({ clientId: 'many', properties: KEPT });
  for (const [n, filter] of filters().entries()) {
    await client.subscribe([[filter, 1]], [['subscriptionIdentifier', n + 1]]);
  }
  await client.disconnect();
  const publisher = await first.client();
  for (const payload of ['1', '2', '3', '4', '5', '6']) {
    await publisher.publish(TOPIC, payload, { qos: 1 });
  }
  const size = 2 + TOPIC.length + 1 + COUNT * IDENTIFIER;
  const full = { queued: 4, storedBytes: 4 * size };
  expect(first.broker.counts).toMatchObject(full);
  expect(first.broker.drops.reasons).toEqual({ 'queue-full': 2 });
  await first.stop();
  const second = await begin(folder, 2000);
  expect(second.broker.counts).toMatchObject(full);
  const back = await second.client5({ clientId: 'many', clean: false, properties: KEPT });
  for (const payload of ['3', '4', '5', '6']) {
    const message = await back.message();
    expect(message.payload).toBe(payload);
    expect(message.properties).toHaveLength(COUNT);
  }
  await back.quiet();
  expect(second.broker.counts).toMatchObject({ queued: 0, storedBytes: 0 });
});

test('what a clean session has queued counts to the memory with its identifiers', async () => {
  const { broker, client5, client } = await begin(tempFolder(), 1024 * 1024);
  const slow = await client5({ clientId: 'slow', properties: [['receiveMaximum', 1]] });
  await slow.subscribe([[TOPIC, 1]], [['subscriptionIdentifier', 268_435_455]]);
  await slow.subscribe([['a/#', 1]], [['subscriptionIdentifier', 1]]);
  const publisher = await client();
  for (const payload of ['1', '2']) await publisher.publish(TOPIC, payload, { qos: 1 });
  const size = 2 + TOPIC.length + 1 + 2 * IDENTIFIER;
  expect(broker.counts).toMatchObject({ queued: 1, storedBytes: size });
  await slow.message();
  await slow.message();
  await slow.quiet();
  expect(broker.counts).toMatchObject({ queued: 0, storedBytes: 0 });
});
