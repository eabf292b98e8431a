import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { Client5 } from '../../support/client-5.ts';
import { readPage, rowsOf } from '../../support/doc-page.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import * as p from '../../support/packets.ts';
import * as p5 from '../../support/packets-5.ts';
import { RawClient } from '../../support/raw-client.ts';
import {
  PASSWORD,
  type SecuredGateway,
  startSecuredGateway,
} from '../../support/secured-gateway.ts';
import { waitFor } from '../../support/wait-for.ts';

/** Provokes every row of the tables of docs/clients.md, and compares what the client gets and what the log says. */
const page = readPage('clients.md');
const rows = rowsOf(page, '| code | `reason` in the log |').map(([code = '', reason = '']) => ({
  codes: code.split(', '),
  reason: reason.replaceAll('`', ''),
}));

let secured: SecuredGateway;
/** Its limits are small, and it has no access file. */
let small: TestGateway;
beforeAll(async () => {
  const display = "{ topic: 'robotcell1/#', allow: read }";
  secured = await startSecuredGateway({ display, other: '', leaving: '' });
  const limits = { connections: 3, sessions: 3, connectTimeout: '500ms', absentSessions: 'keep' };
  small = await startGateway({ limits });
});
afterAll(async () => {
  await secured?.dispose();
  await small?.dispose();
});

/** The code that ends the connection: of CONNACK, or of DISCONNECT; `none` if there is none. */
type Codes = readonly string[];
const login = { username: 'hmi', password: PASSWORD };
const port = (name: keyof SecuredGateway['ports']): number => secured.ports[name];

/** The log has ten lines a minute about one address: each row has an address of loopback. */
let address = 0;
beforeEach(() => {
  address++;
});

async function open(at: number): Promise<Socket> {
  const localAddress = `127.0.7.${address}`;
  const socket = createConnection({ port: at, host: '127.0.0.1', localAddress, noDelay: true });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const raw = async (at: number): Promise<RawClient> => RawClient.overSocket(await open(at));
const raw5 = async (at: number): Promise<Client5> => Client5.overSocket(await open(at));

/** MQTT 3.1.1: what a CONNECT is answered. */
async function refused3(at: number, options: p.ConnectOptions): Promise<string> {
  const client = await raw(at);
  client.send(p.connect({ clientId: 'refused', ...options }));
  await client.gone();
  const [packet] = client.inbox;
  return packet?.type === 'connack' ? `${packet.code}` : 'none';
}

const hex = (code = 0): string => `0x${code.toString(16).padStart(2, '0').toUpperCase()}`;

/** MQTT 5. */
async function refused5(at: number, options: p5.ConnectOptions5): Promise<string> {
  const client = await raw5(at);
  client.send(p5.connect({ clientId: 'refused', ...options }));
  return hex((await client.next('connack')).code);
}

/** The same CONNECT of both versions. */
async function both(at: number, options: p.ConnectOptions & p5.ConnectOptions5): Promise<Codes> {
  return [await refused3(at, options), await refused5(at, options)];
}

/** Sends bytes that are no CONNECT; they are not answered. */
async function silent(at: number, bytes: string | Buffer): Promise<Codes> {
  const socket = await open(at);
  let got = '';
  socket.on('data', (chunk) => {
    got += chunk.toString('hex');
  });
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return got === '' ? ['none'] : [got];
}

/** A certificate of panel9, over TLS. */
function withCertificate(): Promise<Socket> {
  const file = (name: string): Buffer => readFileSync(join(secured.folder, name));
  const options = { ca: file('ca.crt'), cert: file('panel9.crt'), key: file('panel9.key') };
  const socket = connectTls({ host: '127.0.0.1', port: port('tls'), ...options });
  onTestFinished(() => void socket.destroy());
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('secureConnect', () => resolve(socket));
  });
}

/** The status of an upgrade to WebSocket. */
function upgraded(headers: Record<string, string>): Promise<Codes> {
  const upgrade = {
    ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
    ...{ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers },
  };
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: port('ws'), headers: upgrade });
    asked.on('error', reject);
    asked.on('response', ({ statusCode }) => resolve([`HTTP ${statusCode}`]));
    asked.end();
  });
}

/** A connected client of MQTT 5 whose connection ends after the packets. */
async function ended5(id: string, ...packets: readonly Buffer[]): Promise<Codes> {
  const client = await raw5(port('plain'));
  await client.connect({ clientId: id, ...login });
  client.send(...packets);
  // Acknowledgements may come before it.
  const end = (await client.raw.take('disconnect' as never)) as unknown as p5.Packet5;
  return [hex(end.code)];
}

const will = { topic: 'factory/status', payload: Buffer.from('offline') };
const method = (name: string) => ({
  properties: [['authenticationMethod', name]] as p5.Properties,
});

