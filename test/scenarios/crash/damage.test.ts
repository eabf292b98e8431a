import {
  chownSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { DAMAGES, damagePage, QUEUED, RETAINED, SHARED, seed, sql } from '../../support/damages.ts';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { RawClient } from '../../support/raw-client.ts';
import { run } from '../../support/run.ts';
import { readRetained } from './kill/retained-reader.ts';

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
    cpSync(gateway.dataDir, templates[end], {
      recursive: true,
      filter: (file) => !file.endsWith('.sock'),
    });
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
    if (damage.logged) expect(gateway.stdout()).toMatch(damage.logged);

    const retained = await readRetained(gateway.port, 'r/#');
    for (const [topic, payload] of retained) expect(payload).toMatch(`${topic.slice(2)} `);
    expectCount(retained.size, damage.retained, RETAINED, note);
    const queued = await drain(gateway);
    expect(queued, 'in order').toEqual([...queued].sort((a, b) => a - b));
    expectCount(queued.length, damage.queued, QUEUED + SHARED, note);
    await expectServing(gateway, note);
    expect(await gateway.stop(), gateway.stdout()).toBe(0);
  });

  test('tells what is lost in status, until somebody has acknowledged it', async () => {
    const data = copyOf('stopped');
    const file = join(data, 'cellgate.db');
    // In the middle of what waits for the absent client.
    const db = new Database(file, { readonly: true });
    const pages = db
      .prepare(`SELECT pageno FROM dbstat WHERE name = 'segment' AND pagetype = 'leaf'`)
      .pluck()
      .all() as number[];
    db.close();
    damagePage(file, pages[Math.floor(pages.length / 2)]!);
    const gateway = await startGateway({ config: { data } });
    onTestFinished(() => gateway.dispose());
    const cellgate = (...words: string[]) =>
      run(process.execPath, [
        join(REPOSITORY, 'dist/program/cli.js'),
        ...words,
        '--config',
        gateway.configFile,
      ]);
    const told =
      /^trouble {4}the database was found damaged at .*: at least \d+ messages are lost/m;
    const before = await cellgate('status');
    expect(before.stdout).toMatch(told);
    expect(before.code).toBe(1);
    const acknowledged = await cellgate('acknowledge');
    expect(acknowledged).toMatchObject({ code: 0, stderr: '' });
    expect(acknowledged.stdout).toMatch(/^acknowledged: the database was found damaged/);
    expect((await cellgate('acknowledge')).stdout).toBe('there is nothing to acknowledge\n');
    await gateway.kill();
    await gateway.restart();
    expect(await cellgate('status')).toMatchObject({ code: 0, stderr: '' });
    await gateway.stop();
    expect((await cellgate('acknowledge')).code).toBe(3);
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
    const cli = join(REPOSITORY, 'dist/program/cli.js');
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
