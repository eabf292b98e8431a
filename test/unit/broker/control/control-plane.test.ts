import { createRequire } from 'node:module';
import { Aedes, type Client } from 'aedes';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Connection } from '../../../../src/broker/clients/connection.ts';
import { ControlPlane } from '../../../../src/broker/control/control-plane.ts';
import { ControlStream } from '../../../../src/broker/control/control-stream.ts';
import type { ConnectPacket } from '../../../../src/mqtt/connect.ts';
import type { Store } from '../../../../src/store/store.ts';
import { waitFor } from '../../../support/wait-for.ts';

/** What we rely on in aedes: a change of any of it fails here first. */

const CONNECT: ConnectPacket = {
  version: 4,
  bridge: false,
  clean: true,
  keepalive: 0,
  clientId: 'c',
  will: undefined,
  username: undefined,
  password: undefined,
  properties: {},
};

const will = {
  topic: 'status',
  payload: Buffer.from('gone'),
  qos: 1 as const,
  retain: true,
};

/** A control plane whose events are lines, over connections that are names. */
async function setUp() {
  const lines: string[] = [];
  const operations: string[] = [];
  const store = {
    journal: { add: (operation: string[]) => operations.push(operation.slice(0, 2).join(' ')) },
  } as unknown as Store;
  const plane = new ControlPlane(store, {
    registered: (connection, clientId) => lines.push(`${connection} registered as ${clientId}`),
    connack: (connection, code) => lines.push(`${connection} connack ${code}`),
    ended: (connection, reason) => lines.push(`${connection} ended: ${reason}`),
    watch: () => () => undefined,
    sessionMs: () => 0,
    async will({ topic, payload, qos, retain }) {
      lines.push(`will ${topic} ${Buffer.from(payload)} ${qos} ${retain}`);
    },
  });
  await plane.start({ wills: [], delayedWills: [] }, 0);
  onTestFinished(() => plane.stop());
  const connection = (name: string) => {
    const bytes: string[] = [];
    const made = {
      sendBuffer: { write: (each: Buffer) => bytes.push(each.toString('hex')) },
      toString: () => name,
    };
    return Object.assign(made as unknown as Connection, { bytes });
  };
  return { plane, lines, operations, connection };
}

test('a client connects: registered first, CONNACK after', async () => {
  const { plane, lines, connection } = await setUp();
  plane.connect(connection('a'), CONNECT);
  await waitFor(() => expect(lines).toEqual(['a registered as c', 'a connack 0']));
});

test.each([
  ['MQTT 3.1', { version: 3 }],
  ['a long id in MQTT 3.1', { version: 3, clientId: 'x'.repeat(1000) }],
  ['a user without a password', { username: 'u' }],
  ['any bytes as a password', { username: 'ü€𝄞', password: Buffer.from([0, 255, 1]) }],
  ['a persistent session', { clean: false }],
  ['a will of any bytes', { will: { ...will, payload: Buffer.from([0, 255]), qos: 2 } }],
  ['a will with an empty payload', { will: { ...will, payload: Buffer.alloc(0) } }],
  ['a will on many levels', { will: { ...will, topic: 'a/'.repeat(120) } }],
  ['a keepalive, which is not passed on', { keepalive: 1 }],
] as [string, Partial<ConnectPacket>][])('%s is accepted', async (_name, packet) => {
  const { plane, lines, connection } = await setUp();
  plane.connect(connection('a'), { ...CONNECT, ...packet });
  await waitFor(() => expect(lines.at(-1)).toBe('a connack 0'));
});

test('a client without an id is given one', async () => {
  const { plane, lines, connection } = await setUp();
  plane.connect(connection('a'), { ...CONNECT, clientId: '' });
  plane.connect(connection('b'), { ...CONNECT, clientId: '' });
  await waitFor(() => expect(lines).toHaveLength(4));
  const ids = lines.filter((line) => line.includes('registered')).map((line) => line.slice(16));
  expect(ids[0]).toMatch(/^aedes_[0-9a-f-]{36}$/);
  expect(new Set(ids).size).toBe(2);
});

test('PINGREQ is answered, also right behind CONNECT', async () => {
  const { plane, lines, connection } = await setUp();
  const a = connection('a');
  plane.connect(a, CONNECT);
  plane.ping(a);
  await waitFor(() => expect(lines).toContain('a connack 0'));
  plane.ping(a);
  await waitFor(() => expect(a.bytes.join('')).toBe('d000d000'));
});

test('a takeover ends the old connection before the new one is registered', async () => {
  const { plane, lines, connection } = await setUp();
  plane.connect(connection('a'), { ...CONNECT, will });
  await waitFor(() => expect(lines).toContain('a connack 0'));
  lines.length = 0;
  plane.connect(connection('b'), { ...CONNECT, will: { ...will, topic: 'other' } });
  await waitFor(() =>
    expect(lines).toEqual([
      'will status gone 1 true',
      'a ended: another client has connected with its client id',
      'b registered as c',
      'b connack 0',
    ]),
  );
});

