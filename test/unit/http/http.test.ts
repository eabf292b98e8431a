import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as dial } from 'node:tls';
import mqtt from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { hashPassword } from '../../../src/access/passwords.ts';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { until } from '../../support/until.ts';

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Over a plain socket, so that every header can be said as it is. */
function ask(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  options: { method?: string; secure?: boolean } = {},
): Promise<Answered> {
  const { method = 'GET', secure = false } = options;
  return new Promise((resolve, reject) => {
    const how = { host: '127.0.0.1', port, path, method, headers, rejectUnauthorized: false };
    const asked = (secure ? secureRequest : request)(how, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (more: string) => {
        body += more;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

/** Resolves with the status that a request for MQTT over WebSocket is answered with; 101 when it is let in. */
function upgraded(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, ['mqtt'], { headers, rejectUnauthorized: false });
    socket.on('error', () => undefined);
    socket.on('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.on('unexpected-response', (_request, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
  });
}

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

describe('on loopback', () => {
  let gateway: TestGateway;
  let port: number;
  beforeAll(async () => {
    gateway = await startGateway({
      http: {},
      sensors: [
        { name: 'gripper', driver: 'simulated', signal: 'gripper', every: '100ms' },
        { name: 'door', driver: 'simulated', signal: 'door', history: 'day' },
      ],
    });
    port = gateway.httpPort;
  });
  afterAll(() => gateway.dispose());

  test('says that it is alive and ready', async () => {
    expect(await ask(port, '/healthz')).toMatchObject({ status: 200, body: 'alive\n' });
    const ready = await ask(port, '/readyz');
    expect(ready.status).toBe(200);
    expect(JSON.parse(ready.body)).toEqual({ ready: true, troubles: [] });
  });

  test('lets a browser load nothing from elsewhere and be framed by nobody', async () => {
    const { headers } = await ask(port, '/healthz');
    expect(headers['content-security-policy']).toMatch(/default-src 'none'; script-src 'self'/);
    expect(headers['content-security-policy']).not.toMatch(/unsafe|https?:|\*/);
    expect(headers['x-frame-options']).toBe('DENY');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  test.each([
    ['127.0.0.1', 200],
    ['127.0.0.1:8080', 200],
    ['[::1]:8080', 200],
    ['localhost:8080', 200],
    ['192.168.1.7', 200],
    ['attacker.example', 421],
    ['attacker.example:8080', 421],
    ['localhost.attacker.example', 421],
    ['127.0.0.1.attacker.example', 421],
    ['a b', 421],
  ])('a request to the host %s is answered with %i', async (host, status) => {
    expect((await ask(port, '/readyz', { host })).status).toBe(status);
  });

  test('has the last hour of each sensor, and the last day of those that ask for it', async () => {
    const courses = async (query: string) => {
      const topics = ['gripper/position', 'door', 'other'].map((one) => `topic=robotcell1/${one}`);
      return JSON.parse((await ask(port, `/api/history?${topics.join('&')}${query}`)).body);
    };
    await until(
      'the door is read',
      async () => (await courses(''))['robotcell1/door'] !== undefined,
    );
    const hour = await courses('&span=hour');
    expect(Object.keys(hour)).toEqual(['robotcell1/gripper/position', 'robotcell1/door']);
    const day = await courses('&span=day');
    expect(Object.keys(day)).toEqual(['robotcell1/door']);
    expect(day['robotcell1/door'].everyMs).toBe(240_000);
    expect(day['robotcell1/door'].last).toHaveLength(360);
    expect(Math.abs(day['robotcell1/door'].end - Date.now())).toBeLessThan(250_000);
  });

  test('what is long is sent compressed to who takes it so', async () => {
    const path = '/api/history?topic=robotcell1/gripper/position';
    const plain = await ask(port, path);
    expect(plain.headers['content-encoding']).toBeUndefined();
    const zipped = await ask(port, path, { 'accept-encoding': 'br, gzip' });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(Number(zipped.headers['content-length'])).toBeLessThan(plain.body.length / 4);
  });

  test.each([
    ['br, gzip', 'br'],
    ['gzip, deflate, br;q=0.8', 'br'],
    ['gzip, br;q=0', 'gzip'],
    ['gzip;q=0, identity', undefined],
    ['abr, xgzip', undefined],
    ['', undefined],
  ])('a file of the page for who takes "%s" is sent with %s', async (takes, encoding) => {
    const assets = join(REPOSITORY, 'dist/page/assets');
    const bytesOf = (name: string) => statSync(join(assets, name)).size;
    const [largest] = readdirSync(assets).sort((a, b) => bytesOf(b) - bytesOf(a));
    const path = `/assets/${largest}`;
    const file = await ask(port, path, { 'accept-encoding': takes });
    expect(file.headers['content-encoding']).toBe(encoding);
    const plain = await ask(port, path);
    const share = Number(file.headers['content-length']) / plain.body.length;
    expect(share).toBeLessThan(encoding ? 0.4 : 1.1);
  });

  test('only reads', async () => {
    expect((await ask(port, '/readyz', {}, { method: 'PUT' })).status).toBe(405);
    expect((await ask(port, '/', {}, { method: 'POST' })).status).toBe(404);
    expect(await ask(port, '/readyz', {}, { method: 'HEAD' })).toMatchObject({
      status: 200,
      body: '',
    });
  });

  test.each([
    '/nothing',
    '/../package.json',
    '/%2e%2e/package.json',
    '/assets/../../package.json',
    '//x',
  ])('has nothing on %s', async (path) => {
    expect((await ask(port, path)).status).toBe(404);
  });

  test('a head that is too long costs its sender the connection', async () => {
    const { status } = await ask(port, '/healthz', { cookie: 'x'.repeat(20_000) });
    expect(status).toBe(431);
  });

  test('carries MQTT for its own pages and for programs, not for pages of others', async () => {
    const url = `ws://127.0.0.1:${port}/mqtt`;
    expect(await upgraded(url, {})).toBe(101);
    expect(await upgraded(url, { origin: `http://127.0.0.1:${port}` })).toBe(101);
    expect(await upgraded(url, { origin: 'http://attacker.example' })).toBe(403);
    expect(await upgraded(url, { origin: `http://127.0.0.1:${port + 1}` })).toBe(403);
    expect(await upgraded(url, { origin: 'null' })).toBe(403);
    expect(await upgraded(url, { host: 'attacker.example' })).toBe(403);
    expect(await upgraded(`ws://127.0.0.1:${port}/other`, {})).toBe(404);
    const client = await mqtt.connectAsync(url);
    ends.push(() => client.endAsync(true));
    const arrived = new Promise<string>((resolve) => client.once('message', resolve));
    await client.subscribeAsync('robotcell1/gripper/position', { qos: 1 });
    expect(await arrived).toBe('robotcell1/gripper/position');
  });

  test('keeps the course of every value in memory', async () => {
    const topic = 'robotcell1/gripper/position';
    await until('the course has a point', async () => {
      const { body } = await ask(port, `/api/history?topic=${topic}&topic=no/such`);
      const found = JSON.parse(body) as Record<
        string,
        { last: (number | null)[]; everyMs: number }
      >;
      expect(Object.keys(found)).toEqual([topic]);
      const course = found[topic]!;
      expect(course.last.length).toBe(360);
      expect(course.everyMs).toBe(10_000);
      return typeof course.last.at(-1) === 'number';
    });
  });

  test('shows the last lines of the log, those that are new', async () => {
    const all = JSON.parse((await ask(port, '/api/log')).body) as {
      number: number;
      line: string;
    }[];
    expect(all.some(({ line }) => JSON.parse(line).msg === 'gateway of robotcell1 is up')).toBe(
      true,
    );
    const last = all.at(-1)!.number;
    const { body } = await ask(port, `/api/log?after=${last - 1}`);
    expect((JSON.parse(body) as { number: number }[])[0]?.number).toBe(last);
  });
});

test('is not ready while there is a trouble, and says the one that status says', async () => {
  const gateway = await startGateway({
    http: {},
    sensors: [{ name: 'boiler', driver: 'tmp102', bus: 'i2c-77', address: 0x48, every: '1s' }],
  });
  ends.push(() => gateway.dispose());
  await until(
    'the sensor has failed',
    async () => (await ask(gateway.httpPort, '/readyz')).status === 503,
  );
  const { body } = await ask(gateway.httpPort, '/readyz');
  expect(JSON.parse(body)).toEqual({
    ready: false,
    troubles: [expect.stringMatching(/^boiler: .*i2c-77/)],
  });
  expect((await ask(gateway.httpPort, '/healthz')).status).toBe(200);
});

test('a client can be sent away, not by a page of somebody else; the log has by whom', async () => {
  const gateway = await startGateway({ http: {} });
  ends.push(() => gateway.dispose());
  const options = { clientId: 'a b/ä', reconnectPeriod: 0 };
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, options);
  ends.push(() => client.endAsync(true));
  const path = `/api/disconnect?client=${encodeURIComponent('a b/ä')}`;
  const post = async (headers = {}, where = path): Promise<number> =>
    (await ask(gateway.httpPort, where, headers, { method: 'POST' })).status;
  expect(await post({ origin: 'http://attacker.example' })).toBe(403);
  expect((await ask(gateway.httpPort, path)).status).toBe(405);
  expect(await post({}, '/api/disconnect?client=other')).toBe(404);
  expect(client.connected).toBe(true);
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  expect(await post({ origin: `http://127.0.0.1:${gateway.httpPort}` })).toBe(200);
  await closed;
  expect(await post()).toBe(404);
  const { body } = await ask(gateway.httpPort, '/api/log?after=0');
  const lines = (JSON.parse(body) as { line: string }[]).map(({ line }) => JSON.parse(line));
  const logged = lines.filter(
    ({ msg }) => msg === 'a client was disconnected by a user of the page',
  );
  expect(logged).toMatchObject([{ client: 'a b/ä', by: 'anonymous', address: '127.0.0.1' }]);
});

test('the sessions are searched and sorted; a wrong query is refused with what is wrong', async () => {
  const gateway = await startGateway({ http: {} });
  ends.push(() => gateway.dispose());
  for (const clientId of ['plc-1', 'PLC-2', 'hmi']) {
    const options = { clientId, clean: clientId === 'hmi' };
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, options);
    if (clientId === 'PLC-2') await client.endAsync();
    else ends.push(() => client.endAsync(true));
  }
  const list = async (query: string): Promise<{ [key: string]: unknown }> => {
    const { status, body } = await ask(gateway.httpPort, `/api/clients?${query}`);
    expect(status).toBe(200);
    const { sessions, ...counts } = JSON.parse(body);
    return { ...counts, ids: sessions.map(({ clientId }: { clientId: string }) => clientId) };
  };
  const byId = 'sort=clientId&order=asc';
  expect(await list(byId)).toEqual({ total: 3, found: 3, ids: ['PLC-2', 'hmi', 'plc-1'] });
  expect(await list(`${byId}&text=plc`)).toEqual({ total: 3, found: 2, ids: ['PLC-2', 'plc-1'] });
  expect(await list(`${byId}&text=plc&limit=1`)).toMatchObject({ found: 2, ids: ['PLC-2'] });
  await until('it is away', async () => (await list('state=offline')).found === 1);
  expect(await list('state=online&sort=clientId')).toMatchObject({ ids: ['plc-1', 'hmi'] });
  for (const [query, said] of [
    ['sort=colour', 'sort is one of clientId, '],
    ['order=up', 'order is asc or desc'],
    ['state=gone', 'state is all, online or offline'],
    ['limit=201', 'limit is a number from 1 to 200'],
    [`text=${'x'.repeat(201)}`, 'text has at most 200'],
  ] as const) {
    const { status, body } = await ask(gateway.httpPort, `/api/clients?${query}`);
    expect([status, body]).toEqual([400, expect.stringContaining(said)]);
  }
});

test('a port that is taken ends the start with the key to change', async () => {
  const gateway = await startGateway({ http: {} });
  ends.push(() => gateway.dispose());
  const second = startGateway({ http: { port: gateway.httpPort } });
  await expect(second).rejects.toThrow(
    /http: port \d+ on 127\.0\.0\.1 is in use .* change http\.port/,
  );
});

describe('with users, over TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-http-'));
  const [cert, key] = [join(folder, 'gateway.crt'), join(folder, 'gateway.key')];
  let gateway: TestGateway;
  const get = (path: string, headers: Record<string, string> = {}) =>
    ask(gateway.httpPort, path, headers, { secure: true });
  beforeAll(async () => {
    const access = join(folder, 'access.yaml');
    const password = await hashPassword('right');
    const users = [
      { name: 'anna', password },
      { name: 'gripper-only', password, rules: [{ topic: 'robotcell1/gripper/#', allow: 'read' }] },
    ];
    writeFileSync(access, JSON.stringify({ users }), { mode: 0o600 });
    const pem = join(REPOSITORY, 'test/golden/config/tls');
    // A key that everybody may read, as Git leaves it, is refused.
    copyFileSync(join(pem, 'gateway.key'), key);
    copyFileSync(join(pem, 'gateway.crt'), cert);
    chmodSync(key, 0o600);
    gateway = await startGateway({
      access,
      http: {
        host: '0.0.0.0',
        tls: { cert, key },
      },
      sensors: [{ name: 'gripper', driver: 'simulated', signal: 'gripper', every: '100ms' }],
    });
  });
  afterAll(async () => {
    await gateway.dispose();
    rmSync(folder, { recursive: true });
  });

  test('who does not log in learns no more than whether it is ready', async () => {
    expect(JSON.parse((await get('/readyz')).body)).toEqual({ ready: true });
    expect((await get('/healthz')).status).toBe(200);
    const metrics = await get('/metrics');
    expect(metrics.status).toBe(401);
    expect(metrics.headers['www-authenticate']).toMatch(/^Basic/);
    for (const path of ['/api/log', '/api/history?topic=robotcell1/gripper/force']) {
      const { status, headers } = await get(path);
      expect([status, headers['www-authenticate']]).toEqual([401, undefined]);
    }
    expect((await get('/metrics', basic('anna', 'wrong'))).status).toBe(401);
    expect((await get('/metrics', { authorization: 'Basic !' })).status).toBe(401);
  });

  test('a user sees over HTTP what he may read over MQTT', async () => {
    expect((await get('/metrics', basic('anna', 'right'))).status).toBe(200);
    expect((await get('/api/log', basic('anna', 'right'))).status).toBe(200);
    const own = basic('gripper-only', 'right');
    expect((await get('/metrics', own)).status).toBe(403);
    expect((await get('/api/log', own)).status).toBe(403);
    expect((await get('/api/clients', own)).status).toBe(403);
    expect((await get('/api/clients', basic('anna', 'right'))).status).toBe(200);
    const rights = async (user: string): Promise<unknown> =>
      JSON.parse((await get('/api/rights?topic=a/set', basic(user, 'right'))).body);
    expect(await rights('anna')).toEqual({ 'a/set': true });
    expect(await rights('gripper-only')).toEqual({ 'a/set': false });
    expect((await get('/api/rights?topic=a/set')).status).toBe(401);
    const filters = async (user: string): Promise<unknown> =>
      JSON.parse((await get('/api/filters', basic(user, 'right'))).body);
    expect(await filters('anna')).toEqual({ read: ['#', '$SYS/#'], all: 2 });
    expect(await filters('gripper-only')).toEqual({ read: ['robotcell1/gripper/#'], all: 1 });
    expect((await get('/api/filters')).status).toBe(401);
    // A user without rules may do much, but not end the connections of others.
    expect((await get('/api/disconnect?client=x', basic('anna', 'right'))).status).toBe(403);
    const topics = 'topic=robotcell1/gripper/force&topic=robotcell1/other';
    const { body } = await get(`/api/history?${topics}`, own);
    expect(Object.keys(JSON.parse(body))).toEqual(['robotcell1/gripper/force']);
    expect(JSON.parse((await get('/readyz', own)).body)).toEqual({ ready: true });
  });

  test('the broker itself asks who comes over the WebSocket', async () => {
    const url = `wss://127.0.0.1:${gateway.httpPort}/mqtt`;
    const options = { rejectUnauthorized: false, reconnectPeriod: 0 };
    await expect(mqtt.connectAsync(url, options)).rejects.toThrow(/Not authorized/i);
    const client = await mqtt.connectAsync(url, {
      ...options,
      username: 'anna',
      password: 'right',
    });
    await client.endAsync(true);
  });

  test('a new certificate is taken up without a restart, and its end is told before it comes', async () => {
    const made = execFileSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-days', '10', '-subj', '/CN=another', '-keyout', '-', '-out', '-'],
    ]);
    writeFileSync(key, made);
    writeFileSync(cert, made);
    const troubles = async () =>
      JSON.parse((await get('/readyz', basic('anna', 'right'))).body).troubles;
    await until('its end is told', async () => (await troubles()).length > 0);
    expect(await troubles()).toEqual([
      expect.stringMatching(/^the certificate .*gateway\.crt ends on \S+, in 9 days: /),
    ]);
    const subject = await new Promise<unknown>((resolve, reject) => {
      const where = { port: gateway.httpPort, rejectUnauthorized: false };
      const socket = dial(where, () => {
        resolve(socket.getPeerCertificate().subject);
        socket.destroy();
      });
      socket.on('error', reject);
    });
    expect(subject).toMatchObject({ CN: 'another' });
  });
});
