import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
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

test('no gateway runs where nobody listens in either place', async () => {
  const folder = blockedFolder();
  const { ask, socket } = await start(folder);
  await socket.stop();
  rmdirSync(join(folder, 'control.sock'));
  expect(await ask()).toBeUndefined();
});
