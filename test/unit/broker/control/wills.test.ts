import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ControlPlane } from '../../../../src/broker/control/control-plane.ts';
import { databaseFile } from '../../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../../src/store/database/database.ts';
import { type RunningBroker, startBroker } from '../../../support/broker.ts';
import { openWriter, startStore } from '../../../support/store.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

function look(folder: string, sql: string): unknown[] {
  const db = openConnection(databaseFile(folder));
  try {
    return db.prepare(sql).pluck().all();
  } finally {
    db.close();
  }
}

const will = { topic: 'status', payload: 'offline', qos: 0, retain: true } as const;

test('a will leaves the store when what it put there is on disk, not before', async () => {
  const folder = tempFolder();
  // Values that nobody was promised wait for an hour here.
  const { client, broker } = await startBroker(folder, {}, { deferredMs: 3_600_000 });
  const lost = await client({ clientId: 'robot', will });
  await expect.poll(() => look(folder, 'SELECT client_id FROM will')).toEqual(['robot']);
  lost.destroy();
  await expect.poll(() => look(folder, 'SELECT client_id FROM will')).toEqual([]);
  expect(look(folder, 'SELECT topic FROM retained')).toEqual(['status']);
  expect(broker.counts.retained).toBe(1);
});

test('a client that comes back at once keeps its new will on disk', async () => {
  const folder = tempFolder();
  const { client, store } = await startBroker(folder);
  for (let i = 0; i < 5; i++) {
    const lost = await client({ clientId: 'robot', will: { ...will, payload: `offline ${i}` } });
    // Every second one is lost, the others are taken over.
    if (i % 2) lost.destroy();
  }
  await client({ clientId: 'robot', will: { ...will, payload: 'the last' } });
  await store.journal.flush();
  await store.journal.flush();
  expect(look(folder, 'SELECT CAST(payload AS TEXT) FROM will')).toEqual(['the last']);
});

test('a DISCONNECT takes the will off the disk', async () => {
  const folder = tempFolder();
  const { client, broker } = await startBroker(folder);
  const leaving = await client({ clientId: 'robot', will });
  await leaving.disconnect();
  await expect.poll(() => look(folder, 'SELECT client_id FROM will')).toEqual([]);
  expect(broker.counts.retained).toBe(0);
});

test('a clean stop publishes no will and keeps it; a client that is back needs it no more', async () => {
  const folder = tempFolder();
  const first = await startBroker(folder);
  const watcher = await first.client({ clientId: 'watcher', clean: false });
  await watcher.subscribe(['#', 1]);
  await watcher.disconnect();
  await first.client({ clientId: 'robot', will });
  await first.client({ clientId: 'other', will: { topic: 'gone/other', payload: 'x', qos: 1 } });
  await first.stop();
  expect(look(folder, 'SELECT client_id FROM will ORDER BY 1')).toEqual(['other', 'robot']);

  const second = await startBroker(folder);
  const back = await second.client({ clientId: 'watcher', clean: false });
  await second.client({ clientId: 'robot' });
  await expect.poll(() => look(folder, 'SELECT client_id FROM will')).toEqual(['other']);
  await back.publish('marker', 'nothing came before', { qos: 1 });
  expect((await back.message()).topic).toBe('marker');
});

test('after a clean stop the will of a client that stays away is published in the end', async () => {
  const left = { clientId: 'other', topic: 'gone', payload: Buffer.from('x'), qos: 0 } as const;
  const published: string[] = [];
  const { store } = await startStore(tempFolder());
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const control = new ControlPlane(store, {
    registered: () => undefined,
    connack: () => undefined,
    ended: () => undefined,
    will: async ({ topic }) => void published.push(topic),
    watch: () => () => undefined,
    sessionMs: () => 0,
  });
  await control.start({ wills: [{ ...left, retain: false }], delayedWills: [] }, 60_000);
  await vi.advanceTimersByTimeAsync(59_000);
  expect(published).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_001);
  expect(published).toEqual(['gone']);
  await control.stop();
});

test('wills of clients that were connected at a crash are published at the next start', async () => {
  const folder = tempFolder();
  const { exec, close } = openWriter(folder);
  exec(`INSERT INTO will VALUES ('robot', 'status', 0, 1, x'6f6666')`);
  await close();
  const { client } = await startBroker(folder);
  const reader = await client();
  await reader.subscribe(['status', 0]);
  expect((await reader.message()).payload).toBe('off');
  await expect.poll(() => look(folder, 'SELECT client_id FROM will')).toEqual([]);
});

describe('a status topic after a clean stop', () => {
  const GRACE_MS = 60_000;

  /** Starts again on the folder; `later` passes the time for which wills are kept. */
  async function restart(folder: string) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const second = await startBroker(folder);
    return { ...second, later: () => vi.advanceTimersByTimeAsync(GRACE_MS + 5000) };
  }

  const statusOf = async (client: RunningBroker['client']): Promise<string> => {
    const reader = await client();
    await reader.subscribe(['status', 0]);
    return (await reader.message()).payload;
  };

  test.each([
    ['a client without an id', ''],
    ['a client whose id is random', 'one'],
  ])('stays online when %s is back under another id', async (_name, clientId) => {
    const folder = tempFolder();
    const first = await startBroker(folder);
    const device = await first.client({ clientId, will });
    await device.publish('status', 'online', { qos: 1, retain: true });
    await first.stop();

    const { client, later } = await restart(folder);
    const again = await client({ clientId: clientId && 'two', will });
    await again.publish('status', 'online', { qos: 1, retain: true });
    await later();
    expect(await statusOf(client)).toBe('online');
    again.destroy();
    await expect.poll(() => statusOf(client)).toBe('offline');
  });

  test('is offline at once when the client had no id: nobody can come back with it', async () => {
    const folder = tempFolder();
    const first = await startBroker(folder);
    const device = await first.client({ clientId: '', will });
    await device.publish('status', 'online', { qos: 1, retain: true });
    await first.stop();
    const { client } = await startBroker(folder);
    expect(await statusOf(client)).toBe('offline');
    await expect.poll(() => look(folder, 'SELECT client_id FROM will')).toEqual([]);
  });

  test.each([
    ['without the retain flag', { qos: 1 }],
    ['at QoS 0', { retain: true }],
    ['at QoS 2', { qos: 2, retain: true }],
  ])('is left to what was published since %s', async (_name, options) => {
    const folder = tempFolder();
    const first = await startBroker(folder);
    await first.client({ clientId: 'one', will });
    await first.stop();
    const { client, later } = await restart(folder);
    const other = await client({ clientId: 'two', clean: false });
    await other.publish('status', 'since', options);
    await expect.poll(() => look(folder, 'SELECT client_id FROM will')).toEqual([]);
    const watcher = await client();
    await watcher.subscribe(['status', 0]);
    if ('retain' in options) await watcher.message();
    await later();
    await watcher.quiet();
  });

  test('is offline in the end when nobody is back, also after a second stop meanwhile', async () => {
    const folder = tempFolder();
    const first = await startBroker(folder);
    await first.client({ clientId: 'one', will });
    await first.stop();
    await (await startBroker(folder)).stop();
    const { client, later } = await restart(folder);
    await later();
    expect(await statusOf(client)).toBe('offline');
  });
});
