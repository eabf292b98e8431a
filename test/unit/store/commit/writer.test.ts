import { readdirSync, readlinkSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { type Batch, type Operation, packBatch } from '../../../../src/store/commit/batch.ts';
import { startWriter, WriteError } from '../../../../src/store/commit/writer.ts';
import { databaseFile } from '../../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../../src/store/database/database.ts';
import { FakeOwner, message } from '../../../support/entries.ts';
import { openWriter } from '../../../support/store.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { waitFor } from '../../../support/wait-for.ts';

function open() {
  const opened = openWriter(tempFolder());
  onTestFinished(() => opened.close());
  return opened;
}

/** Another connection, which reads what is stored now until it is closed. */
function startReading(file: string) {
  const reader = openConnection(file);
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM segment').get();
  return reader;
}

/** A commit fails, and it is not known whether it is on disk. */
async function failOnce({ writer, exec }: Pick<ReturnType<typeof open>, 'writer' | 'exec'>) {
  exec('ALTER TABLE meta RENAME TO lost');
  await expect(writer.write(pack([['setMeta', 'k', 1]]))).rejects.toThrow('meta');
  exec('ALTER TABLE lost RENAME TO meta');
}

let nextId = 1;
const pack = (
  operations: Operation[],
  entries: Parameters<typeof packBatch>[1] = [],
  deletes: readonly number[] = [],
): Batch => packBatch(operations, entries, deletes, () => nextId++);

test('every operation is a statement', async () => {
  const { writer, rows } = open();
  const payload = Uint8Array.from([1, 2]);
  await writer.write(
    pack([
      ['openSession', 1, 'client', 1000, 4_294_967_295],
      ['sessionSeen', 2000, 1],
      ['sessionExpiry', 60, 1],
      ['sessionOwner', 'hmi', 1],
      ['sessionSent', 9, 1],
      ['subscribe', 1, 'a/#', 1, 0, 0],
      ['subscribe', 1, 'a/#', 2, 4, 300],
      ['subscribe', 1, 'b', 0, 0, 0],
      ['unsubscribe', 1, 'b'],
      ['incoming', 1, 5, 70],
      ['incoming', 1, 5, 71],
      ['incoming', 1, 6, 72],
      ['incomingDone', 1, 6],
      ['retain', 't', 1, payload, 'client', Uint8Array.from([2, 1, 1]), 5000],
      ['retain', 'u', 0, payload, '', new Uint8Array(0), 0],
      ['unretain', 'u'],
      ['putWill', 'client', 'w', 2, 1, payload],
      ['putWill', 'other', 'w', 0, 0, payload],
      ['deleteWill', 'other'],
      ['putDelayedWill', 'late', 'w', 1, 0, payload, Uint8Array.from([2, 1, 1]), 9, 30, 0],
      ['putDelayedWill', 'gone', 'w', 1, 0, payload, payload, 9, 30, 0],
      ['delayedWillDue', 7000, 'late'],
      ['deleteDelayedWill', 'gone'],
      ['setMeta', 'x', 4],
    ]),
  );
  expect(rows('SELECT * FROM session')).toEqual([[1, 'client', 2000, 9, 'hmi', 60]]);
  expect(rows('SELECT * FROM subscription')).toEqual([[1, 'a/#', 2, 4, 300]]);
  expect(rows('SELECT * FROM incoming')).toEqual([[1, 5, 71]]);
  expect(rows('SELECT * FROM retained')).toEqual([
    ['t', 1, Buffer.from(payload), 'client', Buffer.from([2, 1, 1]), 5000],
  ]);
  expect(rows('SELECT * FROM will')).toEqual([['client', 'w', 2, 1, Buffer.from(payload)]]);
  expect(rows('SELECT * FROM delayed_will')).toEqual([
    ['late', 'w', 1, 0, Buffer.from(payload), Buffer.from([2, 1, 1]), 9, 30, 7000],
  ]);
  expect(rows('SELECT * FROM meta')).toEqual([['x', 4]]);
});

test('a queue is written, read back in order and deleted by runs', async () => {
  const { writer, rows } = open();
  const [a, b] = [new FakeOwner(1), new FakeOwner(2)];
  const shared = message('shared');
  const entries = [
    a.entry(message('one')),
    a.entry(shared),
    b.entry(shared),
    a.entry(message('three'), 2),
  ];
  await writer.write(pack([], entries));
  const loaded = await writer.load(1, 1, 10);
  expect(
    loaded.map(({ seq, flags, at, body }) => [
      seq,
      flags,
      at,
      Buffer.from(body).toString('latin1'),
    ]),
  ).toEqual([
    [1, 1, 1000, '\0\x01tone'],
    [2, 1, 1000, '\0\x01tshared'],
    [3, 2, 1000, '\0\x01tthree'],
  ]);
  // Those that were committed together come together.
  expect((await writer.load(1, 2, 1)).map(({ seq }) => seq)).toEqual([2, 3]);
  expect(rows('SELECT refs FROM message')).toEqual([[2]]);
  await writer.write(pack([['released', 1, 3]], [], [1, 1, 2]));
  expect((await writer.load(1, 0, 10)).map(({ seq, flags }) => [seq, flags])).toEqual([[3, 18]]);
  expect(rows('SELECT refs FROM message')).toEqual([[1]]);
  await writer.write(pack([], [], [2, 1, 1]));
  expect(rows('SELECT * FROM message')).toEqual([]);
});

test('a session that ends takes its rows along, and its hold on shared bodies', async () => {
  const { writer, rows } = open();
  const [a, b] = [new FakeOwner(1), new FakeOwner(2)];
  const shared = message('shared');
  const onlyA = message('twice');
  await writer.write(
    pack(
      [
        ['openSession', 1, 'a', 0, 4_294_967_295],
        ['openSession', 2, 'b', 0, 4_294_967_295],
        ['subscribe', 1, 'f', 1, 0, 0],
        ['incoming', 1, 3, 70],
      ],
      [a.entry(shared), b.entry(shared), a.entry(onlyA)],
    ),
  );
  await writer.write(pack([['endSession', 1]]));
  expect(rows('SELECT session, first, count FROM segment')).toEqual([[2, 1, 1]]);
  expect(rows('SELECT refs FROM message')).toEqual([[1]]);
  expect(rows('SELECT key FROM session')).toEqual([[2]]);
  expect(rows('SELECT * FROM subscription')).toEqual([]);
  expect(rows('SELECT * FROM incoming')).toEqual([]);
  await writer.write(pack([['endSession', 2]]));
  expect(rows('SELECT * FROM message')).toEqual([]);
});

test('one load stays small beside large messages, and never empty', async () => {
  const { writer } = open();
  const owner = new FakeOwner(1);
  const entries = Array.from({ length: 5 }, () => owner.entry(message('x'.repeat(700_000))));
  await writer.write(pack([], entries));
  const first = await writer.load(1, 1, 100);
  expect(first.map(({ seq }) => seq)).toEqual([1, 2]);
  expect((await writer.load(1, 5, 100)).map(({ seq }) => seq)).toEqual([5]);
});

test.each([10, 1_200_000])(
  'a load from beyond a row that has %i bytes gives what comes after, however little is asked for',
  async (size) => {
    const { writer } = open();
    const owner = new FakeOwner(1);
    for (let row = 0; row < 2; row++) {
      await writer.write(
        pack([], [owner.entry(message('a')), owner.entry(message('x'.repeat(size)))]),
      );
    }
    // Numbers that a queue has dropped: the first row is over, the second begins later.
    await writer.write(pack([], [], [1, 3, 3]));
    expect((await writer.load(1, 3, 1)).map(({ seq }) => seq)).toEqual([4]);
    expect((await writer.load(1, 2, 1)).map(({ seq }) => seq)).toContain(2);
    await writer.write(pack([], [], [1, 2, 2]));
    expect((await writer.load(1, 2, 1)).map(({ seq }) => seq)).toEqual([4]);
    expect(await writer.load(1, 5, 1)).toEqual([]);
  },
);

test('a row that is damaged ends no load: what comes after it is given', async () => {
  const { writer, exec } = open();
  const owner = new FakeOwner(1);
  for (let row = 0; row < 2; row++) {
    await writer.write(pack([], [owner.entry(message('a')), owner.entry(message('b'))]));
  }
  // A form that says deflated, of bytes that are not.
  exec("UPDATE segment SET form = 2, body = X'FFFF' WHERE first = 1");
  expect((await writer.load(1, 1, 1)).map(({ seq }) => seq)).toEqual([3, 4]);
});

test('a batch that fails leaves nothing behind, comes back whole and can be written later', async () => {
  const { writer, rows, exec } = open();
  const owner = new FakeOwner(1);
  exec(`CREATE TRIGGER full BEFORE INSERT ON segment BEGIN SELECT RAISE(ABORT, 'no'); END`);
  const batch = pack(
    [
      ['deleteWill', 'x'],
      ['setMeta', 'k', 1],
    ],
    [owner.entry(message('m'))],
  );
  const error = await writer.write(batch).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WriteError);
  const failed = error as WriteError;
  expect([failed.code, failed.isTransient]).toEqual(['SQLITE_CONSTRAINT_TRIGGER', false]);
  expect(rows('SELECT * FROM meta')).toEqual([]);
  exec('DROP TRIGGER full');
  await writer.write(failed.batch!);
  expect(rows('SELECT first FROM segment')).toEqual([[1]]);
  expect(rows('SELECT key FROM meta')).toEqual([['k']]);
});

