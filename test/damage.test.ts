import {
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createRandom } from './kill/random.ts';
import { readRetained } from './kill/retained-reader.ts';
import { REPOSITORY, startGateway, type TestGateway } from './support/gateway.ts';
import { RawClient } from './support/raw-client.ts';
import { run } from './support/run.ts';

const QUEUED = 300;
const RETAINED = 50;
/** Messages that two sessions share. */
const SHARED = 20;

/** Data folders of a gateway that was stopped cleanly, and of one that was killed with a full log. */
const templates = { stopped: '', killed: '' };
const folder = mkdtempSync(join(tmpdir(), 'cellgate-damage-'));
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  for (const end of ['stopped', 'killed'] as const) {
    const gateway = await startGateway();
    await fill(gateway);
    if (end === 'stopped') await gateway.stop();
    else await gateway.kill();
    templates[end] = join(folder, end);
    cpSync(gateway.dataDir, templates[end], { recursive: true });
    await gateway.dispose();
  }
}, 60_000);

async function fill({ port }: TestGateway): Promise<void> {
  for (const [clientId, filter] of [
    ['absent', 'q/#'],
    ['twin', 'q/shared'],
  ] as const) {
    const client = await RawClient.open('tcp', port);
    await client.connect({ clientId, clean: false });
    await client.subscribe([filter, 1]);
    await client.disconnect();
  }
  const publisher = await RawClient.open('tcp', port);
  await publisher.connect();
  const padding = '.'.repeat(400);
  for (let n = 1; n <= RETAINED; n++) {
    await publisher.publish(`r/${n}`, `${n} ${padding}`, { qos: 1, retain: true });
  }
  for (let n = 1; n <= QUEUED; n++) {
    await publisher.publish('q/own', `${n} ${padding}`, { qos: 1 });
  }
  for (let n = 1; n <= SHARED; n++) {
    await publisher.publish('q/shared', `${QUEUED + n} ${padding}`, { qos: 1 });
  }
  await publisher.disconnect();
}

interface Damage {
  readonly template?: keyof typeof templates;
  /** Does it to the folder of the database. */
  do(file: string): void;
  /** Whether the file must be set aside. */
  readonly aside: boolean;
  /** How many of the queued and of the retained messages must be there at least; exactly all for `all`. */
  readonly queued: number | 'all' | 'none';
  readonly retained: number | 'all' | 'none';
  readonly tells?: RegExp;
}

const PAGE = 4096;
const seed = Number(process.env.DAMAGE_SEED ?? Math.floor(Date.now() / 86_400_000));
const random = createRandom(seed);
const garbage = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => random.between(0, 255)));

function overwrite(file: string, at: number, bytes: Buffer): void {
  writeSync(openSync(file, 'r+'), bytes, 0, bytes.length, at);
}

function sql(file: string, text: string): void {
  const db = new Database(file);
  db.exec(text);
  db.close();
}

const NOTHING = /nothing in it could be read: the gateway starts empty/;
const PARTLY = /what could be read is recovered, the rest is lost/;
const WHOLLY = /every row that is in it could be read and is recovered/;

