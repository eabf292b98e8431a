import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Faults } from '../../../src/base/faults.ts';
import type { SensorConfig } from '../../../src/config/schema/sensors.ts';
import { Archive, type ArchiveThread } from '../../../src/history/archive/archive.ts';
import type { ArchiveReply, ArchiveRequest } from '../../../src/history/archive/archive-thread.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

const MINUTE = 60_000;
const BEGIN = 30_000_000 * MINUTE;

beforeEach(
  () => void vi.useFakeTimers({ now: BEGIN, toFake: ['Date', 'setInterval', 'clearInterval'] }),
);
afterEach(() => void vi.useRealTimers());

/** An archive of one sensor whose thread answers as `answer` says. */
function start(answer: (request: ArchiveRequest) => ArchiveReply | Error, isSet = () => true) {
  const asked: ArchiveRequest[] = [];
  const thread: ArchiveThread = {
    async ask(request) {
      asked.push(request);
      const reply = answer(request);
      if (reply instanceof Error) throw reply;
      return reply;
    },
    end: async () => undefined,
  };
  const { log, lines } = createQuietLog();
  const archive = new Archive(
    {
      cell: 'cell',
      folder: '/nowhere',
      config: {
        sensors: [{ name: 't', history: { keep: 5 } }, { name: 'hour' }] as SensorConfig[],
        store: { history: { bytes: 1000 } },
      },
      sensors: {
        status: () =>
          [
            { name: 't', channels: [{ topic: 'cell/t', value: 1, quality: 'good' }] },
            { name: 'hour', channels: [{ topic: 'cell/hour', value: 1, quality: 'good' }] },
          ] as never,
      },
      wallClock: { now: () => Date.now(), isSet },
      log,
      faults: new Faults(log, () => 0),
    },
    () => thread,
  );
  return { archive, asked, lines };
}

async function pass(minutes: number): Promise<void> {
  for (let n = 0; n < minutes; n++) {
    vi.advanceTimersByTime(MINUTE);
    await delay(0);
  }
}

const done = { kind: 'done', written: 1000 } as const;

test('each minute of the sensors that ask for it is written once, and the present one at the end', async () => {
  const { archive, asked } = start(() => done);
  await archive.start();
  await pass(2);
  vi.advanceTimersByTime(5000);
  await archive.stop();
  const written = asked.flatMap((one) => (one.kind === 'append' ? [one] : []));
  expect(written.map(({ start: at }) => (at - BEGIN) / MINUTE)).toEqual([0, 1, 2]);
  expect(written.flatMap(({ minutes }) => minutes.map(({ topic }) => topic))).toEqual(
    Array(3).fill('cell/t'),
  );
  expect(written[1]).toMatchObject({ mostBytes: 1000 });
  expect(asked.at(-1)).toEqual({ kind: 'close' });
});

test('nothing is kept before the clock is set', async () => {
  const { archive, asked } = start(
    () => done,
    () => false,
  );
  await archive.start();
  await pass(2);
  await archive.stop();
  expect(asked).toEqual([]);
});

test('a disk that takes nothing is told, and the minutes since then are written once it does', async () => {
  let isFull = true;
  const { archive, asked, lines } = start(() =>
    isFull ? { kind: 'failed', message: 'database or disk is full' } : done,
  );
  await archive.start();
  await pass(3);
  expect(archive.trouble()).toBe("the long history can't be written: database or disk is full");
  await pass(10);
  expect(archive.trouble()).toMatch(/full; \d+ minutes are lost$/);
  isFull = false;
  asked.length = 0;
  await pass(1);
  expect(archive.trouble()).toBeUndefined();
  const starts = asked.flatMap((one) => (one.kind === 'append' ? [one.start] : []));
  expect(starts).toHaveLength(10);
  expect(starts).toEqual([...starts].sort());
  expect(lines.filter((line) => line.includes("can't be written"))).toHaveLength(1);
  await archive.stop();
});

test('a thread that has ended is started again', async () => {
  let ends = 1;
  const { archive } = start(() => (ends-- > 0 ? new Error('out of memory') : done));
  await archive.start();
  await pass(1);
  expect(archive.trouble()).toContain('out of memory');
  await pass(1);
  expect(archive.trouble()).toBeUndefined();
  await archive.stop();
});

test('a config with more or fewer sensors is applied', async () => {
  const { archive, asked } = start(() => done);
  await archive.start();
  await archive.applyConfig({ sensors: [], store: { history: { bytes: 1 } } });
  await pass(2);
  expect(asked).toEqual([]);
  await archive.stop();
});

test('counts what its threads have written', async () => {
  let written = 0;
  const { archive } = start(() => {
    written += 500;
    if (written === 1500) return new Error('the thread of the long history has ended');
    return { kind: 'done', written };
  });
  await archive.start();
  expect(archive.bytesWritten).toBe(0);
  await pass(3);
  const first = archive.bytesWritten;
  expect(first).toBe(1000);
  written = 0;
  await pass(1);
  // Another thread counts from its own start.
  expect(archive.bytesWritten).toBe(first + written);
  await archive.stop();
});
