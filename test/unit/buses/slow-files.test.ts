import { execFileSync } from 'node:child_process';
import { scrypt } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { createKernelFiles } from '../../../src/buses/kernel-files.ts';
import { createSlowFiles, type SlowReply, type SlowThread } from '../../../src/buses/slow-files.ts';
import { settle } from '../../support/manual-clock.ts';

/** Threads whose requests a test answers. */
function fakeThreads() {
  const running: { path: string; resolve(reply: SlowReply): void; reject(error: Error): void }[] =
    [];
  let started = 0;
  let ended = 0;
  const start = (): SlowThread => {
    started += 1;
    return {
      ask: ({ path }) =>
        new Promise((resolve, reject) => void running.push({ path, resolve, reject })),
      end() {
        ended += 1;
      },
    };
  };
  return {
    files: createSlowFiles(start),
    running,
    paths: () => running.map(({ path }) => path),
    started: () => started,
    ended: () => ended,
  };
}

const read = (path: string) => ({ kind: 'read', path, limitBytes: 100 }) as const;

describe('places', () => {
  test('one place has one read at a time, in order; others do not wait for it', async () => {
    const { files, running, paths } = fakeThreads();
    const first = files.ask('bus1', read('a'));
    const second = files.ask('bus1', read('b'));
    const other = files.ask('bus2', read('c'));
    expect(paths()).toEqual(['a', 'c']);
    running[1]?.resolve({ text: 'C' });
    expect(await other).toEqual({ text: 'C' });
    running[0]?.resolve({ text: 'A' });
    expect(await first).toEqual({ text: 'A' });
    await settle();
    expect(paths()).toEqual(['a', 'c', 'b']);
    running[2]?.resolve({ text: 'B' });
    expect(await second).toEqual({ text: 'B' });
  });

  test('threads are few and used again; places take turns for them', async () => {
    const { files, running, paths, started } = fakeThreads();
    const names = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
    const reads = ['first', 'second'].flatMap((turn) =>
      names.map((place) => files.ask(place, read(`${place} ${turn}`))),
    );
    expect(started()).toBe(4);
    for (let next = 0; next < reads.length; next += 1) {
      running[next]?.resolve({ text: '' });
      await settle();
    }
    await Promise.all(reads);
    expect(started()).toBe(4);
    expect(paths().slice(0, 6)).toEqual(names.map((place) => `${place} first`));
  });

  test('an error has its code; a thread that ends takes its request with it, and another one follows', async () => {
    const { files, running, started } = fakeThreads();
    const missing = files.ask('bus1', read('a'));
    running[0]?.resolve({ failed: 'no such file', code: 'ENOENT' });
    await expect(missing).rejects.toMatchObject({ message: 'no such file', code: 'ENOENT' });
    const lost = files.ask('bus1', read('b'));
    const next = files.ask('bus1', read('c'));
    running[1]?.reject(new Error('the thread has ended'));
    await expect(lost).rejects.toThrow('the thread has ended');
    await settle();
    running[2]?.resolve({ text: 'C' });
    expect(await next).toEqual({ text: 'C' });
    expect(started()).toBe(2);
  });

  test('what waits is bounded, and rejected at the end', async () => {
    const { files, ended } = fakeThreads();
    void files.ask('bus1', read('a'));
    const waiting = Array.from({ length: 256 }, () => files.ask('bus1', read('b')).catch(String));
    await expect(files.ask('bus1', read('c'))).rejects.toThrow('too many reads wait for bus1');
    files.close();
    expect(new Set(await Promise.all(waiting))).toEqual(
      new Set(['Error: b: the gateway is stopping']),
    );
    await expect(files.ask('bus1', read('d'))).rejects.toThrow('the gateway is stopping');
    expect(ended()).toBe(1);
  });
});

const folder = mkdtempSync(join(tmpdir(), 'cellgate-slow-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Lets a reader of the pipe read to its end; without a reader nothing happens. */
function release(pipe: string): void {
  try {
    const end = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(end, 'value\n');
    closeSync(end);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
  }
}

test('files that block hold up neither passwords nor host names nor other files', async () => {
  // A pipe without a writer blocks as a slow file of the kernel does.
  const pipes = Array.from({ length: 6 }, (_, index) => join(folder, `pipe${index}`));
  execFileSync('mkfifo', pipes);
  const files = createKernelFiles();
  const blocked = pipes.map((pipe) => files.read(pipe, pipe));
  writeFileSync(join(folder, 'quick'), 'here\n');
  // Twice as many of each as libuv has threads.
  for (let round = 0; round < 8; round += 1) {
    expect(await files.read(join(folder, 'quick'))).toBe('here');
    await promisify(scrypt)('password', 'salt', 32);
    await lookup('localhost');
  }
  const answers = Promise.all(blocked);
  let done = false;
  void answers.then(() => {
    done = true;
  });
  await expect
    .poll(
      () => {
        for (const pipe of pipes) release(pipe);
        return done;
      },
      { timeout: 20_000 },
    )
    .toBe(true);
  for (const text of await answers) expect(text).toMatch(/^value/);
  files.close();
}, 60_000);

test('reads in a thread as without one: text, errors, limits and sizes', async () => {
  const files = createKernelFiles(folder);
  writeFileSync(join(folder, 'temp'), '48123\n');
  expect(await files.read('/temp', 'place')).toBe('48123');
  await expect(files.read('/none', 'place')).rejects.toMatchObject({ code: 'ENOENT' });
  writeFileSync(join(folder, 'beyond'), 'x'.repeat(1024 * 1024 + 1));
  await expect(files.read('/beyond', 'place')).rejects.toThrow('has more than 1048576 bytes');
  expect((await files.space('/')).total).toBeGreaterThan(0);
  files.close();
});