const DAMAGES: Record<string, Damage> = {
  'an empty file': {
    do: (file) => truncateSync(file, 0),
    aside: true,
    queued: 'none',
    retained: 'none',
    tells: NOTHING,
  },
  'a file of zeros': {
    do: (file) => writeFileSync(file, Buffer.alloc(statSync(file).size)),
    aside: true,
    queued: 0,
    retained: 0,
  },
  'a file cut off in the middle': {
    do: (file) => truncateSync(file, Math.floor(statSync(file).size / 2 / PAGE) * PAGE + 100),
    aside: true,
    queued: 50,
    retained: 0,
    tells: PARTLY,
  },
  'a header of garbage': {
    do: (file) => overwrite(file, 0, garbage(100)),
    aside: true,
    queued: 'all',
    retained: 'all',
    tells: WHOLLY,
  },
  'a first page of garbage': {
    do: (file) => overwrite(file, 0, garbage(PAGE)),
    aside: true,
    queued: 'all',
    retained: 'all',
    tells: WHOLLY,
  },
  'a page of garbage in the middle': {
    do: (file) => overwrite(file, Math.floor(statSync(file).size / 2 / PAGE) * PAGE, garbage(PAGE)),
    aside: true,
    queued: 250,
    retained: 30,
    tells: PARTLY,
  },
  'three pages of garbage anywhere': {
    do: (file) => {
      const pages = Math.floor(statSync(file).size / PAGE);
      for (let n = 0; n < 3; n++) {
        overwrite(file, random.between(1, pages - 1) * PAGE, garbage(PAGE));
      }
    },
    aside: true,
    queued: 0,
    retained: 0,
  },
  'a log cut off in the middle': {
    template: 'killed',
    do: (file) => truncateSync(`${file}-wal`, Math.floor(statSync(`${file}-wal`).size / 2)),
    aside: false,
    queued: 0,
    retained: 0,
  },
  'a log of garbage': {
    template: 'killed',
    do: (file) => writeFileSync(`${file}-wal`, garbage(20_000)),
    aside: true,
    queued: 0,
    retained: 0,
    tells: /write-ahead log/,
  },
  'a log whose end is garbage': {
    template: 'killed',
    do: (file) => overwrite(`${file}-wal`, statSync(`${file}-wal`).size - 9000, garbage(9000)),
    aside: false,
    queued: 250,
    retained: 'all',
  },
  'a shared-memory file of garbage': {
    template: 'killed',
    do: (file) => writeFileSync(`${file}-shm`, garbage(32_768)),
    aside: false,
    queued: 'all',
    retained: 'all',
  },
  'a folder in its place': {
    do: (file) => {
      rmSync(file);
      mkdirSync(file);
    },
    aside: true,
    queued: 'none',
    retained: 'none',
    tells: NOTHING,
  },
  'a text in its place': {
    do: (file) => writeFileSync(file, 'Dear colleague,\n'.repeat(2000)),
    aside: true,
    queued: 0,
    retained: 0,
  },
  'version 0 and tables missing': {
    do: (file) => sql(file, 'PRAGMA user_version = 0; DROP TABLE will; DROP TABLE meta'),
    aside: true,
    queued: 'all',
    retained: 'all',
  },
  'a table missing': {
    do: (file) => sql(file, 'DROP TABLE subscription'),
    aside: true,
    queued: 'all',
    retained: 'all',
  },
  'another table under a known name': {
    do: (file) => sql(file, 'DROP TABLE retained; CREATE TABLE retained (what TEXT)'),
    aside: true,
    queued: 'all',
    retained: 'none',
    tells: PARTLY,
  },
  'a queue row without its shared body': {
    do: (file) => sql(file, 'DELETE FROM message WHERE id = (SELECT min(id) FROM message)'),
    aside: false,
    queued: QUEUED + SHARED - 1,
    retained: 'all',
    tells: /without a session or a body were removed/,
  },
  'rows of no session': {
    do: (file) =>
      sql(
        file,
        `INSERT INTO queue SELECT 999, seq, flags, at, size, message, body FROM queue WHERE session = 1;
         INSERT INTO subscription VALUES (999, 'q/#', 1); INSERT INTO incoming VALUES (999, 1)`,
      ),
    aside: false,
    queued: 'all',
    retained: 'all',
    tells: /without a session or a body were removed/,
  },
  'queue rows whose body makes no sense': {
    do: (file) => sql(file, `UPDATE queue SET body = x'ff' WHERE seq BETWEEN 1 AND 100`),
    aside: false,
    queued: QUEUED + SHARED - 100,
    retained: 'all',
  },
};