test('the parts of a commit are on disk together or not at all, and wait for a try that succeeds', async () => {
  const { writer, rows, exec } = open();
  const owner = new FakeOwner(1);
  exec(`CREATE TRIGGER full BEFORE INSERT ON segment BEGIN SELECT RAISE(ABORT, 'no'); END`);
  writer.prepare(pack([['setMeta', 'first', 1]]));
  writer.prepare(pack([['setMeta', 'second', 2]]));
  const error = await writer
    .write(pack([], [owner.entry(message('m'))]))
    .catch((thrown: unknown) => thrown);
  expect(rows('SELECT * FROM meta')).toEqual([]);
  await writer.writeAlone(pack([['setMeta', 'alone', 3]]));
  expect(rows('SELECT key FROM meta')).toEqual([['alone']]);
  exec('DROP TRIGGER full');
  await writer.write((error as WriteError).batch!);
  expect(rows('SELECT key FROM meta')).toEqual([['alone'], ['first'], ['second']]);
  expect(rows('SELECT first FROM segment')).toEqual([[1]]);
  await writer.write(pack([['setMeta', 'first', 9]]));
  expect(rows(`SELECT value FROM meta WHERE key = 'second'`)).toEqual([[2]]);
});

test('a batch whose failed try was on disk after all is not counted twice', async () => {
  const { writer, rows, exec } = open();
  const [a, b] = [new FakeOwner(1), new FakeOwner(2)];
  const shared = message('shared');
  const make = () => {
    const entries = [a.entry(shared), b.entry(shared), a.entry(message('own'))];
    return pack([['openSession', 1, 'a', 0, 4_294_967_295]], entries);
  };
  const batch = make();
  const copy = structuredClone(batch);
  // The commit is found in the write-ahead log by the connection that is opened after its error.
  await writer.write(batch);
  await failOnce({ writer, exec });
  await writer.write(copy);
  expect(rows('SELECT session, first, count FROM segment')).toEqual([
    [1, 1, 2],
    [2, 1, 1],
  ]);
  expect(rows('SELECT refs FROM message')).toEqual([[2]]);
  await writer.write(pack([], [], [1, 1, 2, 2, 1, 1]));
  expect(rows('SELECT * FROM message')).toEqual([]);
});

