import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { hashPassword } from '../../../src/access/passwords.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';

const READS = [{ topic: 'robotcell1/#', allow: 'read' }];
const ends: (() => Promise<unknown>)[] = [];
let gateway: TestGateway;
let home: string;
const folder = mkdtempSync(join(tmpdir(), 'cellgate-login-'));
const access = join(folder, 'access.yaml');
let passwords: { right: string; other: string };

beforeAll(async () => {
  passwords = { right: await hashPassword('right'), other: await hashPassword('other') };
  writeUsers({});
  gateway = await startGateway({ access, http: {} });
  home = `http://127.0.0.1:${gateway.httpPort}`;
});
afterAll(async () => {
  await gateway?.dispose();
  rmSync(folder, { recursive: true });
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** The users, with these in place of the usual ones; undefined removes one. */
function writeUsers(changed: Readonly<Record<string, object | undefined>>): void {
  const password = passwords.right;
  const usual = {
    anna: { password },
    reader: { password, rules: READS },
    changing: { password },
    leaving: { password },
    guessed: { password },
  };
  const users = Object.entries({ ...usual, ...changed })
    .filter(([, user]) => user !== undefined)
    .map(([name, user]) => ({ name, ...user }));
  writeFileSync(access, JSON.stringify({ users }), { mode: 0o600 });
}

const own = (): Record<string, string> => ({ origin: home });
const post = (path: string, headers: Record<string, string> = own(), body?: string) =>
  fetch(`${home}${path}`, { method: 'POST', headers, ...(body === undefined ? {} : { body }) });
const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${home}${path}`, { headers });
const logIn = (user: string, password = 'right', headers = {}) =>
  post(
    '/api/login',
    { ...own(), 'content-type': 'application/json', ...headers },
    JSON.stringify({ user, password }),
  );

const logOuts = (): number => gateway.stdout().split('has logged out at the page').length - 1;

/** Logs in; resolves with the cookie as a browser sends it. */
async function cookieFor(user: string): Promise<string> {
  const response = await logIn(user);
  expect(response.status).toBe(200);
  return response.headers.getSetCookie()[0]!.split(';')[0]!;
}

/** MQTT over WebSocket with these headers; resolves with the client, or with why it was refused. */
async function connect(headers: Record<string, string>, options = {}) {
  const client = mqtt.connect(`${home.replace('http', 'ws')}/mqtt`, {
    ...{ reconnectPeriod: 0, wsOptions: { headers }, ...options },
  });
  ends.push(() => client.endAsync(true));
  return new Promise<typeof client | string>((resolve) => {
    client.once('connect', () => resolve(client));
    client.once('error', ({ message }) => resolve(message));
  });
}

/** The same for a client that must be admitted. */
async function connected(cookie: string) {
  const client = await connect({ ...own(), cookie });
  if (typeof client === 'string') throw new Error(client);
  return client;
}
/** The status of a request for a WebSocket with these headers. */
const upgraded = (headers: Record<string, string>): Promise<number | undefined> =>
  new Promise((resolve) => {
    const socket = new WebSocket(`${home.replace('http', 'ws')}/mqtt`, ['mqtt'], { headers });
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode));
    socket.on('open', () => {
      socket.terminate();
      resolve(101);
    });
  });
const closing = (client: mqtt.MqttClient) =>
  new Promise<void>((resolve) => client.once('close', () => resolve()));

describe('a login at the page', () => {
  test('gives a cookie that no script and no other site can use, and no password', async () => {
    const response = await logIn('anna');
    expect([response.status, await response.json()]).toEqual([200, { user: 'anna' }]);
    const [cookie, ...more] = response.headers.getSetCookie();
    expect(cookie).toMatch(
      /^cellgate-\d+=[\w-]{43}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/,
    );
    expect(more).toEqual([]);
  });

  test('authorises requests and MQTT over WebSocket, with the rights of its user', async () => {
    const cookie = await cookieFor('reader');
    expect(await (await get('/api/login', { cookie })).json()).toEqual({
      ...{ user: 'reader', hasUsers: true, isAdministrator: false },
    });
    expect((await get('/api/login')).status).toBe(200);
    expect((await get('/api/filters')).status).toBe(401);
    expect(await (await get('/api/filters', { cookie })).json()).toEqual({
      ...{ read: ['robotcell1/#'], all: 1 },
    });
    expect((await get('/api/log', { cookie })).status).toBe(403);
    const client = await connected(cookie);
    expect(await client.subscribeAsync('robotcell1/#')).toMatchObject([{ qos: 0 }]);
    await expect(client.subscribeAsync('$SYS/#')).rejects.toThrow(/Subscribe error/);
  });

  test('leaves clients that send their own user as they are', async () => {
    const cookie = await cookieFor('reader');
    const user = { username: 'anna', password: 'right' };
    const client = await connect({ ...own(), cookie }, user);
    if (typeof client === 'string') throw new Error(client);
    expect((await client.subscribeAsync('$SYS/#'))[0]?.qos).toBe(0);
    expect(await connect({}, user)).toBeTypeOf('object');
    const wrong = { username: 'anna', password: 'wrong' };
    expect(await connect({ ...own(), cookie }, wrong)).toMatch(/Bad user/);
    const basic = `Basic ${Buffer.from('anna:right').toString('base64')}`;
    expect((await get('/api/log', { authorization: basic })).status).toBe(200);
    expect((await get('/api/log', { authorization: basic, cookie })).status).toBe(200);
  });

  test('is refused with a wrong password, after three of them for a time', async () => {
    const user = { username: 'guessed', password: 'right' };
    // Each at once, so that the time has not passed; else again.
    const answers = async (): Promise<unknown[]> => {
      for (let i = 0; i < 4; i++) expect((await logIn('guessed', 'wrong')).status).toBe(401);
      const refused = await logIn('guessed');
      // The limit holds for this user from this address, also for a client of MQTT.
      return [refused.status, refused.headers.getSetCookie(), await connect({}, user)];
    };
    const expected = [401, [], expect.stringMatching(/Bad user/)];
    await expect.poll(answers).toEqual(expected);
    await expect.poll(async () => (await logIn('guessed')).status).toBe(200);
    expect((await logIn('no such user')).status).toBe(401);
  });

  test.each([
    ['no JSON', '{', {}],
    ['no object', '"anna"', {}],
    ['no password', '{"user":"anna"}', {}],
    ['no text', '{"user":"anna","password":{}}', {}],
    ['too much', JSON.stringify({ user: 'anna', password: 'x'.repeat(5000) }), {}],
  ])('is refused for a body that is %s', async (_what, body, headers) => {
    const type = { ...own(), 'content-type': 'application/json', ...headers };
    const refused = await post('/api/login', type, body);
    expect([refused.status, refused.headers.getSetCookie()]).toEqual([400, []]);
  });

  test('is refused from a page of another site', async () => {
    const foreign = { origin: 'http://attacker.example' };
    expect((await logIn('anna', 'right', foreign)).status).toBe(403);
  });

  test('takes the place of the login before it', async () => {
    const cookie = await cookieFor('anna');
    expect((await logIn('reader', 'right', { cookie })).status).toBe(200);
    expect((await get('/api/filters', { cookie })).status).toBe(401);
  });
});

test('without users the page offers no login, and a try names what is missing', async () => {
  const open = await startGateway({ http: {} });
  ends.push(() => open.dispose());
  const url = `http://127.0.0.1:${open.httpPort}`;
  const present = await fetch(`${url}/api/login`);
  expect(await present.json()).toMatchObject({ user: null, hasUsers: false });
  const headers = { origin: url, 'content-type': 'application/json' };
  const body = JSON.stringify({ user: 'anna', password: 'right' });
  const refused = await fetch(`${url}/api/login`, { method: 'POST', headers, body });
  expect(refused.status).toBe(409);
  expect(await refused.text()).toContain('broker.access');
});