describe('a start on damaged data', () => {
  test.each(Object.entries(DAMAGES))('%s', { timeout: 40_000 }, async (_, damage) => {
    const data = copyOf(damage.template ?? 'stopped');
    const file = join(data, 'cellgate.db');
    damage.do(file);

    const gateway = await startGateway({ config: { data } });
    onTestFinished(() => gateway.dispose());
    const note = `seed ${seed}\n${gateway.stdout()}`;
    const aside = readdirSync(data).filter((name) => /^cellgate\.db\.damaged-\d+T\d+Z$/.test(name));
    expect(aside.length, note).toBe(damage.aside ? 1 : 0);
    if (damage.aside) expect(gateway.stdout()).toContain(`"aside":"${aside[0]}"`);
    if (damage.tells) expect(gateway.stdout()).toMatch(damage.tells);

    const retained = await readRetained(gateway.port, 'r/#');
    for (const [topic, payload] of retained) expect(payload).toMatch(`${topic.slice(2)} `);
    expectCount(retained.size, damage.retained, RETAINED, note);
    const queued = await drain(gateway);
    expect(queued, 'in order').toEqual([...queued].sort((a, b) => a - b));
    expectCount(queued.length, damage.queued, QUEUED + SHARED, note);
    await expectServing(gateway, note);
    expect(await gateway.stop(), gateway.stdout()).toBe(0);
  });

  test('data of a newer version is refused, and nothing in it is touched', async () => {
    const data = copyOf('stopped');
    const file = join(data, 'cellgate.db');
    sql(file, 'PRAGMA user_version = 99');
    const before = readFileSync(file);
    const refused = await startGateway({ config: { data } }).then(
      async (gateway) => {
        await gateway.dispose();
        return undefined;
      },
      (error: unknown) => error as Error,
    );
    expect(refused?.message).toMatch(/written by a newer cellgate/);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(data).filter((name) => name.includes('damaged'))).toEqual([]);
  });

  test('a file that this user may not read is told in a sentence', async (context) => {
    context.skip(process.getuid?.() !== 0, 'only root can become somebody else');
    const data = copyOf('stopped');
    const config = join(data, 'config.yaml');
    const listeners = '[{ host: 127.0.0.1, port: 0 }]';
    writeFileSync(config, `cell: c\ndata: ${data}\nbroker: { listeners: ${listeners} }\n`);
    const nobody = 65_534;
    chownSync(data, nobody, nobody);
    chownSync(folder, nobody, nobody);
    const cli = join(REPOSITORY, 'dist/src/cli.js');
    const options = { cwd: '/', withinMs: 15_000 };
    const drop = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const nodeRuns = await run(
      'setpriv',
      [...drop, process.execPath, '-e', `require('${cli}')`],
      options,
    );
    context.skip(
      /EACCES|MODULE_NOT_FOUND/.test(nodeRuns.stderr),
      'nobody can not read this folder',
    );
    const { code, stderr } = await run(
      'setpriv',
      [...drop, process.execPath, cli, 'run', '--config', config],
      options,
    );
    expect(stderr).toMatch(/can't read and write .*cellgate\.db \(EACCES\)/);
    expect(code).toBe(1);
  });
});

function copyOf(template: keyof typeof templates): string {
  const data = mkdtempSync(join(folder, 'data-'));
  cpSync(templates[template], data, { recursive: true });
  return data;
}

function expectCount(
  actual: number,
  wanted: number | 'all' | 'none',
  whole: number,
  note: string,
): void {
  if (wanted === 'all') expect(actual, note).toBe(whole);
  else if (wanted === 'none') expect(actual, note).toBe(0);
  else expect(actual, note).toBeGreaterThanOrEqual(wanted);
}

/** The numbers of what waits for the absent client. */
async function drain({ port }: TestGateway): Promise<number[]> {
  const client = await RawClient.open('tcp', port);
  await client.connect({ clientId: 'absent', clean: false });
  await client.subscribe(['q/#', 1]);
  const publisher = await RawClient.open('tcp', port);
  await publisher.connect();
  await publisher.publish('q/end', 'end', { qos: 1 });
  const messages = await client.messagesBefore('end');
  await client.disconnect();
  await publisher.disconnect();
  return messages.map(({ payload }) => Number.parseInt(payload, 10));
}

/** It acknowledges and delivers as any other. */
async function expectServing(gateway: TestGateway, note: string): Promise<void> {
  const subscriber = await RawClient.open('tcp', gateway.port);
  await subscriber.connect({ clientId: 'serving', clean: false });
  await subscriber.subscribe(['serving', 2]);
  await subscriber.publish('serving', 'yes', { qos: 2 });
  expect((await subscriber.take('publish')).payload, note).toBe('yes');
  subscriber.destroy();
}
