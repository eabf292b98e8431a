import { expect, test } from 'vitest';
import { startBroker } from '../../../support/broker.ts';
import * as packets from '../../../support/packets.ts';
import { RawClient } from '../../../support/raw-client.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const DROPPING = 'messages are being dropped';

test('a thousand retained messages beyond the limit are one line, with the client that sends them', async () => {
  const { broker, client, lines } = await startBroker(tempFolder(), { retainedMessages: 10 });
  const greedy = await client({ clientId: 'greedy' });
  const all = Array.from({ length: 1010 }, (_, n) =>
    packets.publish(`t/${n}`, 'x', { retain: true }),
  );
  greedy.send(...all);
  await greedy.quiet();
  await expect.poll(() => broker.counts.dropped).toBe(1000);
  expect(lines.filter((line) => line === DROPPING)).toHaveLength(1);
});

test('retained wills beyond the limit are one line for each client', async () => {
  const { broker, client, lines } = await startBroker(tempFolder(), { retainedMessages: 1 });
  await (await client()).publish('a', 'x', { qos: 1, retain: true });
  for (let i = 0; i < 5; i++) {
    const will = { topic: `will/${i}`, payload: 'x', retain: true };
    (await client({ clientId: 'lost', will })).destroy();
    await expect.poll(() => broker.counts.dropped).toBe(i + 1);
  }
  expect(lines.filter((line) => line === DROPPING)).toHaveLength(1);
});

test('connections that end for a reason that differs each time are ten lines', async () => {
  const { client, lines, port } = await startBroker(tempFolder(), { packet: 2000 });
  await client();
  for (let i = 0; i < 30; i++) {
    const bad = await RawClient.open('tcp', port);
    await bad.connect({ clientId: 'c' });
    bad.send(packets.publish('t', 'x'.repeat(3000 + i)));
    await bad.closed();
  }
  expect(lines.filter((line) => line === 'connection closed')).toHaveLength(10);
});
