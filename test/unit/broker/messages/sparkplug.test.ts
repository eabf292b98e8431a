import { expect, test } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { withTimestamp } from '../../../../src/broker/messages/sparkplug.ts';
import { startBroker } from '../../../support/broker.ts';
import type { LogRecord } from '../../../support/quiet-log.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { waitFor } from '../../../support/wait-for.ts';

const BIRTH = 'spBv1.0/g/NBIRTH/n';
const DEVICE = 'spBv1.0/g/DBIRTH/n/d';
const DEATH = 'spBv1.0/g/NDEATH/n';
const of = (topic: string) => `$sparkplug/certificates/${topic}`;

/** A payload with the time 300, one metric with its own time, a field that no version knows, and seq. */
const REST = ['12071205' + '6264536571', 'aa0601ff', '1807'];
const timed = (time: string, rest: readonly string[] = REST) =>
  Buffer.from(time + rest.join(''), 'hex');

/** Whose messages were dropped, and why. */
const dropped = (records: readonly LogRecord[]) =>
  records
    .filter(({ msg }) => msg === 'messages are being dropped')
    .map(({ who, reason }) => [who, reason]);

/** The system's clock, whose wall clock has the time of the deaths. */
const deathClock = () => ({ ...systemClock, wall: () => 5000 });

test.each([
  ['a time is replaced', timed('08ac02'), timed('088827')],
  ['a payload without one gets it', timed(''), timed('088827')],
  ['a time that is not in front', timed('', [...REST, '08ac02']), timed('088827')],
  ['two times', timed('08ac02', [...REST, '0801']), timed('088827')],
  ['a time of another wire type stays', timed('0a02ffff'), timed('0888270a02ffff')],
])('the time of death: %s', (_name, before, after) => {
  expect(withTimestamp(before, 5000)?.toString('hex')).toBe(after.toString('hex'));
});

test.each([
  ['an empty one', Buffer.alloc(0)],
  ['JSON', Buffer.from('{"timestamp":1}')],
  ['one that is cut', timed('08ac02').subarray(0, 5)],
])('a payload that is not of Sparkplug stays as it is: %s', (_name, payload) => {
  expect(withTimestamp(payload, 5000)).toBeUndefined();
});

test('makes births available on their certificate topic, with the retain flag for later subscribers', async () => {
  const folder = tempFolder();
  const { client, broker, stop } = await startBroker(folder);
  const live = await client();
  await live.subscribe([of('#'), 1], ['spBv1.0/#', 1]);
  const node = await client({ clientId: 'node' });
  await node.publish(BIRTH, 'first', { qos: 0 });
  await node.publish(BIRTH, 'second', { qos: 1 });
  await node.publish(DEVICE, 'device', { qos: 2 });
  await node.publish('spBv1.0/g/NDATA/n', 'data', { qos: 1 });
  const got = [];
  for (let i = 0; i < 7; i++) {
    const { topic, payload, retain, qos } = await live.message();
    got.push([topic, payload, retain, qos]);
  }
  expect(got).toEqual([
    [of(BIRTH), 'first', false, 0],
    [BIRTH, 'first', false, 0],
    [of(BIRTH), 'second', false, 1],
    [BIRTH, 'second', false, 1],
    [of(DEVICE), 'device', false, 1],
    [DEVICE, 'device', false, 1],
    ['spBv1.0/g/NDATA/n', 'data', false, 1],
  ]);
  expect(broker.counts.retained).toBe(2);
  await stop();

  // On disk: they are there after a restart.
  const again = await startBroker(folder);
  const late = await again.client();
  await late.subscribe([of('spBv1.0/+/NBIRTH/+'), 1], [of('spBv1.0/g/DBIRTH/#'), 1]);
  const kept = [await late.message(), await late.message()];
  expect(kept.toSorted((a, b) => (a.topic < b.topic ? 1 : -1))).toMatchObject([
    { topic: of(BIRTH), payload: 'second', retain: true },
    { topic: of(DEVICE), payload: 'device', retain: true },
  ]);
  await late.subscribe(['#', 1], ['+/+/#', 1]);
  await late.quiet();
  // An empty birth deletes its certificate.
  await late.publish(BIRTH, '', { qos: 1 });
  expect(again.broker.counts.retained).toBe(1);
});

test('a birth of QoS 2 from a client that stays known is certified once, and a retained one is both', async () => {
  const { client, broker } = await startBroker(tempFolder());
  const live = await client();
  await live.subscribe([of('#'), 2]);
  const node = await client({ clientId: 'node', clean: false });
  await node.publish(BIRTH, 'birth', { qos: 2, retain: true });
  expect(await live.message()).toMatchObject({ topic: of(BIRTH), payload: 'birth' });
  await live.quiet();
  expect(broker.counts.retained).toBe(2);
});

