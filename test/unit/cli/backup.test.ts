import { copyFileSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { RawClient } from '../../support/raw-client.ts';
import { run } from '../../support/run.ts';

async function start(): Promise<TestGateway> {
  const gateway = await startGateway();
  onTestFinished(() => gateway.dispose());
  return gateway;
}

const cellgate = (gateway: TestGateway, ...words: string[]) =>
  run(process.execPath, [
    join(REPOSITORY, 'dist/program/cli.js'),
    ...words,
    '--config',
    gateway.configFile,
  ]);

async function connect(gateway: TestGateway, clientId: string, clean = true): Promise<RawClient> {
  const client = await RawClient.open('tcp', gateway.port);
  return client.connect({ clientId, clean });
}

test('a backup under load holds every message acknowledged before it, and goes into another unit', async () => {
  const [from, to] = [await start(), await start()];
  const away = await connect(from, 'away', false);
  await away.subscribe(['t/#', 1]);
  await away.disconnect();
  const publisher = await connect(from, 'publisher');
  for (let i = 0; i < 500; i++) await publisher.publish('t/a', `before ${i}`, { qos: 1 });
  let more = true;
  const load = (async () => {
    for (let i = 0; more; i++) await publisher.publish('t/a', `during ${i}`, { qos: 1 });
  })();
  const file = join(from.dataDir, 'copy.db');
  const made = await cellgate(from, 'backup', file);
  more = false;
  await load;
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(from.dataDir).filter((name) => name.startsWith('copy'))).toEqual(['copy.db']);

  const refused = await cellgate(to, 'restore', file);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/in use by another cellgate: stop that one/);
  await to.stop();
  const bootBefore = bootOf(to);
  const restored = await cellgate(to, 'restore', file);
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect(restored.stdout).toMatch(/the former one is .*cellgate\.db\.before-restore-/);
  await to.restart();
  const back = await connect(to, 'away', false);
  expect(back.connack.sessionPresent).toBe(true);
  const messages = await back.flow(500);
  expect(messages.map(({ payload }) => payload)).toEqual(
    Array.from({ length: 500 }, (_, i) => `before ${i}`),
  );
  await to.stop();
  // What was given as boot and seq since the backup is not given again.
  const bootAfter = Number(bootOf(to));
  expect(bootAfter).toBeGreaterThan(Number(bootBefore));
  expect(bootAfter % 10_000).toBe(1);
});

test('what is no backup changes nothing', async () => {
  const gateway = await start();
  const file = join(gateway.dataDir, 'copy.db');
  expect((await cellgate(gateway, 'backup', file)).code).toBe(0);
  const again = await cellgate(gateway, 'backup', file);
  expect(again.code).toBe(1);
  expect(again.stderr).toMatch(/is there already, expected a name that is free/);
  await gateway.stop();
  const told = async (name: string): Promise<string> => {
    const { code, stderr } = await cellgate(gateway, 'restore', name);
    expect(code).toBe(1);
    return stderr;
  };
  expect(await told('/nowhere.db')).toMatch(/is missing, expected a file of "cellgate backup"/);
  const text = join(gateway.dataDir, 'text');
  writeFileSync(text, 'no database'.repeat(1000));
  expect(await told(text)).toMatch(/is no file of "cellgate backup"/);
  const newer = join(gateway.dataDir, 'newer.db');
  copyFileSync(file, newer);
  withDatabase(newer, (db) => db.pragma('user_version = 99'));
  expect(await told(newer)).toMatch(/was written by a newer cellgate/);
  expect(existsSync(join(gateway.dataDir, 'cellgate.db'))).toBe(true);
  expect(readdirSync(gateway.dataDir).filter((name) => name.includes('restor'))).toEqual([]);
});

function withDatabase<Result>(file: string, use: (db: Database.Database) => Result): Result {
  const db = new Database(file);
  try {
    return use(db);
  } finally {
    db.close();
  }
}

function bootOf({ dataDir }: TestGateway): unknown {
  return withDatabase(join(dataDir, 'cellgate.db'), (db) =>
    db.prepare("SELECT value FROM meta WHERE key = 'boot'").pluck().get(),
  );
}