test('a batch whose failed try may be on disk is not written while that can not be known', async () => {
  const { writer, rows, exec, file } = open();
  const make = () => pack([], [new FakeOwner(1).entry(message('own'))]);
  const [batch, copy] = [make(), make()];
  const reader = startReading(file);
  await writer.write(batch);
  await failOnce({ writer, exec });
  await expect(writer.write(structuredClone(copy))).rejects.toMatchObject({ code: 'SQLITE_BUSY' });
  reader.close();
  await writer.write(copy);
  expect(rows('SELECT session, first, count FROM segment')).toEqual([[1, 1, 1]]);
});

test('after a failed try, what is not on disk is written although another connection reads', async () => {
  const { writer, rows, exec, file } = open();
  const reader = startReading(file);
  await failOnce({ writer, exec });
  await writer.write(pack([], [new FakeOwner(1).entry(message('own'))]));
  reader.close();
  expect(rows('SELECT session, first, count FROM segment')).toEqual([[1, 1, 1]]);
});

test('a change that breaks a rule does not make the next ones wait for who reads', async () => {
  const { writer, rows, exec, file } = open();
  const reader = startReading(file);
  exec(`CREATE TRIGGER sick BEFORE INSERT ON meta BEGIN SELECT RAISE(ABORT, 'no'); END`);
  await expect(writer.write(pack([['setMeta', 'k', 1]]))).rejects.toThrow('no');
  await writer.write(pack([['openSession', 1, 'a', 0, 4_294_967_295]]));
  reader.close();
  expect(rows('SELECT client_id FROM session')).toEqual([['a']]);
});

