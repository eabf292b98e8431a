import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { expect, onTestFinished, test } from 'vitest';
import { setup } from '../../../src/cli/setup.ts';
import { drivers } from '../../../src/driver-table.ts';
import { fakeIo } from '../../support/fake-io.ts';
import { REPOSITORY } from '../../support/gateway.ts';
import { freePort, startServer } from '../../support/server-process.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { inTerminal, SCRIPT } from '../../support/terminal.ts';

const PASSWORD = 'a good password';

/** An answer by the beginning of its question; several are given one after the other. */
type Script = Readonly<Record<string, string | readonly string[]>>;

const ANSWERS: Script = {
  'Name of the cell': 'hall7',
  'Address of this machine': '192.0.2.20',
  'Page on the network': 'yes',
  'Broker of the plant': 'none',
  'First user': 'operator',
  'Password of': PASSWORD,
  Again: PASSWORD,
};

async function setUp(
  script: Script,
  before: Readonly<Record<string, string>> = {},
  isTerminal = true,
) {
  const folder = tempFolder();
  for (const [name, text] of Object.entries(before)) {
    writeFileSync(join(folder, name), text, { mode: 0o640 });
  }
  const io = fakeIo({}, folder);
  const left = new Map(Object.entries(script).map(([key, answer]) => [key, [answer].flat()]));
  const next = (question: string): string => {
    const key = [...left.keys()].find((one) => question.startsWith(one));
    const answer = key === undefined ? undefined : left.get(key)?.shift();
    if (answer === undefined) throw new Error(`no answer to "${question}"`);
    return answer;
  };
  const questions = {
    isTerminal,
    ask: async (question: string, usual: string) => next(question) || usual,
    askSecret: async (question: string) => next(question),
    close: () => undefined,
  };
  const code = await setup({ config: 'config.yaml' }, io, drivers, questions);
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  return { code, folder, out: io.out(), err: io.err(), read };
}

test('writes a config that check finds in order, the user and the certificates', async () => {
  const { code, folder, out, err, read } = await setUp(ANSWERS);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain('config.yaml: fine, 1 sensor, 2 listeners');
  expect(out).toContain('open https://192.0.2.20:8080/ and log in as operator');
  // The service reads /etc/cellgate/config.yaml only.
  expect(out).toContain(`start it with this config: cellgate run --config ${folder}/config.yaml\n`);
  expect(out).toContain(`cellgate reload --config ${folder}/config.yaml\n`);
  expect(read('config.yaml')).toContain('cell: hall7\n');
  expect(read('access.yaml')).toContain('name: operator');
  expect(read('access.yaml')).not.toContain(PASSWORD);
  expect(readdirSync(join(folder, 'tls')).sort()).toEqual([
    'ca.crt',
    'ca.key',
    'gateway.crt',
    'gateway.key',
  ]);
  expect(statSync(join(folder, 'config.yaml')).mode & 0o777).toBe(0o640);
});

test('with a plant writes its route and its password into a file of its own', async () => {
  const { code, read, folder, err } = await setUp({
    ...ANSWERS,
    'Page on the network': 'no',
    'Broker of the plant': 'mqtts://plant.example:8883',
    'Topics at the plant': 'plant/line4/',
    'User name at the plant': '',
    'File with the certificate': 'none',
    'Password at the plant': ['', 'of the plant'],
    Again: [PASSWORD, 'of the plant'],
  });
  expect({ code, err }).toEqual({ code: 0, err: '  expected a password\n' });
  expect(read('config.yaml')).toContain('username: hall7\n    password: file:plant.password\n');
  expect(read('config.yaml')).toContain('{ host: 127.0.0.1, port: 8080 }');
  expect(read('config.yaml')).toContain("{ out: '#', to: plant/line4/ }");
  expect(read('plant.password')).toBe('of the plant\n');
  expect(statSync(join(folder, 'plant.password')).mode & 0o777).toBe(0o640);
});

test('asks again for what can not be used, and says why', async () => {
  const { code, err } = await setUp({
    ...ANSWERS,
    'Name of the cell': ['hall/7', 'hall7'],
    'Address of this machine': ['127.0.0.1', '192.168.1.256', '192.0.2.20'],
    'Page on the network': ['maybe', 'y'],
    'Broker of the plant': ['plant.example', 'none'],
    'Password of': ['short', PASSWORD, PASSWORD],
    Again: ['another one', PASSWORD],
  });
  expect(code).toBe(0);
  expect(err.match(/.*\n/g)).toEqual([
    '  found "hall/7", expected one level of a topic such as robotcell1: no / + or #, no $ at the start\n',
    expect.stringContaining('found "127.0.0.1", expected the address or the name'),
    expect.stringContaining('found "192.168.1.256", expected the address or the name'),
    '  found "maybe", expected yes or no\n',
    expect.stringContaining('found "plant.example", expected an address such as mqtts://'),
    '  expected at least 8 characters\n',
    '  the two are not the same\n',
  ]);
});

