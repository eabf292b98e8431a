import {
  chmodSync,
  closeSync,
  cpSync,
  openSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { expect, test } from 'vitest';
import { NEVER } from '../../../src/mqtt/properties.ts';
import { PendingAck } from '../../../src/queue/pending-ack.ts';
import { databaseFile } from '../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../src/store/database/database.ts';
import { LAST_SESSION } from '../../../src/store/database/segment-table.ts';
import { Store } from '../../../src/store/store.ts';
import { FakeOwner, message } from '../../support/entries.ts';
import { createFaults } from '../../support/faults.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { retainedOf, startStore } from '../../support/store.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** Resolves when all that `hand` gives its pendingAck to is on disk. */
function onDisk(hand: (pendingAck: PendingAck) => void): Promise<void> {
  return new Promise((resolve) => {
    const pendingAck = new PendingAck(resolve);
    hand(pendingAck);
    pendingAck.done();
  });
}

/** The store's own, from the first run on. */
const CLOCK_MARK = expect.objectContaining({ owner: '$ages', key: 'mark' });

const PLAIN = { publisher: 'c', properties: Buffer.alloc(0), expires: 0 };

test('an empty folder is an empty store, and starts are counted', async () => {
  const folder = tempFolder();
  let lastBoot: number | undefined;
  for (const start of [1, 2, 3]) {
    const { store, lines } = await startStore(folder);
    expect(store.recovered).toEqual({
      lastBoot,
      bootIsProvisional: start > 1,
      stoppedCleanly: start > 1,
      sessions: [],
      states: start > 1 ? [CLOCK_MARK] : [],
      wills: [],
      delayedWills: [],
      nextSessionKey: 1,
      nextMessageId: 1,
    });
    expect([store.retained.count, store.retained.take(1)]).toEqual([0, undefined]);
    expect(lines).toEqual(['store open']);
    expect(store.troubles()).toEqual([]);
    if (lastBoot !== undefined) expect(store.bootNumber.value).toBe(lastBoot + 1);
    lastBoot = store.bootNumber.value;
    await store.stop();
  }
});

test('all that was on disk is there after the next start', async () => {
  const folder = tempFolder();
  const { store } = await startStore(folder);
  const { journal } = store;
  store.readRetainedFrom((topic) => ({
    qos: 1,
    payload: Buffer.from(`of ${topic}`),
    ...PLAIN,
  }));
  const [a, b] = [new FakeOwner(3), new FakeOwner(5)];
  a.online = false;
  const shared = message('shared');
  await onDisk((pendingAck) => {
    journal.add(['openSession', 3, 'client a', 1000, 4_294_967_295], pendingAck);
    journal.add(['openSession', 5, 'client b', 2000, 60]);
    journal.add(['sessionOwner', 'hmi', 3]);
    journal.add(['setState', 'counter', 'total', '12']);
    journal.add(['subscribe', 3, 'x/#', 2, 8, 70]);
    journal.add(['subscribe', 3, 'y', 0, 0, 0]);
    journal.add(['incoming', 5, 40_000, -7]);
    journal.add(['putWill', 'client a', 'will/a', 1, 1, Buffer.from('gone')]);
    journal.retain('r/1', pendingAck);
    for (const entry of [a.entry(message('first')), a.entry(shared), b.entry(shared)]) {
      journal.enqueue(entry, false);
    }
  });
  journal.retain('r/deferred', undefined);
  a.sent = 1;
  journal.markSent(a);
  await store.stop();

  const again = await startStore(folder);
  expect(again.store.recovered).toEqual({
    lastBoot: store.bootNumber.value,
    bootIsProvisional: true,
    stoppedCleanly: true,
    sessions: [
      {
        key: 3,
        clientId: 'client a',
        seen: 1000,
        sent: 1,
        owner: 'hmi',
        expiry: 4_294_967_295,
        subscriptions: [
          { session: 3, filter: 'x/#', qos: 2, options: 8, identifier: 70 },
          { session: 3, filter: 'y', qos: 0, options: 0, identifier: 0 },
        ],
        incoming: [],
        queue: {
          first: 1,
          last: 2,
          count: 2,
          bytes: 8 + 9,
          oldestAt: expect.any(Number),
        },
      },
      {
        key: 5,
        clientId: 'client b',
        seen: 2000,
        sent: 0,
        owner: '',
        expiry: 60,
        subscriptions: [],
        incoming: [{ packetId: 40_000, digest: -7 }],
        queue: { first: 1, last: 1, count: 1, bytes: 9, oldestAt: expect.any(Number) },
      },
    ],
    states: [CLOCK_MARK, { owner: 'counter', key: 'total', value: '12' }],
    wills: [
      { clientId: 'client a', topic: 'will/a', qos: 1, retain: true, payload: Buffer.from('gone') },
    ],
    delayedWills: [],
    nextSessionKey: 6,
    nextMessageId: 2,
  });
  expect(
    retainedOf(again.store).map(({ topic, qos, payload }) => [topic, qos, `${payload}`]),
  ).toEqual([
    ['r/1', 1, 'of r/1'],
    ['r/deferred', 1, 'of r/deferred'],
  ]);
  const loaded = await again.store.load(3, 1, 10);
  expect(loaded.map(({ body }) => Buffer.from(body).toString('latin1'))).toEqual([
    '\0\x01tfirst',
    '\0\x01tshared',
  ]);
  expect((await again.store.status()).bytesWritten).toBeGreaterThanOrEqual(0);
  await again.store.stop();
});

test('the status counts what was written, and what a message costs', async () => {
  const { store } = await startStore(tempFolder());
  await store.journal.flush();
  expect(await store.status()).toMatchObject({
    ...{ messages: 0, bytesPerMessage: null, lostMessages: 0, trouble: null },
    freeBytes: expect.any(Number),
  });
  const owner = new FakeOwner(1);
  owner.online = false;
  store.journal.add(['openSession', 1, 'c', 0, 0]);
  await onDisk((pendingAck) => {
    for (let n = 0; n < 10; n++) {
      const one = message('m');
      one.pendingAck = pendingAck;
      store.journal.enqueue(owner.entry(one), false);
    }
  });
  const status = await store.status();
  expect([status.messages, status.commits > 0]).toEqual([10, true]);
  expect(status.bytesPerMessage).toBe(Math.round(status.bytesWritten / 10));
  // In milliseconds, to the tenth.
  const { lastMs } = store.journal.counts;
  expect(Math.abs(status.lastCommitMs - lastMs)).toBeLessThanOrEqual(0.05 + 1e-9);
  await store.stop();
});

test('after the last number sessions take the numbers that are free', async () => {
  const folder = tempFolder();
  const { store } = await startStore(folder);
  for (const key of [1, 3, LAST_SESSION]) {
    store.journal.add(['openSession', key, `client ${key}`, 0, 4_294_967_295]);
  }
  await store.stop();
  const again = await startStore(folder);
  const keys = Array.from({ length: 3 }, () => again.store.takeSessionKey());
  expect(keys).toEqual([2, 4, 5]);
  await again.store.stop();
});

test('a second store on the folder is refused, and the first is not disturbed', async () => {
  const folder = tempFolder();
  const { store } = await startStore(folder);
  await expect(startStore(folder)).rejects.toThrow('is in use by another cellgate');
  await onDisk((pendingAck) => store.journal.add(['setMeta', 'x', 1], pendingAck));
  await store.stop();
});

test('a start that fails releases the folder', async () => {
  const folder = tempFolder();
  const db = openConnection(databaseFile(folder));
  db.pragma('user_version = 99');
  db.close();
  for (let i = 0; i < 2; i++) {
    await expect(startStore(folder)).rejects.toThrow('was written by a newer cellgate');
  }
});

test('trouble of the disk is reported in words, and its end', async () => {
  const folder = tempFolder();
  const { store, lines, fatal } = await startStore(folder);
  // Another connection that holds the write lock looks like a disk in trouble.
  const other = openConnection(databaseFile(folder));
  other.exec('BEGIN IMMEDIATE');
  let acknowledged = false;
  const written = onDisk((pendingAck) => store.journal.add(['setMeta', 'x', 1], pendingAck)).then(
    () => {
      acknowledged = true;
    },
  );
  await expect
    .poll(() => store.troubles()[0], { timeout: 15_000 })
    .toBe(
      `${folder} does not take writes (SQLITE_BUSY); QoS 1 and 2 messages are not acknowledged until it does`,
    );
  expect(acknowledged).toBe(false);
  other.exec('COMMIT');
  other.close();
  await written;
  expect(store.troubles()).toEqual([]);
  expect(lines.at(-1)).toBe('the disk takes commits again');
  expect(fatal).toEqual([]);
  await store.stop();
});

test('a fault of the writer is fatal', async () => {
  const folder = tempFolder();
  const { store, fatal } = await startStore(folder);
  const other = openConnection(databaseFile(folder));
  other.exec('DROP TABLE meta');
  other.close();
  store.journal.add(['setMeta', 'x', 1]);
  await expect.poll(() => fatal.length).toBe(1);
  expect(fatal[0]!.message).toContain('meta');
  await store.stop().catch(() => undefined);
});

test('a stop waits for a limited time, and reports that the last commit is missing', async () => {
  const folder = tempFolder();
  const { store } = await startStore(folder);
  const other = openConnection(databaseFile(folder));
  other.exec('BEGIN IMMEDIATE');
  store.journal.add(['setMeta', 'x', 1]);
  const began = performance.now();
  await expect(store.stop()).rejects.toThrow('the disk did not take the last commit');
  expect(performance.now() - began).toBeLessThan(9000);
  other.close();
  await (await startStore(folder)).store.stop();
});

test('a folder that is a file is a sentence', async () => {
  const folder = `${tempFolder()}/file`;
  writeFileSync(folder, '');
  chmodSync(folder, 0o600);
  const { log } = createQuietLog();
  const store = new Store({
    faults: createFaults(),
    folder,
    deferredMs: 50,
    log,
    onFatal: () => undefined,
  });
  await expect(store.start()).rejects.toThrow(`can't write to the data folder ${folder} (EEXIST)`);
});

test('a crash after a clean stop and a start is no clean stop', async () => {
  const folder = tempFolder();
  await (await startStore(folder)).store.stop();
  const { store } = await startStore(folder);
  expect(store.recovered.stoppedCleanly).toBe(true);
  // The files as a crash leaves them.
  const crashed = tempFolder();
  cpSync(folder, crashed, { recursive: true, filter: (file) => !file.endsWith('lock') });
  const after = await startStore(crashed);
  expect(after.store.recovered.stoppedCleanly).toBe(false);
  await after.store.stop();
  await store.stop();
});

test('after the checkpoint before a power failure the log is empty, and the database file alone has everything', async () => {
  const folder = tempFolder();
  const { store } = await startStore(folder);
  retainedOf(store);
  const file = databaseFile(folder);
  const owner = new FakeOwner(1);
  store.readRetainedFrom(() => ({ qos: 0, payload: Buffer.from('value'), ...PLAIN }));
  await onDisk((pendingAck) => {
    store.journal.add(['openSession', 1, 'client', 0, NEVER], pendingAck);
    for (let n = 0; n < 100; n++) store.journal.enqueue(owner.entry(message(`${n}`)), false);
  });
  store.journal.retain('deferred', undefined);
  await store.flushAndCheckpoint();
  expect(statSync(`${file}-wal`).size).toBe(0);
  const alone = tempFolder();
  cpSync(file, databaseFile(alone));
  const copy = await startStore(alone);
  expect(copy.store.recovered.sessions[0]?.queue.count).toBe(100);
  expect(copy.store.retained.count).toBe(1);
  expect(retainedOf(copy.store).map(({ topic }) => topic)).toEqual(['deferred']);
  await copy.store.stop();
  await store.stop();
});

test('what a damaged database has cost is a trouble until it is acknowledged, also over restarts', async () => {
  const folder = tempFolder();
  const { store: first } = await startStore(folder);
  for (let n = 0; n < 200; n++) first.journal.retain(`topic/${n}`, undefined);
  first.readRetainedFrom(() => ({ qos: 0, payload: Buffer.alloc(200), ...PLAIN }));
  await first.stop();
  const file = databaseFile(folder);
  const db = openConnection(file);
  const page = db
    .prepare(`SELECT max(pageno) FROM dbstat WHERE name = 'retained' AND pagetype = 'leaf'`)
    .pluck()
    .get() as number;
  db.close();
  const damage = (): void => {
    const handle = openSync(file, 'r+');
    writeSync(handle, Buffer.alloc(4096, 0xff), 0, 4096, (page - 1) * 4096);
    closeSync(handle);
  };
  damage();
  for (let start = 0; start < 2; start++) {
    const { store } = await startStore(folder);
    const { lostMessages } = await store.status();
    expect(store.retained.count).toBe(200 - lostMessages);
    expect(lostMessages).toBeGreaterThan(0);
    expect(store.troubles()).toEqual([
      expect.stringMatching(
        new RegExp(
          `^the database was found damaged at .* UTC: at least ${lostMessages} messages are lost, and what was in 1 unreadable places; the damaged file is cellgate\\.db\\.damaged-.*; "cellgate acknowledge" ends this trouble$`,
        ),
      ),
    ]);
    await store.stop();
  }
  const { store } = await startStore(folder);
  expect(await store.acknowledgeLoss()).toMatch(/^the database was found damaged/);
  expect(store.troubles()).toEqual([]);
  expect(await store.acknowledgeLoss()).toBeUndefined();
  await store.stop();
  const again = await startStore(folder);
  expect(again.store.troubles()).toEqual([]);
  expect((await again.store.status()).lostMessages).toBe(0);
  await again.store.stop();
});

test('if retained messages become unreadable after the start, the gateway ends, and the next start recovers the rest', async () => {
  const folder = tempFolder();
  const { store: first } = await startStore(folder);
  // More than the cache of a connection: else they are not read again from the disk.
  const count = 12_000;
  for (let n = 0; n < count; n++) first.journal.retain(`topic/${n}`, undefined);
  first.readRetainedFrom(() => ({ qos: 0, payload: Buffer.alloc(500), ...PLAIN }));
  await first.stop();
  const file = databaseFile(folder);
  const db = openConnection(file);
  const select = `SELECT min(pageno) + 20 FROM dbstat WHERE name = 'retained' AND pagetype = 'leaf'`;
  const page = db.prepare(select).pluck().get() as number;
  db.close();
  const { store, fatal } = await startStore(folder);
  expect(store.retained.count).toBe(count);
  const handle = openSync(file, 'r+');
  writeSync(handle, Buffer.alloc(4096, 0xff), 0, 4096, (page - 1) * 4096);
  closeSync(handle);
  expect(retainedOf(store).length).toBeLessThan(count);
  expect(fatal.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /: its retained messages can't be read: .*; the gateway ends, its next start recovers what can be read$/,
    ),
  ]);
  expect(store.retained.find('topic/1')).toBeUndefined();
  await store.stop();
  const { store: next } = await startStore(folder);
  expect(next.troubles()).toEqual([expect.stringContaining('the database was found damaged at ')]);
  const recovered = retainedOf(next).length;
  expect(recovered).toBeGreaterThan(count - 50);
  expect(recovered).toBe(count - (await next.status()).lostMessages);
  await next.stop();
});