test('requests are answered in order, loads see what was written before', async () => {
  const { writer } = open();
  const owner = new FakeOwner(1);
  const counts: Promise<number>[] = [];
  for (let i = 0; i < 20; i++) {
    void writer.write(pack([], [owner.entry(message(`m${i}`))]));
    counts.push(writer.load(1, 1, 100).then((entries) => entries.length));
  }
  expect(await Promise.all(counts)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});

test('a database that cannot be used is an error, and no file is left open', async () => {
  const folder = tempFolder();
  const file = databaseFile(folder);
  // A table of ours that is not ours.
  const db = openConnection(file);
  db.exec('CREATE TABLE queue (something TEXT)');
  db.close();
  const writer = startWriter(file);
  onTestFinished(() => void writer.close());
  for (let i = 0; i < 5; i++) {
    await expect(writer.load(1, 1, 1)).rejects.toThrow('table queue already exists');
  }
  const open = readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false;
    }
  });
  expect(open).toEqual([]);
});

test('what is asked of a closed writer is refused', async () => {
  const { writer } = openWriter(tempFolder());
  expect(await writer.bytesWritten()).toBeGreaterThanOrEqual(0);
  await writer.close();
  await waitFor(() => expect(writer.load(1, 1, 1)).rejects.toThrow('the writer thread has ended'));
});

test.each([
  ['SQLITE_FULL', true],
  ['SQLITE_IOERR_FSYNC', true],
  ['SQLITE_READONLY_DBMOVED', true],
  ['SQLITE_BUSY', true],
  ['SQLITE_CONSTRAINT_PRIMARYKEY', false],
  ['SQLITE_ERROR', false],
  ['ERROR', false],
])('%s: the disk may mend it: %s', (code, ofDisk) => {
  expect(new WriteError(code, '', undefined).isTransient).toBe(ofDisk);
});

test('of a large commit the first 2 MiB are deflated', async () => {
  const { writer, rows } = open();
  const owner = new FakeOwner(1);
  const large = message('12345678'.repeat(1024));
  const entries = Array.from({ length: 400 }, (_, n) => owner.entry(message(`${n}${large.body}`)));
  await writer.write(pack([], entries));
  const [deflated, whole] = [rows(FORMS('form = 2')), rows(FORMS('form = 0'))].flat(2) as number[];
  expect(deflated).toBeGreaterThan(1.9 * 2 ** 20);
  expect(deflated).toBeLessThan(2.6 * 2 ** 20);
  expect(whole).toBeGreaterThan(0.5 * 2 ** 20);
});

/** The sizes of the entries of segments. */
const FORMS = (condition: string): string => `SELECT sum(bytes) FROM segment WHERE ${condition}`;