test('with users the page offers a login', async () => {
  expect(await (await get('/api/login')).json()).toMatchObject({ user: null, hasUsers: true });
});

describe('a cookie', () => {
  test('is refused from another origin, and without one where something may change', async () => {
    const cookie = await cookieFor('anna');
    const client = await connected(cookie);
    const isClosed = closing(client);
    const path = `/api/disconnect?client=${client.options.clientId}`;
    for (const origin of ['http://attacker.example', 'null', `${home}0`]) {
      expect((await get('/api/filters', { cookie, origin })).status).toBe(403);
      expect((await post(path, { cookie, origin })).status).toBe(403);
      expect(await upgraded({ cookie, origin })).toBe(403);
    }
    expect((await post(path, { cookie })).status).toBe(403);
    expect((await post('/api/logout', { cookie })).status).toBe(403);
    expect(await upgraded({ cookie })).toBe(403);
    expect(await upgraded({ ...own(), cookie })).toBe(101);
    expect(client.connected).toBe(true);
    // The user has no right to it, but the request is admitted.
    const refused = await post(path, { ...own(), cookie });
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringMatching(/may not/)]);
    await post('/api/logout', { ...own(), cookie });
    await isClosed;
  });

  test('that is not one of a login is none', async () => {
    const cookie = await cookieFor('anna');
    const [name, token = ''] = cookie.split('=');
    for (const value of [
      '',
      token.slice(1),
      `${token}A`,
      token.repeat(100),
      '%',
      token.toUpperCase(),
    ])
      expect((await get('/api/filters', { cookie: `${name}=${value}` })).status).toBe(401);
    expect(await connect({ ...own(), cookie: `${name}=${token}A` })).toMatch(/Not auth/);
    const tooLong = await get('/api/filters', { cookie: `${name}=${'A'.repeat(20_000)}` });
    expect(tooLong.status).toBe(431);
  });
});