test('certificates count as retained messages of their publisher', async () => {
  const { client, broker, records } = await startBroker(tempFolder(), {
    retainedMessagesPerClient: 2,
  });
  const node = await client({ clientId: 'node' });
  for (const name of ['a', 'b', 'c']) {
    await node.publish(`spBv1.0/g/NBIRTH/${name}`, name, { qos: 1 });
  }
  expect(broker.counts.retained).toBe(2);
  expect(dropped(records)).toEqual([['node', 'retained-full']]);
  const other = await client({ clientId: 'other' });
  await other.publish('spBv1.0/g/NBIRTH/d', 'd', { qos: 1 });
  expect(broker.counts.retained).toBe(3);
});

test('no client publishes below $sparkplug, nor by its will', async () => {
  const { client, client5, broker, records } = await startBroker(
    ...([tempFolder(), {}, {}, 'tcp', undefined, [4, 5]] as const),
  );
  const watcher = await client();
  await watcher.subscribe(['$sparkplug/#', 0]);
  const liar = await client({
    clientId: 'liar',
    will: { topic: of(BIRTH), payload: 'will', qos: 1, retain: true },
  });
  await liar.publish(of(BIRTH), 'lie', { qos: 1, retain: true });
  const five = await client5({ clientId: 'five' });
  expect(await five.publish(of(BIRTH), 'lie', { qos: 1, retain: true })).toBe(0x87);
  liar.destroy();
  await waitFor(() => expect(broker.counts.connected).toBe(2));
  await watcher.quiet();
  expect(broker.counts.retained).toBe(0);
  expect(dropped(records)).toEqual([
    ['liar', 'reserved-topic'],
    ['five', 'reserved-topic'],
  ]);
});

test('a will that says NDEATH is published with the time of death', async () => {
  const { client, client5 } = await startBroker(
    ...([tempFolder(), {}, {}, 'tcp', deathClock(), [4, 5]] as const),
  );
  const watcher = await client();
  await watcher.subscribe([DEATH, 1]);
  const will = { topic: DEATH, payload: timed('08ac02'), qos: 1, retain: false } as const;
  const stamped = timed('088827').toString('hex');
  const node = await client({ clientId: 'node', will });
  node.destroy();
  expect((await watcher.message()).bytes.toString('hex')).toBe(stamped);

  const node5 = await client5({
    clientId: 'node',
    will: { ...will, properties: [['contentType', 'protobuf']] },
  });
  node5.send(Buffer.from([0xe0, 1, 4]));
  expect((await watcher.message()).bytes.toString('hex')).toBe(stamped);

  const speaker = await client();
  await speaker.publish(DEATH, will.payload, { qos: 1 });
  expect((await watcher.message()).bytes.toString('hex')).toBe(stamped);
  await speaker.publish(DEATH, will.payload, { qos: 2 });
  expect((await watcher.message()).bytes.toString('hex')).toBe(stamped);
  await speaker.publish(DEATH, 'no protobuf', { qos: 1 });
  expect((await watcher.message()).payload).toBe('no protobuf');
  const long = Buffer.concat([
    timed('08ac02'),
    Buffer.from(`1280e007${'00'.repeat(126 * 1024)}`, 'hex'),
  ]);
  await speaker.publish(DEATH, long, { qos: 1 });
  expect((await watcher.message()).bytes.equals(long)).toBe(true);
});

test('what a bridge brings keeps the time of its death', async () => {
  const { client } = await startBroker(tempFolder());
  const watcher = await client();
  await watcher.subscribe([DEATH, 1], [of('#'), 1]);
  const bridge = await client({ clientId: 'bridge', level: 0x84 });
  await bridge.publish(DEATH, timed('08ac02'), { qos: 1 });
  expect((await watcher.message()).bytes.equals(timed('08ac02'))).toBe(true);
  await bridge.publish(BIRTH, 'birth', { qos: 1 });
  expect(await watcher.message()).toMatchObject({ topic: of(BIRTH) });
});

test('a certificate has the properties of its birth, also when it expires', async () => {
  const { client5 } = await startBroker(
    ...([tempFolder(), {}, {}, 'tcp', undefined, [5]] as const),
  );
  const node = await client5({ clientId: 'node' });
  await node.publish(BIRTH, 'birth', {
    qos: 1,
    properties: [
      ['messageExpiry', 600],
      ['contentType', 'application/x-protobuf'],
    ],
  });
  const late = await client5();
  await late.subscribe([[of('#'), 1]]);
  const { properties, retain } = await late.message();
  expect(retain).toBe(true);
  const names = properties.map(([name]) => name);
  expect(names.toSorted()).toEqual(['contentType', 'messageExpiry']);
});
