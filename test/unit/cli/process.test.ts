import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const CLI = path.resolve(import.meta.dirname, '../../../dist/program/cli.js');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cellgate-process-'));
  const broker = 'broker: { listeners: [{ host: 127.0.0.1, port: 0 }] }';
  writeFileSync(path.join(folder, 'good.yaml'), `cell: robotcell1\ndata: ./data\n${broker}\n`);
  const sensor = '{ name: door, driver: simulated, signal: door }';
  writeFileSync(path.join(folder, 'sim.yaml'), `cell: robotcell1\nsensors: [${sensor}]\n`);
  writeFileSync(path.join(folder, 'bad.yaml'), 'cel: robotcell1\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

function start(...words: string[]): ChildProcess {
  return spawn(process.execPath, [CLI, ...words], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function outcome(child: ChildProcess): Promise<{ code: unknown; out: string; err: string }> {
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk) => (out += chunk));
  child.stderr?.on('data', (chunk) => (err += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

describe('the built command', () => {
  it('checks', async () => {
    expect(await outcome(start('check', '-c', 'good.yaml'))).toEqual({
      code: 0,
      out: 'good.yaml: fine, 0 sensors, 1 listener\n',
      err: '',
    });
    expect((await outcome(start('check', '-c', 'bad.yaml'))).code).toBe(1);
    expect((await outcome(start())).code).toBe(2);
  });

  it('runs until SIGTERM and ends with 0', async () => {
    const child = start('run', '-c', 'good.yaml');
    const ended = outcome(child);
    await Promise.race([once(child.stdout!, 'data'), ended]);
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0, err: '' });
  });

  it('reads a sensor', async () => {
    expect(await outcome(start('read', 'door', '-c', 'sim.yaml'))).toEqual({
      code: 0,
      out: expect.stringMatching(/^door: simulated\ndoor {2}(true|false) {2}good\n$/),
      err: '',
    });
    const unknown = await outcome(start('read', 'dor', '-c', 'sim.yaml'));
    expect(unknown).toEqual({
      code: 1,
      out: '',
      err: 'cellgate: no sensor "dor" in sim.yaml: there are door (did you mean door?)\n',
    });
  });

  it('survives a reader that goes away', async () => {
    const child = start('schema');
    child.stdout?.destroy();
    let err = '';
    child.stderr?.on('data', (chunk) => (err += chunk));
    const [code] = (await once(child, 'exit')) as [number | null];
    expect([code, err]).toEqual([0, '']);
  });
});
