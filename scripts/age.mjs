/**
 * `npm run age -- [--days 365] [--seed 1]`: a gateway that lives day by day on one data folder, a few seconds for each. Its
 * wall clock goes on by a day each time. The folder comes from an older version. Clients come that never come back, the
 * config changes with a reload or a restart, the plant fails, the disk is full, and the gateway is stopped or killed.
 * Prints what has grown, and ends with 1 where that is more than it may.
 */
import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'better-sqlite3';
import { configOf, liveDay, randomOf } from './age/day.mjs';
import { SmallDisk } from './age/small-disk.mjs';
import { pause, Target } from './scaling/gateway.mjs';
import { argumentsOf, build, ROOT } from './set-up.mjs';

const { values } = argumentsOf({
  options: {
    days: { type: 'string', default: '365' },
    seed: { type: 'string', default: '1' },
    // dist has been built already.
    built: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log(`npm run age -- [--days 365] [--seed 1]

  --days  days that the gateway lives, about ten seconds each on two idle cores
  --seed  of what happens on them

The data folder is on a small disk in memory that is full on some days. Only root may
mount it; another user gets a life without these days.`);
  process.exit(0);
}
const days = Number(values.days);
const DAY_MS = 86_400_000;
/** Sessions, and what waits for them, are kept for seven days: until then all that grows should. */
const YOUNG_DAYS = 8;
/** How long the gateway does nothing before its file is compared with what is in it. */
const IDLE_MS = 20_000;
/** What the file may have more than what is in it: a part of it, and at least so many bytes, which stay free. */
const FILE_SLACK = { part: 0.2, least: 8 * 1024 * 1024 };
/** What old age may have more than youth: a part of it, and so much besides. */
const SLACK = {
  rss: { unit: 'MB', part: 0.1, plus: 5 },
  handles: { unit: '', part: 0.1, plus: 2 },
  file: { unit: 'MB', part: 0.2, plus: 1 },
  wal: { unit: 'MB', part: 0.2, plus: 4 },
  log: { unit: 'KB', part: 0.2, plus: 20 },
  sys: { unit: 'KB', part: 0.1, plus: 2 },
  start: { unit: 'ms', part: 0.1, plus: 300 },
};

if (!values.built) build();
const random = randomOf(Number(values.seed));
const plant = await Target.start('cellgate', { config: { cell: 'plant' } });
const preload = [pathToFileURL(join(import.meta.dirname, 'age/shifted-date.mjs'))];
const gateway = await Target.prepared('cellgate', { preload });
const data = join(gateway.folder, 'data');
const disk = SmallDisk.mount(data);
if (!disk) console.log('the disk is never full: only root may mount one for it');
// Without this, the disk would stay mounted and the gateways would continue.
process.once('SIGINT', () => process.exit(130));
process.once('exit', () => disk?.unmount());
writeOlderData();
const table = [];
let failed = false;
try {
  for (let day = 1; day <= days; day++) table.push(await live(day));
  if (days > YOUNG_DAYS && !(await isCompact())) failed = true;
} catch (error) {
  failed = true;
  console.error(`day ${table.length + 1}: ${error.message}`);
} finally {
  disk?.unmount();
  await gateway.dispose();
  await plant.dispose();
}
process.exit(verdict() && !failed ? 0 : 1);

/** What the gateway needs on this day. */
async function live(day) {
  gateway.env.AGE_SHIFT_MS = String(day * DAY_MS);
  gateway.configure(configOf(plant.url, random));
  const log = join(gateway.folder, 'log');
  gateway.output = openSync(log, 'w');
  await gateway.run();
  closeSync(gateway.output);
  const whatHappened = await liveDay({ gateway, day, random, stopPlant, reload, disk });
  const { out } = await gateway.verb('status', '--json');
  const { pid } = gateway.child;
  const size = (name) => sizeOf(join(data, name)) / 1e6;
  const figures = {
    rss: gateway.cost().rss / 1e6,
    handles: readdirSync(`/proc/${pid}/fd`).length,
    file: size('cellgate.db'),
    wal: size('cellgate.db-wal'),
    log: sizeOf(log) / 1e3,
    sys: out.length / 1e3,
    start: gateway.startMs,
  };
  const isKilled = random() < 0.5;
  await gateway.end(isKilled ? 'SIGKILL' : 'SIGTERM');
  const { exitCode } = gateway.child;
  if (!isKilled && exitCode !== 0) {
    throw new Error(`the stop ended with ${exitCode}: ${readFileSync(log, 'utf8').slice(-500)}`);
  }
  const texts = Object.entries(figures).map(([name, value]) => textOf(name, value));
  const end = isKilled ? 'killed' : 'stopped';
  console.log(`day ${day}  ${texts.join('  ')}  ${[...whatHappened, end].join(', ')}`);
  return figures;
}

/** The folder begins as that of an older version, which one by the seed. */
function writeOlderData() {
  const versions = [3, 4];
  const version = versions[Number(values.seed) % versions.length];
  const db = new Database(join(data, 'cellgate.db'));
  db.exec(readFileSync(join(ROOT, `test/fixtures/database-${version}.sql`), 'utf8'));
  db.close();
  console.log(`the data folder is one of version ${version}`);
}

/** Whether the file takes hardly more than its content, after a time in which the gateway had nothing to do. */
async function isCompact() {
  await gateway.run();
  await pause(IDLE_MS);
  await gateway.end();
  const file = join(data, 'cellgate.db');
  const copy = join(gateway.folder, 'compact.db');
  const db = new Database(file, { readonly: true });
  db.exec(`VACUUM INTO '${copy}'`);
  db.close();
  const [bytes, held] = [sizeOf(file), sizeOf(copy)];
  rmSync(copy);
  const isSmall = bytes <= held + Math.max(held * FILE_SLACK.part, FILE_SLACK.least);
  const words = `file ${(bytes / 1e6).toFixed(1)} MB, in it ${(held / 1e6).toFixed(1)} MB`;
  console.log(`${words}: ${isSmall ? 'compact' : 'TOO LARGE'}`);
  return isSmall;
}

async function stopPlant() {
  await plant.end();
  return () => plant.run();
}

async function reload() {
  gateway.configure(configOf(plant.url, random));
  const { code, errors } = await gateway.verb('reload');
  if (code !== 0) throw new Error(`the reload ended with ${code}: ${errors}`);
  await pause(200);
}

/** Compares the last days with those when the sessions of a week were there. */
function verdict() {
  const young = table.slice(YOUNG_DAYS, YOUNG_DAYS + Math.ceil(days / 10));
  const old = table.slice(-young.length);
  if (table.length < YOUNG_DAYS + 2 * young.length || young.length === 0) {
    console.log('too short for a verdict on growth');
    return table.length === days;
  }
  let isFlat = true;
  for (const [name, { part, plus }] of Object.entries(SLACK)) {
    const [first, last] = [young, old].map((some) => median(some.map((one) => one[name])));
    const grows = last > first * (1 + part) + plus;
    if (grows) isFlat = false;
    const words = `${textOf(name, first)} young, ${textOf(name, last)} old`;
    console.log(`${words}: ${grows ? 'GROWS' : 'flat'}`);
  }
  return isFlat;
}

function textOf(name, value) {
  return `${name} ${value.toFixed(value < 10 ? 1 : 0)} ${SLACK[name].unit}`.trim();
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function sizeOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