describe('the end of a login', () => {
  test('comes with the log-out: for its requests and its connections, not for those of another one', async () => {
    const [cookie, other] = [await cookieFor('anna'), await cookieFor('anna')];
    const clients = [await connected(cookie), await connected(cookie), await connected(other)];
    const closed = Promise.all(clients.slice(0, 2).map(closing));
    const before = logOuts();
    const out = await post('/api/logout', { ...own(), cookie });
    expect(out.status).toBe(200);
    expect(out.headers.getSetCookie()[0]).toMatch(/^cellgate-\d+=; Path=\/; Max-Age=0;/);
    await closed;
    expect((await get('/api/filters', { cookie })).status).toBe(401);
    expect((await get('/api/filters', { cookie: other })).status).toBe(200);
    expect(clients[2]!.connected).toBe(true);
    expect((await post('/api/logout')).status).toBe(200);
    expect((await get('/api/logout')).status).toBe(405);
    // The second one had no login.
    expect(logOuts() - before).toBe(1);
  });

  test.each([
    ['another password', 'changing', () => ({ password: passwords.other })],
    ['the removal of the user', 'leaving', () => undefined],
  ])('comes with %s', async (_what, user, change) => {
    const [cookie, other] = [await cookieFor(user), await cookieFor('reader')];
    const clients = [await connected(cookie), await connected(other)];
    const isClosed = closing(clients[0]!);
    writeUsers({ [user]: change() });
    await isClosed;
    expect((await get('/api/filters', { cookie })).status).toBe(401);
    expect(await connect({ ...own(), cookie })).toMatch(/Not auth/);
    expect((await get('/api/filters', { cookie: other })).status).toBe(200);
    expect(clients[1]!.connected).toBe(true);
    // Another time with the former password: the login does not come back.
    writeUsers({});
    await expect.poll(async () => (await logIn(user)).status).toBe(200);
    expect((await get('/api/filters', { cookie })).status).toBe(401);
  });
});
