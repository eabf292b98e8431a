import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ArchiveFile, type Minute } from '../../../src/history/archive/archive-file.ts';
import {
  type ArchivePoint,
  decodeChunk,
  encodeChunk,
  meanOf,
} from '../../../src/history/archive/points.ts';
import { openFile } from '../../../src/store/database/sqlite.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Midnight of a day. */
const BEGIN = Date.UTC(2026, 10, 1);
const ENOUGH = 1 << 30;

let file: string;
let archive: ArchiveFile;
beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), 'cellgate-archive-')), 'history.db');
  ({ archive } = ArchiveFile.open(file, BEGIN));
});
afterEach(() => archive.close());

/** The same point in each second. */
const steady = (topic: string, point: ArchivePoint, keepMs = 90 * DAY): Minute => ({
  topic,
  keepMs,
  seconds: Array(60).fill(point),
});

/** The value is the number of the minute, but 1000 higher in its second 30. */
const minuteOf = (n: number, topic = 'cell/t', keepMs = 90 * DAY): Minute => ({
  topic,
  keepMs,
  seconds: Array.from({ length: 60 }, (_, s) => [0, s === 30 ? n + 1000 : n]),
});

function append(minutes: number, begin = BEGIN, most = ENOUGH): void {
  for (let n = 0; n < minutes; n++) archive.append(begin + n * MINUTE, [minuteOf(n)], most);
}

describe('a chunk', () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 });
  const quality = fc.integer({ min: 0, max: 2 });
  const point = fc.option(
    fc.oneof(
      fc.tuple(quality),
      fc.tuple(quality, number),
      fc.tuple(quality, number, number, number),
    ),
    { nil: undefined },
  );

  test('is read as it was written, whatever its points are', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.nat({ max: 99 }).map(String), fc.array(point)), (values) => {
        const chunk = new Map(Object.entries(values).map(([id, slots]) => [Number(id), slots]));
        const zeroless = JSON.parse(JSON.stringify([...chunk]));
        expect(
          JSON.parse(JSON.stringify([...decodeChunk(encodeChunk(chunk as never), 1000)])),
        ).toEqual(zeroless);
      }),
    );
  });

  test('of other bytes is refused', () => {
    const wrong = new Map([[1, [[7, 1]]]]);
    expect(() => decodeChunk(encodeChunk(wrong as never), 60)).toThrow('not a chunk');
    expect(() => decodeChunk(Buffer.from('no'), 60)).toThrow();
  });
});

describe('the series of a value', () => {
  test('has seconds, minutes or hours, whichever is not more than was asked for', () => {
    append(150);
    const read = (from: number, to: number, most: number) =>
      archive.read({ topic: 'cell/t', from, to, most });

    const seconds = read(BEGIN, BEGIN + MINUTE, 60);
    expect(seconds.slotMs).toBe(1000);
    expect(seconds.points).toHaveLength(60);
    expect(seconds.points[30]).toEqual([BEGIN + 30_000, [0, 1000]]);

    const minutes = read(BEGIN, BEGIN + 150 * MINUTE, 200);
    expect(minutes.slotMs).toBe(MINUTE);
    expect(minutes.points.map(([time]) => time)).toEqual(
      Array.from({ length: 150 }, (_, n) => BEGIN + n * MINUTE),
    );
    for (const [n, [, point]] of minutes.points.entries()) {
      expect(point).toEqual([0, n, n + 1000, expect.closeTo(n + 1000 / 60, 5)]);
    }

    const pairs = read(BEGIN, BEGIN + 150 * MINUTE, 100);
    expect(pairs.slotMs).toBe(2 * MINUTE);
    expect(pairs.points.map(([, point]) => point.slice(0, 3))).toEqual(
      Array.from({ length: 75 }, (_, n) => [0, 2 * n, 2 * n + 1001]),
    );

    const hours = read(BEGIN, BEGIN + 3 * HOUR, 10);
    expect(hours.slotMs).toBe(HOUR);
    expect(hours.points.map(([, point]) => point.slice(0, 3))).toEqual([
      [0, 0, 1059],
      [0, 60, 1119],
      [0, 120, 1149],
    ]);
    expect(read(BEGIN, BEGIN + 3 * HOUR, 2).slotMs).toBe(2 * HOUR);
  });

  test('has the worst quality of each point, and no value where there was none', () => {
    const bad: ArchivePoint = [2];
    const seconds: ArchivePoint[] = [...Array(30).fill([0, 5]), [1, 9], ...Array(29).fill(bad)];
    archive.append(BEGIN, [{ topic: 'cell/t', keepMs: DAY, seconds }], ENOUGH);
    archive.append(BEGIN + MINUTE, [steady('cell/t', bad, DAY)], ENOUGH);
    const { points } = archive.read({ topic: 'cell/t', from: BEGIN, to: BEGIN + HOUR, most: 60 });
    expect(points[0]![1].slice(0, 3)).toEqual([2, 5, 9]);
    expect(meanOf(points[0]![1])).toBeCloseTo((30 * 5 + 9) / 31, 6);
    expect(points[1]).toEqual([BEGIN + MINUTE, [2]]);
  });

  test('goes on where the value is kept for another time, and beside 200 other values', () => {
    const others = Array.from({ length: 200 }, (_, n) => steady(`cell/${n}`, [0, n]));
    archive.append(BEGIN, [...others, minuteOf(0)], ENOUGH);
    archive.append(BEGIN + MINUTE, [...others, minuteOf(1, 'cell/t', 30 * DAY)], ENOUGH);
    const range = { from: BEGIN, to: BEGIN + 2 * MINUTE, most: 2 };
    expect(archive.read({ topic: 'cell/t', ...range }).points).toHaveLength(2);
    for (const n of [0, 63, 64, 199]) {
      expect(archive.read({ topic: `cell/${n}`, ...range }).points[1]![1]).toEqual([0, n]);
    }
    expect(archive.read({ topic: 'cell/none', ...range }).points).toEqual([]);
    expect(archive.topics()).toHaveLength(201);
  });

  test('has what was recorded after the clock was set back, and before', () => {
    append(130);
    archive.append(BEGIN + 30 * MINUTE, [steady('cell/t', [0, -7])], ENOUGH);
    archive.append(BEGIN + 130 * MINUTE, [steady('cell/t', [0, 1])], ENOUGH);
    const range = { topic: 'cell/t', from: BEGIN, to: BEGIN + 4 * HOUR, most: 300 };
    const { points } = archive.read({ ...range, everyMs: MINUTE });
    expect(points).toHaveLength(131);
    expect(points[30]![1].slice(0, 3)).toEqual([0, -7, 1030]);
    expect(archive.read({ ...range, everyMs: HOUR }).points[0]![1].slice(0, 3)).toEqual([
      0, -7, 1059,
    ]);
  });

  test('is there after the file was closed and opened again', () => {
    append(70);
    archive.close();
    ({ archive } = ArchiveFile.open(file, BEGIN));
    append(10, BEGIN + 70 * MINUTE);
    const range = { topic: 'cell/t', from: BEGIN, to: BEGIN + 80 * MINUTE, most: 80 };
    expect(archive.read(range).points).toHaveLength(80);
  });
});

