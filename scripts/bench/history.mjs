/**
 * `npm run bench:history -- [--days 90] [--values 60]`: a long history of many values, each of which changes every
 * second. Prints how long charts take, the size of the file, what is written in a day, and kills the writer in the midst
 * of it, to see what a crash costs.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { argumentsOf, build, ROOT } from '../set-up.mjs';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const KEEP_MS = 90 * DAY_MS;
const MOST_BYTES = 1024 ** 3;
const BEGIN = Date.UTC(2026, 7, 1);
/** Points that the page of a sensor asks for. */
const POINTS = 600;
const KILLS = 20;
const AIMS = { chartMs: 300, bytesADay: 100_000 * 86_400 };

const { values: options } = argumentsOf({
  options: {
    days: { type: 'string', default: '90' },
    values: { type: 'string', default: '60' },
    /** Only for the writer that is killed. */
    writer: { type: 'string' },
  },
});
const topics = Array.from({ length: Number(options.values) }, (_, n) => `cell/sensor${n}/value`);

if (options.writer === undefined) build();
const { ArchiveFile } = await import(join(ROOT, 'dist/src/history/archive/archive-file.js'));

if (options.writer === undefined) await measure();
else write(options.writer);

/** The points of a minute: values as of a sensor with two decimals, that change slowly and are noisy. */
function minutesAt(start) {
  return topics.map((topic, n) => ({
    topic,
    keepMs: KEEP_MS,
    seconds: Array.from({ length: 60 }, (_, second) => {
      const at = start / 1000 + second;
      const value = 40 + n / 10 + 5 * Math.sin(at / 3000 + n) + noise(at * 64 + n) / 5;
      return [0, Math.round(value * 100) / 100];
    }),
  }));
}

function noise(seed) {
  let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

async function measure() {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-history-'));
  try {
    await fill(join(folder, 'history.db'), Number(options.days));
    await kill(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fill(file, days) {
  const { archive } = ArchiveFile.open(file, BEGIN);
  const [from, before] = [performance.now(), written()];
  for (let at = BEGIN; at < BEGIN + days * DAY_MS; at += MINUTE_MS) {
    archive.append(at, minutesAt(at), MOST_BYTES);
    // The disk of a gateway has a minute for this.
    if (at % DAY_MS === 0) await new Promise(setImmediate);
  }
  const minutes = days * 1440;
  const msEach = (performance.now() - from) / minutes;
  const perDay = (written() - before) / days;
  console.log(`${days} days of ${topics.length} values: ${msEach.toFixed(1)} ms a minute`);
  const [size, bound] = [statSync(file).size, MOST_BYTES];
  verdict('size of the file', `${mib(size)} of ${mib(bound)}`, size <= bound);
  const aYear = ((perDay * 365.25) / 1e12).toFixed(3);
  const text = `${mib(perDay)} a day, ${aYear} TB a year, ${Math.round(perDay / 86_400)} B/s`;
  verdict('written', text, perDay <= AIMS.bytesADay);
  const to = BEGIN + days * DAY_MS;
  for (const [name, spanMs] of [
    ['day', DAY_MS],
    ['week', 7 * DAY_MS],
    ['month', 30 * DAY_MS],
    ['quarter', 90 * DAY_MS],
  ].filter(([, spanMs]) => spanMs <= days * DAY_MS)) {
    const times = [0, 1, 2, 3, 4].map((n) =>
      chart(archive, topics[(n * 11) % topics.length], to - spanMs, to),
    );
    const most = Math.max(...times);
    const all = times.map((ms) => ms.toFixed(0)).join(', ');
    verdict(`chart of a ${name}`, `${all} ms (the first without a cache)`, most <= AIMS.chartMs);
  }
  archive.close();
}

/** Milliseconds for one chart, as the page asks for it. */
function chart(archive, topic, from, to) {
  const began = performance.now();
  const range = { topic, from, to, most: POINTS };
  const { points } = archive.read(range);
  const ms = performance.now() - began;
  if (points.length < POINTS * 0.25)
    throw new Error(`a chart of ${topic} has ${points.length} points`);
  return ms;
}

/** Kills a writer again and again: what it has said to be written must be there. */
async function kill(folder) {
  const file = join(folder, 'killed.db');
  let next = BEGIN;
  let lost = 0;
  for (let run = 0; run < KILLS; run++) {
    const args = ['--writer', `${file} ${next}`, '--values', options.values];
    const writer = fork(fileURLToPath(import.meta.url), args);
    let last = next - MINUTE_MS;
    writer.on('message', (at) => {
      last = at;
    });
    await once(writer, 'message');
    await new Promise((resolve) => setTimeout(resolve, 50 + 37 * run));
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    const newest = newestOf(file);
    if (newest < last) lost++;
    next = newest + MINUTE_MS;
  }
  verdict(
    `${KILLS} kills of the writer`,
    `${lost} have lost a minute that was written`,
    lost === 0,
  );
}

/** The start of the newest minute in the file. */
function newestOf(file) {
  const { archive, aside } = ArchiveFile.open(file, BEGIN);
  if (aside !== undefined) throw new Error('the file was damaged');
  const [from, to] = [BEGIN, BEGIN + DAY_MS];
  const { points } = archive.read({ topic: topics[0], from, to, most: 20_000, everyMs: MINUTE_MS });
  archive.close();
  return points.at(-1)?.[0] ?? BEGIN - MINUTE_MS;
}

function write(place) {
  const [file, first] = place.split(' ');
  const { archive } = ArchiveFile.open(file, BEGIN);
  for (let at = Number(first); ; at += MINUTE_MS) {
    archive.append(at, minutesAt(at), MOST_BYTES);
    process.send(at);
  }
}

function written() {
  const io = readFileSync('/proc/thread-self/io', 'utf8');
  return Math.max(
    ...['wchar', 'write_bytes'].map((name) =>
      Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)?.[1] ?? 0),
    ),
  );
}

function verdict(what, text, isGood) {
  console.log(`${isGood ? 'ok  ' : 'MISS'}  ${what}: ${text}`);
  if (!isGood) process.exitCode = 1;
}

function mib(bytes) {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
