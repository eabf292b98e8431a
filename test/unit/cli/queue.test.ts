import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { queue } from '../../../src/cli/queue.ts';
import { drivers } from '../../../src/driver-table.ts';
import { databaseFile } from '../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../src/store/database/database.ts';
import { migrate } from '../../../src/store/database/migrations.ts';
import { encodeSegment } from '../../../src/store/database/segment.ts';
import { SegmentTable } from '../../../src/store/database/segment-table.ts';
import { fakeIo } from '../../support/fake-io.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { waitFor } from '../../support/wait-for.ts';

const MESSAGES = 3000;

/** A config, and a database with a queue of `away`. */
function made(messages = MESSAGES): string {
  const folder = tempFolder();
  const db = openConnection(databaseFile(folder));
  migrate(db);
  db.exec(`INSERT INTO session (key, client_id, seen, sent) VALUES (1, 'away', 0, 0)`);
  const table = new SegmentTable(db);
  const body = Buffer.concat([Buffer.from('\0\x01t'), Buffer.alloc(200, 120)]);
  for (let seq = 1; seq <= messages; seq++) {
    const entry = { seq, flags: 1, at: 0, shared: 0, length: body.length, body };
    table.insert(1, seq, encodeSegment([entry], seq), false);
  }
  db.close();
  const config = join(folder, 'config.yaml');
  writeFileSync(config, `cell: c\ndata: ${folder}\n`);
  return config;
}

/** A reader that takes a text when it is asked to. */
function slowReader() {
  const io = fakeIo();
  const waiting: ((error?: Error) => void)[] = [];
  let lines = 0;
  let most = 0;
  const stdout = {
    write(text: string, done: (error?: Error | null) => void = () => undefined) {
      lines += text.split('\n').length - 1;
      waiting.push(done);
      most = Math.max(most, waiting.length);
    },
  };
  return { io: { ...io, stdout }, waiting, lines: () => lines, most: () => most };
}

test('an export writes the next part when the reader has taken the last one', async () => {
  const config = made();
  const { io, waiting, lines, most } = slowReader();
  const done = queue('export', { config, session: 'away' }, io, drivers);
  let parts = 0;
  while (lines() < MESSAGES) {
    await waitFor(() => expect(waiting.length).toBe(1));
    waiting.shift()!();
    parts++;
  }
  waiting.shift()?.();
  expect(await done).toBe(0);
  expect([lines(), most()]).toEqual([MESSAGES, 1]);
  expect(parts).toBeGreaterThan(3);
});

test('an export ends when its reader has closed its end', async () => {
  const config = made();
  const { io, waiting, lines } = slowReader();
  const done = queue('export', { config }, io, drivers);
  await waitFor(() => expect(waiting.length).toBe(1));
  waiting.shift()!(new Error('EPIPE'));
  expect(await done).toBe(0);
  expect(lines()).toBeLessThan(MESSAGES);
});

test('a queue that does not exist is no empty queue', async () => {
  const config = made(2);
  for (const action of ['list', 'export', 'purge'] as const) {
    const io = fakeIo();
    expect(await queue(action, { config, session: 'awya', yes: true }, io, drivers)).toBe(1);
    expect([io.out(), io.err()]).toEqual([
      '',
      'cellgate: there is no queue of awya (see queue list)\n',
    ]);
  }
  const io = fakeIo();
  expect(await queue('list', { config, session: 'away' }, io, drivers)).toBe(0);
  expect(io.out()).toMatch(/^away: 2 messages/);
});