/** By the reason of the row, what provokes it. */
const PROVOKED: Readonly<Record<string, () => Promise<Codes>>> = {
  'it speaks MQTT 5, and this listener takes 3.1 and 3.1.1: set its protocol version to 3.1.1 (level 4)':
    async () => {
      const client = await raw(port('old'));
      client.send(p5.connect({ clientId: 'refused' }));
      return [`${(await client.next('connack')).code}`];
    },
  'an empty client id needs a clean session': async () => [
    await refused3(port('plain'), { clientId: '', clean: false, ...login }),
  ],
  'its client id is the session of another user': async () => {
    const owner = await raw(port('plain'));
    await owner.connect({ clientId: 'owned', clean: false, ...login });
    await owner.disconnect();
    const options = { clientId: 'owned', username: 'other', password: 'other-secret' };
    return both(port('plain'), options);
  },
  'too many connections': async () => {
    for (const id of ['a', 'b', 'c']) {
      await (await raw(small.port)).connect({ clientId: id });
    }
    return both(small.port, {});
  },
  'too many sessions': async () => {
    for (const id of ['d', 'e', 'f']) {
      const client = await raw(small.port);
      await client.connect({ clientId: id, clean: false });
      await client.disconnect();
    }
    const codes = await both(small.port, {});
    for (const id of ['d', 'e', 'f']) {
      const client = await raw(small.port);
      await client.connect({ clientId: id });
      await client.disconnect();
    }
    return codes;
  },
  'wrong user or password: "hmi"': () => both(port('plain'), { username: 'hmi' }),
  'too many wrong passwords for "hmi"': async () => {
    for (const n of [1, 2, 3, 4]) {
      await refused3(port('plain'), { username: 'hmi', password: `wrong${n}` });
    }
    return both(port('plain'), { username: 'hmi', password: 'wrong' });
  },
  'no user name': () => both(port('plain'), {}),
  'the access file has no rules for anonymous clients': () => both(port('open'), {}),
  'may not publish its will on factory/status': () =>
    both(port('plain'), { username: 'display', password: 'display-secret', will }),
  'a certificate of panel9, which is no user': async () => {
    const client = RawClient.overSocket(await withCertificate());
    client.send(p.connect({ clientId: 'panel9' }));
    const { code } = await client.next('connack');
    const client5 = Client5.overSocket(await withCertificate());
    client5.send(p5.connect({ clientId: 'panel9' }));
    return [`${code}`, hex((await client5.next('connack')).code)];
  },
  'it asks for the authentication method "PLAIN", the gateway has SCRAM-SHA-256': async () => [
    'none',
    await refused5(port('plain'), method('PLAIN')),
  ],
  'SCRAM-SHA-256 needs users, and there is no access file (broker.access)': async () => [
    'none',
    await refused5(small.port, method('SCRAM-SHA-256')),
  ],
  'a password without a user name': async () => {
    return silent(port('plain'), p.connect({ clientId: 'c', password: 'x' }));
  },
  'it begins with TLS, and this port has none': () =>
    silent(port('plain'), Buffer.from('160301020001000001fc0303', 'hex')),
  'it speaks HTTP or WebSocket, and this port takes MQTT over TCP': () =>
    silent(port('plain'), 'GET /mqtt HTTP/1.1\r\nHost: gateway\r\n\r\n'),
  'no CONNECT in time': () => silent(small.port, ''),
  'a page of "https://hmi.example", which is not in origins': () =>
    upgraded({ origin: 'https://hmi.example', 'sec-websocket-protocol': 'mqtt' }),
  'another client has connected with its client id': async () => {
    const first = await raw5(port('plain'));
    await first.connect({ clientId: 'twin', ...login });
    await (await raw5(port('plain'))).connect({ clientId: 'twin', ...login });
    return [hex((await first.next('disconnect')).code)];
  },
  'keepalive ran out': async () => {
    const client = await raw5(port('plain'));
    await client.connect({ clientId: 'quiet', keepalive: 1, ...login });
    return [hex((await client.next('disconnect')).code)];
  },
  'a payload of 1048577 bytes is too large, the largest has 1048576': async () => {
    const client = await raw(port('plain'));
    await client.connect({ clientId: 'camera3', ...login });
    client.send(p.publish('t', Buffer.alloc(1_048_577)).subarray(0, 1000));
    await client.closed();
    return ['none'];
  },
  'a packet of 1115200 bytes is too large, the largest has 1115136': () =>
    ended5('camera5', p5.publish('t', Buffer.alloc(1_115_200 - 8)).subarray(0, 1000)),
  'the topic holds the control character U+0002, which broker.limits.controlCharacters refuses':
    () => ended5('scanner', p5.publish('scan/\u0002', '4711')),
  'more than 1000 messages without an acknowledgement': () =>
    ended5(
      'logger',
      ...Array.from({ length: 1001 }, (_, n) => p5.publish('t', '', { qos: 2, id: n + 1 })),
    ),
  'no longer admitted by the access file': async () => {
    const client = await raw5(port('plain'));
    await client.connect({ clientId: 'leaving', username: 'leaving', password: 'leaving-secret' });
    const file = join(secured.folder, 'access.yaml');
    const text = readFileSync(file, 'utf8').replace(/^.*name: leaving.*\n/m, '');
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    return [hex((await client.next('disconnect')).code)];
  },
};

/** It needs 67 passwords at the same moment, which take both processors for seconds: test/unit/access/passwords.test.ts has it. */
const ELSEWHERE = 'too many passwords to compare';

test('every row is provoked, and every reason is in a row', () => {
  const reasons = rows.map(({ reason }) => reason).filter((one) => one !== 'nothing');
  expect(reasons.sort()).toEqual([...Object.keys(PROVOKED), ELSEWHERE].sort());
});

describe.each(rows.filter(({ reason }) => reason in PROVOKED))('$reason', ({ codes, reason }) => {
  test('the client gets the code, and the log has the sentence', async () => {
    expect(await PROVOKED[reason]?.()).toEqual(codes);
    const inLog = `"reason":${JSON.stringify(reason)}`;
    await waitFor(() => expect(`${secured.gateway.stdout()}${small.stdout()}`).toContain(inLog));
  });
});
