import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { startPlant } from '../../support/plant.ts';
import { startProxy } from '../../support/proxy.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

beforeEach(needs(tools.mosquitto));

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

let folder: string;
const file = (name: string): string => join(folder, name);

/** Certificates of a plant: right, expired, for another name, from another authority. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellgate-tls-'));
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { stdio: 'pipe', cwd: folder });
  const authority = (name: string): void => {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '30',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
    );
  };
  const certificate = (name: string, ca: string, host: string, days: string[]): void => {
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      `/CN=${host}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    );
    writeFileSync(
      file(`${name}.ext`),
      `subjectAltName=${host === '127.0.0.1' ? 'IP' : 'DNS'}:${host}\n`,
    );
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      `${ca}.crt`,
      '-CAkey',
      `${ca}.key`,
      '-CAcreateserial',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.crt`,
      ...days,
    );
  };
  authority('ca');
  authority('stranger');
  certificate('right', 'ca', '127.0.0.1', ['-days', '10']);
  certificate('expired', 'ca', '127.0.0.1', ['-days', '-1']);
  certificate('other-name', 'ca', 'office.example', ['-days', '10']);
  certificate('strange', 'stranger', '127.0.0.1', ['-days', '10']);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

async function gatewayTo(
  url: string,
  uplink: Readonly<Record<string, unknown>> = {},
): Promise<TestGateway> {
  const gateway = await startGateway({
    config: {
      uplinks: [
        {
          name: 'plant',
          url,
          reconnectMax: '1s',
          keepalive: '2s',
          routes: [{ out: '#', to: 'p/' }],
          ...uplink,
        },
      ],
    },
  });
  ends.push(() => gateway.dispose());
  return gateway;
}

async function silentServer(answer: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

/** The uplink's reason in status and log, and that it is logged once. */
async function said(gateway: TestGateway, words: RegExp): Promise<void> {
  const status = await statusWhen(gateway.port, ({ reason }) => words.test(reason ?? ''), 20_000);
  expect(status.state).not.toBe('connected');
  const linesOf = (): string[] =>
    gateway
      .stdout()
      .split('\n')
      .filter((line) => line.includes('"uplink":"plant"'));
  // Failures are collected for some seconds, so that one cause is one line.
  await until('it is logged', () => linesOf().some((line) => words.test(line)));
  const lines = linesOf();
  expect(lines.filter((line) => words.test(line)).length).toBe(1);
  expect(lines.length).toBe(1);
}

test('a plant where nothing listens', async () => {
  await said(
    await gatewayTo('mqtt://127.0.0.1:9'),
    /refuses the connection: nothing listens there/,
  );
});

test('a plant that takes the connection and never answers', async () => {
  const port = await silentServer(() => undefined);
  await said(await gatewayTo(`mqtt://127.0.0.1:${port}`), /never answers CONNECT/);
});

test('a plant that says CONNACK and then nothing', async () => {
  const port = await silentServer((socket) => {
    socket.once('data', () => socket.write(Buffer.from([0x20, 3, 0, 0, 0])));
  });
  await said(await gatewayTo(`mqtt://127.0.0.1:${port}`), /has stopped answering/);
});

test('a plant that refuses the password', async () => {
  writeFileSync(file('passwords'), 'u:right\n');
  execFileSync('mosquitto_passwd', ['-U', file('passwords')]);
  const plant = await startPlant([`password_file ${file('passwords')}`, 'allow_anonymous false']);
  ends.push(() => plant.dispose());
  const gateway = await gatewayTo(`mqtt://127.0.0.1:${plant.port}`, {
    username: 'u',
    password: `file:${file('secret')}`,
  }).catch((error: Error) => error);
  expect(String(gateway)).toContain('no such file');
  writeFileSync(file('secret'), 'wrong\n', { mode: 0o600 });
  const again = await gatewayTo(`mqtt://127.0.0.1:${plant.port}`, {
    username: 'u',
    password: `file:${file('secret')}`,
  });
  await said(again, /not authorised|refuses the user name or password/);
  writeFileSync(file('secret'), 'right\n', { mode: 0o600 });
  await statusWhen(again.port, ({ state }) => state === 'connected');
});

test.each([
  ['expired', /certificate that has expired/],
  ['other-name', /certificate for another name/],
  ['strange', /certificate that tls.ca has not signed/],
] as const)('a plant with a certificate that is wrong: %s', async (name, words) => {
  const tls = (of: string): string[] => [`certfile ${file(of)}.crt`, `keyfile ${file(of)}.key`];
  const plant = await startPlant(tls(name));
  ends.push(() => plant.dispose());
  const gateway = await gatewayTo(`mqtts://127.0.0.1:${plant.port}`, {
    tls: { ca: file('ca.crt') },
  });
  await said(gateway, words);
  const conf = join(plant.folder, 'mosquitto.conf');
  execFileSync('sed', ['-i', `s#/${name}\\.#/right.#`, conf]);
  await plant.stop();
  await plant.restart();
  await statusWhen(gateway.port, ({ state }) => state === 'connected');
});

test('a plant that takes messages and gives none back', async () => {
  writeFileSync(file('acl'), 'topic write #\n');
  const plant = await startPlant([`acl_file ${file('acl')}`]);
  ends.push(() => plant.dispose());
  const gateway = await gatewayTo(`mqtt://127.0.0.1:${plant.port}`, { protocol: 4 });
  const { state } = await statusWhen(gateway.port, ({ reason }) =>
    /does not bring them back|refuses the probe/.test(reason ?? ''),
  );
  expect(state).toMatch(/down|connected/);
});

test('a connection that stalls is noticed, and works again without a restart', async () => {
  const plant = await startPlant();
  ends.push(() => plant.dispose());
  const proxy = await startProxy(plant.port);
  ends.push(() => proxy.close());
  const gateway = await gatewayTo(`mqtt://127.0.0.1:${proxy.port}`);
  await statusWhen(gateway.port, ({ state }) => state === 'connected');
  proxy.stall();
  await statusWhen(gateway.port, ({ state }) => state === 'down');
  proxy.resume();
  await statusWhen(gateway.port, ({ state }) => state === 'connected');
});
