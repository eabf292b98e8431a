import { describe, expect, test } from 'vitest';
import { startBroker } from '../../support/broker.ts';
import type { Client5 } from '../../support/client-5.ts';
import * as p from '../../support/packets-5.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const start = (protocol: 'tcp' | 'ws', folder = tempFolder()) =>
  startBroker(folder, {}, {}, protocol, undefined, [3, 4, 5]);

const PROPERTIES: p.Properties = [
  ['messageExpiry', 60],
  ['contentType', 'text'],
  ['responseTopic', 'r'],
  ['correlationData', Buffer.from('c')],
  ['userProperty', ['a', '1']],
  ['userProperty', ['a', '2']],
];

/** CONNECT options with a will `gone` on `will/<client id>`. */
function withWill(clientId: string, delay: number, expiry: number): p.ConnectOptions5 {
  const properties: p.Properties = delay > 0 ? [...PROPERTIES, ['willDelay', delay]] : PROPERTIES;
  return {
    clientId,
    clean: false,
    properties: [['sessionExpiry', expiry]],
    will: { topic: `will/${clientId}`, payload: 'gone', qos: 1, properties },
  };
}

/** The time from `since` to the will, in seconds. */
async function willAfter(watcher: Client5, since: number): Promise<number> {
  expect(await watcher.message()).toMatchObject({ payload: 'gone' });
  return (performance.now() - since) / 1000;
}

describe.each(['tcp', 'ws'] as const)('over %s', (transport) => {
  const watch = async (broker: Awaited<ReturnType<typeof start>>) => {
    const watcher = await broker.client5({ clientId: 'w', properties: [['sessionExpiry', 60]] });
    await watcher.subscribe([['will/#', 1]]);
    return watcher;
  };

  test('[MQTT-3.1.2-7] [MQTT-3.1.2-8] T11 a will has all its properties, and no delay among them', async () => {
    const broker = await start(transport);
    const watcher = await watch(broker);
    const client = await broker.client5({ ...withWill('c', 1, 60), keepalive: 60 });
    client.destroy();
    const will = await watcher.message();
    expect(will).toMatchObject({
      topic: 'will/c',
      payload: 'gone',
      qos: 1,
      properties: PROPERTIES,
    });
  });

  test('[MQTT-3.1.2-10] [MQTT-3.14.4-3] T10 DISCONNECT drops the will, with any other reason code than 0x00 it is published', async () => {
    const broker = await start(transport);
    const watcher = await watch(broker);
    for (const code of [0x00, 0x04, 0x80, 0x98]) {
      const client = await broker.client5(withWill(`c${code}`, 0, 0));
      await client.disconnect(code);
      if (code === 0) await watcher.quiet();
      else expect(await watcher.message()).toMatchObject({ topic: `will/c${code}` });
    }
    const client = await broker.client5(withWill('wrong', 0, 0));
    client.send(p.disconnect(0xff));
    expect(await watcher.message()).toMatchObject({ topic: 'will/wrong' });
  });

  test('T8 a will waits for its delay, but not longer than the session lives', async () => {
    const broker = await start(transport);
    const watcher = await watch(broker);
    for (const [delay, expiry, least] of [
      [1, 60, 0.9],
      [60, 1, 0.9],
      [60, 0, 0],
    ] as const) {
      const client = await broker.client5(withWill(`c${delay}-${expiry}`, delay, expiry));
      const since = performance.now();
      client.destroy();
      expect(await willAfter(watcher, since)).toBeGreaterThan(least);
    }
  });

  test('[MQTT-3.1.3-9] T9 a client that comes back in time makes its will void', async () => {
    const broker = await start(transport);
    const watcher = await watch(broker);
    const client = await broker.client5(withWill('c', 1, 60));
    client.destroy();
    const again = await broker.client5({ ...withWill('c', 0, 60), will: undefined as never });
    expect(again.connack.sessionPresent).toBe(true);
    const other = await broker.client5(withWill('d', 2, 60));
    other.destroy();
    // The will of `c` would have come before this one.
    expect(await watcher.message()).toMatchObject({ topic: 'will/d' });
  });

  test('T7 a takeover publishes a will without delay, and with one where the new client starts clean', async () => {
    const broker = await start(transport);
    const watcher = await watch(broker);
    const first = await broker.client5(withWill('c', 0, 60));
    const second = await broker.client5(withWill('c', 60, 60));
    await first.ended(0x8e);
    expect(await watcher.message()).toMatchObject({ topic: 'will/c' });
    const third = await broker.client5(withWill('c', 60, 60));
    await second.ended(0x8e);
    await watcher.quiet();
    await broker.client5({ ...withWill('c', 60, 60), clean: true });
    await third.ended(0x8e);
    expect(await watcher.message()).toMatchObject({ topic: 'will/c' });
    await watcher.quiet();
  });

  test('a will that waits for its delay is published once after a restart, at its time', async () => {
    const folder = tempFolder();
    let broker = await start(transport, folder);
    const watcher = await watch(broker);
    const client = await broker.client5(withWill('c', 2, 60));
    const since = performance.now();
    client.destroy();
    await watcher.quiet();
    await broker.stop();
    broker = await start(transport, folder);
    const resume = { clientId: 'w', clean: false, properties: [['sessionExpiry', 60]] as const };
    const again = await broker.client5(resume);
    const seconds = await willAfter(again, since);
    expect(seconds).toBeGreaterThan(1.8);
    await broker.stop();
    broker = await start(transport, folder);
    await (await broker.client5(resume)).quiet();
    expect(broker.store.recovered.delayedWills).toEqual([]);
  });
});