test('many takeovers at once end one after the other, none left over', async () => {
  const { plane, lines, connection } = await setUp();
  for (let i = 0; i < 10; i++) plane.connect(connection(`${i}`), CONNECT);
  await waitFor(() => expect(lines.filter((line) => line.includes('registered'))).toHaveLength(10));
  await waitFor(() => expect(lines.filter((line) => line.includes('ended'))).toHaveLength(9));
});

test('a lost client has its will published once, with all that belongs to it', async () => {
  const { plane, lines, operations, connection } = await setUp();
  const a = connection('a');
  plane.connect(a, { ...CONNECT, will });
  await waitFor(() => expect(lines).toContain('a connack 0'));
  plane.lost(a);
  plane.lost(a);
  await waitFor(() => expect(operations).toEqual(['putWill c', 'deleteWill c']));
  expect(lines.filter((line) => line.startsWith('will'))).toEqual(['will status gone 1 true']);
});

test('after DISCONNECT there is no will, also when the socket is gone at once', async () => {
  const { plane, lines, operations, connection } = await setUp();
  const a = connection('a');
  plane.connect(a, { ...CONNECT, will });
  await waitFor(() => expect(lines).toContain('a connack 0'));
  plane.disconnect(a);
  await waitFor(() =>
    expect(lines.at(-1)).toBe('a ended: another client has connected with its client id'),
  );
  plane.lost(a);
  await waitFor(() => expect(operations).toEqual(['putWill c', 'deleteWill c']));
  expect(lines.some((line) => line.startsWith('will'))).toBe(false);
});

test('a client that is gone before it is registered is not registered, and has no will', async () => {
  const { plane, lines, operations, connection } = await setUp();
  const a = connection('a');
  plane.connect(a, { ...CONNECT, will });
  plane.lost(a);
  plane.connect(connection('b'), CONNECT);
  await waitFor(() => expect(lines).toContain('b connack 0'));
  expect(lines).toEqual([
    'a ended: another client has connected with its client id',
    'b registered as c',
    'b connack 0',
  ]);
  expect(operations).toEqual([]);
});

test('a stop ends every client, publishes no will and keeps it', async () => {
  const { plane, lines, operations, connection } = await setUp();
  plane.connect(connection('a'), { ...CONNECT, will });
  plane.connect(connection('b'), { ...CONNECT, clientId: 'd' });
  await waitFor(() => expect(lines.filter((line) => line.includes('connack'))).toHaveLength(2));
  lines.length = 0;
  operations.length = 0;
  await plane.stop();
  expect(lines.toSorted()).toEqual(['a ended: the gateway stops', 'b ended: the gateway stops']);
  expect(operations).toEqual([]);
});

test('wills left by a crash are published at the start, and then deleted', async () => {
  const { plane, lines, operations } = await setUp();
  await plane.start({ wills: [{ clientId: 'dead', ...will }], delayedWills: [] }, 0);
  expect(lines).toEqual(['will status gone 1 true']);
  expect(operations).toEqual(['deleteWill dead']);
});

test('a refusal by the hooks has its return code, and is the end of the stream', async () => {
  const refusal = Object.assign(new Error('no'), { returnCode: 4 });
  const broker = new Aedes({
    authenticate: (_client: Client, username, _password, done) =>
      username === 'good' ? done(null, true) : done(refusal, null),
  });
  await broker.listen();
  onTestFinished(() => new Promise<void>((resolve) => broker.close(resolve)));
  const lines: string[] = [];
  const connect = (username: string): void => {
    const stream = new ControlStream({} as Connection, {
      refused: (code) => lines.push(`${username} ${code}`),
      ended: () => lines.push(`${username} ended`),
    });
    broker.handle(stream);
    stream.connect({ ...CONNECT, clientId: username, username });
  };
  connect('bad');
  connect('good');
  await waitFor(() => expect(lines.toSorted()).toEqual(['bad 4', 'bad ended', 'good 0']));
});

test('with every publish led past it, aedes publishes nothing by itself', async () => {
  const { plane, lines, connection } = await setUp();
  const topics: string[] = [];
  const inner = vi
    .spyOn(Aedes.prototype, 'publish')
    .mockImplementation(((packet: { topic: string }) => topics.push(packet.topic)) as never);
  onTestFinished(() => inner.mockRestore());
  for (let i = 0; i < 5; i++) {
    const each = connection(`${i}`);
    plane.connect(each, { ...CONNECT, clientId: `c${i}`, will });
    await waitFor(() => expect(lines).toContain(`${i} connack 0`));
    plane.lost(each);
  }
  await waitFor(() => expect(lines.filter((line) => line.startsWith('will'))).toHaveLength(5));
  expect(topics).toEqual([]);
});

test('a CONNACK makes no table of 65,536 numbers, which takes tens of milliseconds', async () => {
  const { plane, lines, connection } = await setUp();
  plane.connect(connection('a'), CONNECT);
  await waitFor(() => expect(lines).toContain('a connack 0'));
  const { cache } = createRequire(import.meta.url)('mqtt-packet/numbers') as { cache: object };
  expect(Object.keys(cache)).toHaveLength(0);
});
