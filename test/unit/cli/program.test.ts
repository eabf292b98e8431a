import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../../src/cli/program.ts';
import type { Parts } from '../../../src/cli/verb.ts';
import { VERBS } from '../../../src/cli/verbs.ts';
import { fakeBuses } from '../../support/fake-buses.ts';
import { fakeDrivers } from '../../support/fake-drivers.ts';
import { type FakeIo, fakeIo } from '../../support/fake-io.ts';
import { createManualClock } from '../../support/manual-clock.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cellgate-cli-'));
  writeFileSync(path.join(folder, 'good.yaml'), 'cell: robotcell1\n');
  writeFileSync(
    path.join(folder, 'bad.yaml'),
    'cell: robotcell1\nlog: { level: loud }\nsensor: []\n',
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

async function cellgate(
  words: string[],
  io: FakeIo = fakeIo({}, folder),
): Promise<[number, FakeIo]> {
  const parts: Parts = {
    drivers: fakeDrivers,
    clock: createManualClock(),
    start: () => Promise.reject(new Error('not in this test')),
    openBuses: () => fakeBuses(),
  };
  return [await runCommandLine(words, io, parts), io];
}

describe('cellgate check', () => {
  it('says that a config is fine', async () => {
    const [code, io] = await cellgate(['check', '--config', 'good.yaml']);
    expect([code, io.out(), io.err()]).toEqual([0, 'good.yaml: fine, 0 sensors, 1 listener\n', '']);
  });

  it('prints one line a problem and ends with 1', async () => {
    const [code, io] = await cellgate(['check', '-c', 'bad.yaml']);
    expect([code, io.err()]).toEqual([1, '']);
    expect(io.out()).toBe(
      'bad.yaml:2:15: log.level: found "loud", expected trace, debug, info, warn, error or fatal\n' +
        'bad.yaml:3:1: sensor: unknown key (did you mean sensors?)\n',
    );
  });

  it('takes --config before $CELLGATE_CONFIG before /etc/cellgate/config.yaml', async () => {
    const env = { CELLGATE_CONFIG: 'good.yaml' };
    expect((await cellgate(['check'], fakeIo(env, folder)))[0]).toBe(0);
    expect((await cellgate(['check', '--config=bad.yaml'], fakeIo(env, folder)))[0]).toBe(1);
    const [, io] = await cellgate(['check', '--config', 'none.yaml'], fakeIo(env, folder));
    expect(io.out()).toBe(
      'none.yaml:1:1: config: no such file, expected a config: "cellgate setup" writes one\n',
    );
    const [, plain] = await cellgate(['check'], fakeIo({ CELLGATE_CONFIG: '' }, folder));
    expect(plain.out()).toMatch(/^\/etc\/cellgate\/config\.yaml:/);
  });

  it('uses colours only on a terminal and not with NO_COLOR', async () => {
    const onTerminal = async (env: Record<string, string>): Promise<string> =>
      (await cellgate(['check', '-c', 'bad.yaml'], fakeIo(env, folder, true)))[1].out();
    expect(await onTerminal({})).toContain('\u001b[');
    expect(await onTerminal({ NO_COLOR: '1' })).not.toContain('\u001b[');
  });
});

it('cellgate schema prints a JSON Schema', async () => {
  const [code, io] = await cellgate(['schema']);
  expect(code).toBe(0);
  expect(JSON.parse(io.out())).toMatchObject({ type: 'object', required: ['cell'] });
});

it('cellgate probe works where there is nothing', async () => {
  const [code, io] = await cellgate(['probe']);
  expect([code, io.err()]).toEqual([0, '']);
  expect(io.out()).toMatch(/^board .*\nkernel .*\nclock .*\n\nGPIO: .*\n\nI2C: .*\n$/);
});

it('cellgate run starts what it was given', async () => {
  const [code, io] = await cellgate(['run', '-c', 'good.yaml']);
  expect([code, io.err()]).toEqual([1, 'cellgate: could not start: not in this test\n']);
});

describe('usage', () => {
  it.each([
    [['chek'], "cellgate: error: unknown command 'chek' (Did you mean check?)"],
    [
      ['check', '--konfig', 'x'],
      "cellgate: error: unknown option '--konfig' (Did you mean --config?)",
    ],
    [['read'], "cellgate: error: missing required argument 'sensor'"],
    [['check', '--config'], "cellgate: error: option '-c, --config <file>' argument missing"],
    [
      ['check', 'a', 'b'],
      "cellgate: error: too many arguments for 'check'. Expected 0 arguments but got 2.",
    ],
    [['--verbose'], "cellgate: error: unknown option '--verbose'"],
  ])('%j ends with 2, one line and a hint', async (words, message) => {
    const [code, io] = await cellgate(words);
    expect([code, io.out()]).toEqual([2, '']);
    expect(io.err()).toBe(`${message}\nTry "cellgate --help".\n`);
  });

  it('shows the help and ends with 2 when there is no verb', async () => {
    const [code, io] = await cellgate([]);
    expect([code, io.out()]).toEqual([2, '']);
    expect(io.err()).toMatch(/^Usage: cellgate /);
  });

  it.each([[['--help']], [['-h']], [['help']], [['help', 'check']], [['check', '--help']]])(
    '%j shows the help and ends with 0',
    async (words) => {
      const [code, io] = await cellgate(words);
      expect([code, io.err()]).toEqual([0, '']);
      expect(io.out()).toMatch(/^Usage: cellgate /);
    },
  );

  it('--help names every verb and an example', async () => {
    const [, io] = await cellgate(['--help']);
    expect(io.out()).toMatch(/ run .* check .* probe .* read .* schema .*Examples:/s);
  });

  it('--help lists every verb with its summary, and the help of a verb its actions', async () => {
    const help = async (...words: string[]): Promise<string> =>
      (await cellgate([...words, '--help']))[1].out().replaceAll(/\s+/g, ' ');
    const all = await help();
    for (const { name, summary, actions = [] } of VERBS) {
      expect.soft(all).toMatch(new RegExp(` ${name} .*`));
      expect.soft(all).toContain(summary);
      const own = actions.length > 0 ? await help(name) : '';
      for (const action of actions) expect.soft(own).toContain(action.summary);
    }
  });

  it('a verb either runs or has actions that do', () => {
    for (const { name, run, actions = [] } of VERBS) {
      expect.soft(Boolean(run), name).toBe(actions.length === 0);
      for (const action of actions) expect.soft(action.run, action.name).toBeDefined();
    }
  });

  it('--version is that of the package', async () => {
    const file = path.resolve(import.meta.dirname, '../../../package.json');
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
    const [code, io] = await cellgate(['--version']);
    expect([code, io.out()]).toEqual([0, `${version}\n`]);
  });
});
