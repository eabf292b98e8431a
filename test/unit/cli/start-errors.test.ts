import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { run } from '../../support/run.ts';
import { freePort } from '../../support/server-process.ts';

const CLI = path.join(REPOSITORY, 'dist/program/cli.js');

let folder: string;
let gateway: TestGateway;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'cellgate-start-'));
  gateway = await startGateway();
});
afterAll(async () => {
  await gateway?.dispose();
  rmSync(folder, { recursive: true });
});

const FREE = '{ host: 127.0.0.1, port: 0 }';

/** Writes a config with this data folder and these listeners. */
function config(data: string, listeners = FREE): string {
  const file = path.join(folder, `${readdirSync(folder).length}.yaml`);
  writeFileSync(file, `cell: robotcell1\ndata: ${data}\nbroker: { listeners: [${listeners}] }\n`);
  return file;
}

/** Runs a command that can't work; gives its one line on standard error. */
async function complaint(...words: string[]): Promise<string> {
  const { code, stderr, stdout } = await run(process.execPath, [CLI, ...words], { cwd: folder });
  expect(code, stderr).toBe(1);
  expect(stderr).toMatch(/^[^\n]+\n$/);
  expect(stdout).not.toMatch(/"level":"(error|fatal)"|node:internal/);
  return stderr.trimEnd();
}

/** Every file in a folder with a digest of what it holds. */
function contents(data: string): Record<string, string> {
  const digest = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(path.join(data, name)))
      .digest('hex');
  return Object.fromEntries(readdirSync(data).map((name) => [name, digest(name)]));
}

describe('a port in use', () => {
  it.each([
    ['tcp', 'mqtt'],
    ['ws', 'ws'],
  ])('%s: is named with its key', async (protocol) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const taken = `{ host: 127.0.0.1, port: ${port}, protocol: ${protocol} }`;
    const line = await complaint('run', '-c', config('./busy', `${FREE}, ${taken}`));
    other.close();
    expect(line).toBe(
      `cellgate: could not start: broker: port ${port} on 127.0.0.1 is in use by another program: stop that one, or change broker.listeners[1].port`,
    );
  });

  it('a gateway with other data on the same port leaves the first one alone', async () => {
    const listener = `{ host: 127.0.0.1, port: ${gateway.port} }`;
    expect(await complaint('run', '-c', config('./second', listener))).toContain(
      'change broker.listeners[0].port',
    );
    expect(await gateway.stop()).toBe(0);
    await gateway.restart();
  });
});

it('an address that is not of this machine is named with its key', async () => {
  const listener = '{ host: 192.0.2.1, port: 1883, anonymous: true }';
  expect(await complaint('run', '-c', config('./elsewhere', listener))).toBe(
    'cellgate: could not start: broker: 192.0.2.1 is no address of this machine: change broker.listeners[0].host',
  );
});

describe('the data folder', () => {
  const REMEDY = "change 'data' in the config";

  it('is used by one gateway at a time', async () => {
    expect(await complaint('run', '-c', config(gateway.dataDir))).toBe(
      `cellgate: could not start: store: the data folder ${gateway.dataDir} is in use by another cellgate: stop that one, or ${REMEDY}`,
    );
  });

  it.each([
    ['below a file', '/dev/null/data', 'ENOTDIR', 'move away the file that is in its path'],
    ['in /proc', '/proc/data', 'ENOENT', 'make it writable for this user'],
  ])('%s can not be made', async (_case, data, code, remedy) => {
    expect(await complaint('run', '-c', config(data))).toBe(
      `cellgate: could not start: store: can't write to the data folder ${data} (${code}): ${remedy}, or ${REMEDY}`,
    );
  });

  it('that is a file stays as it is', async () => {
    const file = path.join(folder, 'notes.txt');
    writeFileSync(file, 'keep me');
    expect(await complaint('run', '-c', config('./notes.txt'))).toContain(
      `:2:7: data: ${file} is a file, expected a folder such as /var/lib/cellgate`,
    );
    expect(readFileSync(file, 'utf8')).toBe('keep me');
  });

  it('of a newer version is not touched', async () => {
    const data = path.join(folder, 'newer');
    const file = path.join(data, 'cellgate.db');
    mkdirSync(data);
    const db = new Database(file);
    db.exec('PRAGMA user_version = 99; CREATE TABLE of_the_future (value); ');
    db.close();
    const before = contents(data);
    expect(await complaint('run', '-c', config(data))).toMatch(
      /^cellgate: could not start: store: \S+cellgate\.db was written by a newer cellgate \(data version 99, this one knows \d+\): install that version again, or change 'data' in the config$/,
    );
    expect(contents(data)).toMatchObject(before);
  });
});

describe('the config', () => {
  it.each(['run', 'check', 'read'])('%s: a missing one and a folder are named', async (verb) => {
    const words = verb === 'read' ? ['read', 'door'] : [verb];
    const said = async (file: string): Promise<string> => {
      const { code, stdout, stderr } = await run(process.execPath, [CLI, ...words, '-c', file], {
        cwd: folder,
      });
      expect(code).toBe(1);
      return stdout + stderr;
    };
    expect(await said('none.yaml')).toBe(
      'none.yaml:1:1: config: no such file, expected a config: "cellgate setup" writes one\n',
    );
    expect(await said('.')).toBe('.:1:1: config: this is a folder, expected a YAML file\n');
  });

  it('without the sensor that is to be read says which there are', async () => {
    const sim = path.join(REPOSITORY, 'config/sim.yaml');
    expect(await complaint('read', 'robbot', '-c', sim)).toBe(
      `cellgate: no sensor "robbot" in ${sim}: there are robot, gripper, door/closed, cycles, host (did you mean robot?)`,
    );
    expect(existsSync(path.join(folder, 'data'))).toBe(false);
  });
});

it('a start that failed leaves nothing behind that keeps the next one from starting', async () => {
  const port = await freePort();
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  const file = config('./again', `{ host: 127.0.0.1, port: ${port} }`);
  await complaint('run', '-c', file);
  other.close();
  await once(other, 'close');
  const stop = new AbortController();
  let started = false;
  await run(process.execPath, [CLI, 'run', '-c', file], {
    cwd: folder,
    signal: stop.signal,
    onOutput(stdout) {
      started ||= stdout.includes('is up');
      if (started) stop.abort();
    },
  });
  expect(started).toBe(true);
});
