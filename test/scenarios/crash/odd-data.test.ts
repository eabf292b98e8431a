import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { createLogTail } from '../../../src/base/log.ts';
import { loadWithChanges } from '../../../src/config/load-changes.ts';
import { drivers } from '../../../src/driver-table.ts';
import { startGateway } from '../../../src/main.ts';
import { fillDatabase } from '../../support/filled-database.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { freePort } from '../../support/server-process.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** `npm run test:odd-data -- --runs N --seed S` tries more, or again what has failed. */
const RUNS = Number(process.env.ODD_DATA_RUNS ?? 2);
const SEED = Number(process.env.ODD_DATA_SEED ?? 20_261_129);

/** A gateway with everything that reads what is stored, in this process, on a folder. */
async function start(folder: string): Promise<{ lines: readonly string[]; stop(): Promise<void> }> {
  const port = await freePort();
  const file = join(folder, 'config.yaml');
  writeFileSync(
    file,
    `cell: cell
data: ${join(folder, 'data')}
broker: { listeners: [{ host: 127.0.0.1, port: ${port} }] }
sensors:
  - { name: sensor/0, driver: simulated, signal: cycles, every: 1s, history: day, filters: { count: [ integrate: 1h ] } }
  - { name: sensor/1, driver: simulated, signal: door, every: 1s }
uplinks:
  - { name: plant, url: mqtt://127.0.0.1:9, routes: [{ out: 'r/#', to: p/ }, { out: 'own/#', to: p/, queue: { messages: 5 } }] }
http: { port: ${await freePort()} }
`,
  );
  const load = () => loadWithChanges(file, drivers, folder);
  const { config, problems, text = '' } = await load();
  if (!config) throw new Error(JSON.stringify(problems));
  const { log, lines } = createQuietLog();
  const gateway = await startGateway(config, log, createLogTail(), { file, text, load });
  return { lines, stop: () => gateway.stop() };
}

const ODD: readonly ((random: Random) => unknown)[] = [
  () => null,
  () => '',
  () => 'text',
  () => '\0',
  () => 'a\0b',
  () => '#',
  () => '$share/x',
  () => '$share//#',
  () => '\0uplink/plant/31/route own/#',
  () => '\0uplink/plant/0/normal',
  () => '\0left/x',
  () => '\0',
  () => 'x'.repeat(70_000),
  () => -1,
  () => 0,
  () => 1.5,
  () => 255,
  () => 65_536,
  () => 2 ** 31,
  () => 2 ** 40,
  () => 2n ** 53n,
  () => 2n ** 63n - 1n,
  () => -(2n ** 63n),
  () => 1e308,
  () => Buffer.alloc(0),
  () => Buffer.from([0, 200, 1]),
  ({ between }) => Buffer.from(Array.from({ length: 40 }, () => between(0, 255))),
  () => '{"',
  () => '[]',
  () => '[[1],2,"3"]',
  () => '{"now":1e300,"wall":1e300}',
  () => '{"at":1e300,"messages":1,"places":1,"rows":1,"aside":"x"}',
  () => '{"number":-3,"times":[1],"cells":{"cell/sensor/0":[1,2,3]}}',
];

/** What parts of the gateway have stored, so that they find odd values there. */
const STATES = [
  ['$ages', 'mark'],
  ['$store', 'loss'],
  ['$store', 'unfit'],
  ['$topics', 'all'],
  ['$day', '0'],
  ['$clock', 'steps'],
  ['sensor/0', 'integrate'],
  ['$uplink/plant', 'inFlightAt'],
  ['$uplink/plant', 'subscribed'],
  ['$uplink/plant', 'slot 2'],
] as const;

/** Puts values of any kind into any place, in a few rows or in all. */
function spoil(file: string, random: Random): string[] {
  const db = new Database(file);
  const done: string[] = [];
  db.pragma('ignore_check_constraints = 1');
  for (const [owner, key] of STATES) {
    const value = random.pick(ODD)(random);
    try {
      db.prepare('INSERT OR REPLACE INTO state VALUES (?, ?, ?)').run(owner, key, value);
    } catch {
      // The column takes no such value.
    }
  }
  const tables = db
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`)
    .pluck()
    .all() as string[];
  for (let n = random.between(1, 30); n > 0; n--) {
    const table = random.pick(tables);
    const columns = db.prepare(`SELECT name FROM pragma_table_info('${table}')`).pluck().all();
    const column = random.pick(columns as string[]);
    const value = random.pick(ODD)(random);
    const where = random.pick(['1', 'random() % 10 = 0', 'random() % 100 = 0']);
    try {
      db.prepare(`UPDATE OR IGNORE ${table} SET ${column} = ? WHERE ${where}`).run(value);
      done.push(
        `${table}.${column} = ${typeof value === 'bigint' ? value : JSON.stringify(value)}`,
      );
    } catch {
      // The column takes no such value.
    }
  }
  db.close();
  return done.map((each) => each.slice(0, 100));
}

describe('a database with values of any kind in any place', () => {
  test.each(Array.from({ length: RUNS }, (_, n) => SEED + n))(
    'does not prevent a start, nor the one after it (seed %i)',
    async (seed) => {
      const random = createRandom(seed);
      const folder = tempFolder();
      const data = join(folder, 'data');
      mkdirSync(data);
      const file = fillDatabase(data, random);
      const done = spoil(file, random);
      for (let run = 0; run < 2; run++) {
        const gateway = await start(folder).catch((error: unknown) => {
          throw new Error(`seed ${seed}, start ${run}: ${done.join('\n')}`, { cause: error });
        });
        await gateway.stop();
      }
      expect(readdirSync(data)).toContain('cellgate.db');
    },
    60_000,
  );
});

/** What another program, or a hand, may have left under the names that the gateway uses. */
const LEFT = [
  ['lock', 'cellgate.db-wal', 'cellgate.db-shm', 'cellgate.db.suspect', 'control.sock'],
  ['cellgate.db', 'cellgate.db.recovering'],
  ['cellgate.db.recovered'],
];

describe.each(['a folder', 'a file with other bytes', 'an empty file'])('%s', (what) => {
  test('with a name that the gateway uses does not prevent a start', async () => {
    for (const names of LEFT) {
      const folder = tempFolder();
      const data = join(folder, 'data');
      mkdirSync(data);
      if (!names.includes('cellgate.db')) fillDatabase(data, createRandom(1));
      for (const name of names) {
        const path = join(data, name);
        rmSync(path, { force: true });
        if (what === 'a folder') mkdirSync(join(path, 'inner'), { recursive: true });
        else writeFileSync(path, what === 'an empty file' ? '' : Buffer.alloc(9000, 'other'));
      }
      await (await start(folder)).stop();
    }
  }, 60_000);
});