test('a config that is there stays, with its file as it was', async () => {
  const { code, err, read, folder } = await setUp(ANSWERS, { 'config.yaml': 'cell: mine\n' });
  expect(code).toBe(1);
  expect(err).toContain('overwrites nothing');
  expect(read('config.yaml')).toBe('cell: mine\n');
  expect(readdirSync(folder)).toEqual(['config.yaml']);
});

test('the unchanged example of the package is renamed', async () => {
  const example = readFileSync(join(REPOSITORY, 'config/cellgate.yaml'), 'utf8');
  const { code, read } = await setUp(ANSWERS, { 'config.yaml': example });
  expect(code).toBe(0);
  expect(read('config.yaml.example')).toBe(example);
  expect(read('config.yaml')).toContain('cell: hall7');
});

test('users that are there stay, and none is asked for', async () => {
  const { 'First user': _, ...others } = ANSWERS;
  const { code, read, out } = await setUp(others, { 'access.yaml': 'users: []\n' });
  expect(code).toBe(0);
  expect(read('access.yaml')).toBe('users: []\n');
  expect(out).toContain('the users in access.yaml stay');
});

test('without a terminal says what to do, and writes nothing', async () => {
  const { code, err, folder } = await setUp({}, {}, false);
  expect(code).toBe(1);
  expect(err).toMatch(/no terminal[\s\S]*cellgate tls init[\s\S]*cellgate user add/);
  expect(readdirSync(folder)).toEqual([]);
});

test('where something fails the config is not written, and another run can be made', async () => {
  const { code, err, folder } = await setUp({
    ...ANSWERS,
    'Broker of the plant': 'mqtts://plant.example',
    'Topics at the plant': 'none',
    'User name at the plant': 'none',
    'File with the certificate': 'missing.crt',
  });
  expect(code).toBe(1);
  expect(err).toContain('run setup again');
  expect(existsSync(join(folder, 'config.yaml'))).toBe(false);
});

test.skipIf(!existsSync(SCRIPT))(
  'driven by a terminal it ends with a gateway, its page over TLS and its user',
  async () => {
    const folder = tempFolder();
    const config = join(folder, 'config.yaml');
    const cli = `'${process.execPath}' '${join(REPOSITORY, 'dist/program/cli.js')}'`;
    const { code, shown } = await inTerminal(`${cli} setup --config '${config}'`, [
      ['Name of the cell', 'hall7'],
      ['Address of this machine', 'localhost.lan'],
      ['Page on the network', ''],
      ['Broker of the plant', 'mqtt://127.0.0.1:9'],
      ['Topics at the plant', 'plant/'],
      ['User name at the plant', 'none'],
      ['First user', 'operator'],
      ['Password of operator', PASSWORD],
      ['Again', PASSWORD],
    ]);
    expect(code, shown).toBe(0);
    expect(shown).not.toContain(PASSWORD);
    expect(shown).toContain('fine, 1 sensor, 2 listeners');

    const [plain, secure, page] = [await freePort(), await freePort(), await freePort()];
    mkdirSync(join(folder, 'data'), { mode: 0o750 });
    const written = readFileSync(config, 'utf8')
      .replace('1883', String(plain))
      .replace('port: 8883', `port: ${secure}`)
      .replace('port: 8080', `port: ${page}`);
    writeFileSync(config, `${written}data: ${join(folder, 'data')}\n`);
    const args = [join(REPOSITORY, 'dist/program/cli.js'), 'run', '--config', config];
    const ports = [plain, secure, page];
    const gateway = await startServer({
      command: process.execPath,
      args,
      cwd: folder,
      ports,
      folder,
    });
    onTestFinished(() => gateway.dispose());
    const ca = readFileSync(join(folder, 'tls/ca.crt'));
    const statusOf = (path: string, auth?: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const options = { host: 'localhost', port: page, path, ca, ...(auth ? { auth } : {}) };
        request(options, (answer) => resolve(answer.resume().statusCode))
          .on('error', reject)
          .end();
      });
    expect(await statusOf('/')).toBe(200);
    expect(await statusOf('/metrics')).toBe(401);
    expect(await statusOf('/metrics', `operator:${PASSWORD}`)).toBe(200);
    const login = { username: 'operator', password: PASSWORD };
    const client = await mqtt.connectAsync(`mqtts://localhost:${secure}`, { ca, ...login });
    onTestFinished(() => client.endAsync(true).then(() => undefined));
    const first = new Promise<string>((resolve) => {
      client.once('message', (_topic, payload) => resolve(String(payload)));
    });
    await client.subscribeAsync('hall7/status');
    expect(await first).toBe('online');
    expect(await gateway.stop()).toBe(0);
  },
);