describe('the file', () => {
  test('keeps seconds for two days, and hours for as long as it is asked to', () => {
    // Four days, of which one minute in 20 was recorded.
    for (let n = 0; n < (4 * DAY) / MINUTE; n += 20) {
      archive.append(BEGIN + n * MINUTE, [minuteOf(n, 'cell/t', 3 * DAY)], ENOUGH);
    }
    const all = { topic: 'cell/t', from: BEGIN - DAY, to: BEGIN + 4 * DAY, most: 1e9 };
    const first = (everyMs: number) => archive.read({ ...all, everyMs }).points[0]![0];
    expect((first(1000) - BEGIN) / DAY).toBeCloseTo(2, 1);
    expect((first(MINUTE) - BEGIN) / HOUR).toBeCloseTo(23, 0);
    expect((first(HOUR) - BEGIN) / DAY).toBeLessThan(0.1);
    // The finest that reaches back: not the seconds.
    expect(archive.read(all).slotMs).toBe(HOUR);
  });

  test('takes no more bytes than it may, and loses the oldest seconds first', () => {
    const noisy = (n: number): Minute[] =>
      Array.from({ length: 40 }, (_, i) => ({
        topic: `cell/${i}`,
        keepMs: 90 * DAY,
        seconds: Array.from({ length: 60 }, (_, s) => [0, Math.sin(n * 7 + s * i) * 1e6]),
      }));
    const most = 1 << 20;
    for (let n = 0; n < 130; n++) {
      archive.append(BEGIN + n * MINUTE, noisy(n), most);
      expect(archive.bytes).toBeLessThanOrEqual(most);
    }
    const range = { topic: 'cell/3', from: BEGIN, to: BEGIN + 130 * MINUTE, most: 1e6 };
    const seconds = archive.read({ ...range, everyMs: 1000 }).points;
    expect(seconds.at(-1)![0]).toBe(BEGIN + 130 * MINUTE - 1000);
    expect(seconds[0]![0]).toBeGreaterThan(BEGIN + 30 * MINUTE);
    expect(archive.read({ ...range, everyMs: HOUR }).points[0]![0]).toBe(BEGIN);
  });

  test('forgets a value that was not recorded for as long as it is kept', () => {
    archive.append(BEGIN, [steady('cell/gone', [0, 1], DAY)], ENOUGH);
    for (let n = 0; n < 5; n++)
      archive.append(BEGIN + n * DAY, [minuteOf(n, 'cell/t', DAY)], ENOUGH);
    expect(archive.topics()).toEqual(['cell/t']);
  });

  test('that is damaged is set aside', () => {
    append(3);
    archive.close();
    writeFileSync(file, 'this is no database, and it is long enough to be looked at');
    const opened = ArchiveFile.open(file, BEGIN);
    archive = opened.archive;
    expect(opened.aside).toMatch(/history\.db\.damaged-2026-11-01T/);
    expect(readdirSync(join(file, '..'))).toContain(opened.aside!.split('/').at(-1));
    append(1);
    expect(archive.topics()).toEqual(['cell/t']);
  });

  test('with a chunk that is damaged gives all others', () => {
    append(3);
    archive.close();
    const database = openFile(file);
    database
      .prepare('UPDATE chunk SET points = ? WHERE start = ?')
      .run(Buffer.from([1, 2, 3]), BEGIN);
    database.close();
    ({ archive } = ArchiveFile.open(file, BEGIN));
    const range = { topic: 'cell/t', from: BEGIN, to: BEGIN + 3 * MINUTE, most: 3 };
    expect(archive.read(range).points.map(([time]) => (time - BEGIN) / MINUTE)).toEqual([1, 2]);
  });

  test('of a newer version is left as it is', () => {
    archive.close();
    const database = openFile(file);
    database.pragma('user_version = 99');
    database.close();
    expect(() => ArchiveFile.open(file, BEGIN)).toThrow('is of a newer version of cellgate');
    expect(readdirSync(join(file, '..')).filter((name) => name.includes('damaged'))).toEqual([]);
  });
});
