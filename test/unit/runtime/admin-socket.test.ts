import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { askGateway, createAdminSocket } from '../../../src/runtime/admin-socket.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { waitFor } from '../../support/wait-for.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** A gateway on this data folder, and a client that asks it. */
async function start(folder: string) {
  const runFolder = join(tempFolder(), 'run');
  const { log, lines } = createQuietLog();
  const socket = createAdminSocket(
    folder,
    async ({ ask }) => `${ask} of ${folder}`,
    log,
    runFolder,
  );
  await socket.start();
  onTestFinished(() => socket.stop());
  return { lines, runFolder, socket, ask: () => askGateway(folder, { ask: 'status' }, runFolder) };
}

/** A data folder that takes no socket: another thing has its name, which can't be removed by the way. */
function blockedFolder(): string {
  const folder = tempFolder();
  mkdirSync(join(folder, 'control.sock'));
  return folder;
}

test('the socket is in the data folder, for its user alone', async () => {
  const folder = tempFolder();
  const { ask, runFolder } = await start(folder);
  expect(await ask()).toBe(`status of ${folder}`);
  expect(statSync(join(folder, 'control.sock')).mode & 0o777).toBe(0o600);
  expect(existsSync(runFolder)).toBe(false);
});

test('where the data folder takes no socket, it is in the folder of the service until it does', async () => {
  const folder = blockedFolder();
  const { ask, lines, runFolder } = await start(folder);
  expect(await ask()).toBe(`status of ${folder}`);
  expect(lines).toEqual(['the data folder takes no control socket']);
  const [name] = readdirSync(runFolder);
  expect(statSync(join(runFolder, name!)).mode & 0o777).toBe(0o600);

  rmdirSync(join(folder, 'control.sock'));
  await vi.advanceTimersByTimeAsync(10_000);
  await waitFor(() => expect(readdirSync(runFolder)).toEqual([]));
  expect(existsSync(join(folder, 'control.sock'))).toBe(true);
  expect(await ask()).toBe(`status of ${folder}`);
});

test('two gateways without a socket in their data folders are told apart', async () => {
  const [one, other] = [blockedFolder(), blockedFolder()];
  const runFolder = join(tempFolder(), 'run');
  for (const folder of [one, other]) {
    const socket = createAdminSocket(folder, async () => folder, createQuietLog().log, runFolder);
    await socket.start();
    onTestFinished(() => socket.stop());
  }
  for (const folder of [one, other]) {
    expect(await askGateway(folder, { ask: 'status' }, runFolder)).toBe(folder);
  }
});

test('a path that is too long for a socket is no reason not to be asked', async () => {
  const folder = join(tempFolder(), 'x'.repeat(120));
  mkdirSync(folder);
  const { ask } = await start(folder);
  expect(await ask()).toBe(`status of ${folder}`);
});

test('a socket that was deleted is there again', async () => {
  const folder = tempFolder();
  const { ask } = await start(folder);
  rmSync(join(folder, 'control.sock'));
  expect(await ask()).toBeUndefined();
  await vi.advanceTimersByTimeAsync(10_000);
  await waitFor(async () => expect(await ask()).toBe(`status of ${folder}`));
});

test('a request that takes longer than the time for an answer has one, and its progress before', async () => {
  vi.useRealTimers();
  const folder = tempFolder();
  let finish: (answer: string) => void = () => undefined;
  const socket = createAdminSocket(
    folder,
    (_request, progress) => {
      progress('half of it is done');
      return new Promise((resolve) => {
        finish = resolve;
      });
    },
    createQuietLog().log,
  );
  await socket.start();
  onTestFinished(() => socket.stop());
  const seen: string[] = [];
  const answer = askGateway(folder, { ask: 'status' }, undefined, (sentence) =>
    seen.push(sentence),
  );
  await waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(2));
  finish('done');
  expect([await answer, new Set(seen)]).toEqual(['done', new Set(['half of it is done'])]);
});

test('a gateway that ends in the middle of a request is named as that', async () => {
  const folder = tempFolder();
  const server = createServer((connection) => connection.once('data', () => connection.end()));
  await new Promise<void>((resolve) => server.listen(join(folder, 'control.sock'), resolve));
  onTestFinished(() => void server.close());
  await expect(askGateway(folder, { ask: 'status' })).rejects.toThrow(
    'the gateway has ended without an answer',
  );
});

test('the longest client id fits into a request; what is longer has an answer too', async () => {
  const folder = tempFolder();
  const { log } = createQuietLog();
  const socket = createAdminSocket(folder, async (request) => request, log);
  await socket.start();
  onTestFinished(() => socket.stop());
  const longest = { ask: 'purgeSession', clientId: '\u0001'.repeat(65_535) } as const;
  expect(await askGateway(folder, longest)).toEqual(longest);
  const longer = { ask: 'purgeSession', clientId: 'x'.repeat(400_000) } as const;
  await expect(askGateway(folder, longer)).rejects.toThrow('the request is longer than');
});

test('no gateway runs where nobody listens in either place', async () => {
  const folder = blockedFolder();
  const { ask, socket } = await start(folder);
  await socket.stop();
  rmdirSync(join(folder, 'control.sock'));
  expect(await ask()).toBeUndefined();
});
