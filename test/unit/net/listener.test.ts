import type { IncomingMessage } from 'node:http';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../../src/base/clock.ts';
import type { ListenerConfig } from '../../../src/config/schema/listeners.ts';
import { type Listener, type ListenerParts, openListener } from '../../../src/net/listener.ts';
import type { Accept, Transport, TransportEvents } from '../../../src/net/transport.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { RawClient } from '../../support/raw-client.ts';
import { waitFor } from '../../support/wait-for.ts';

const LIMITS = { packet: 1024 * 1024, tcpKeepalive: 600_000, connections: 2 };

type Protocol = ListenerConfig['protocol'];

function config(protocol: Protocol, port = 0, host = '127.0.0.1'): ListenerConfig {
  return { host, port, protocol, anonymous: true };
}

/** Keeps every transport and its events. */
class Accepted {
  readonly transports: Transport[] = [];
  readonly heard: string[] = [];
  refuse = false;

  readonly accept: Accept = (transport): TransportEvents | undefined => {
    if (this.refuse) return undefined;
    this.transports.push(transport);
    return {
      data: (chunk) => void this.heard.push(`data ${chunk.toString('hex')}`),
      drained: () => void this.heard.push('drained'),
      lost: () => void this.heard.push('lost'),
      violated: (reason) => void this.heard.push(reason),
    };
  };
}

async function open(
  protocol: Protocol,
  accepted = new Accepted(),
): Promise<{ listener: Listener; port: number; accepted: Accepted; errors: Error[] }> {
  const errors: Error[] = [];
  const listener = await openListener({
    ...parts(config(protocol)),
    accept: accepted.accept,
    onTrouble: (error) => errors.push(error),
  });
  onTestFinished(() => listener.stop());
  return { listener, port: Number(new URL(listener.url).port), accepted, errors };
}

async function occupiedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

const parts = (listener: ListenerConfig): ListenerParts => ({
  config: listener,
  index: 0,
  limits: LIMITS,
  accept: () => undefined,
  readBuffer: Buffer.alloc(65_536),
  clock: systemClock,
  log: createQuietLog().log,
  onTrouble: () => undefined,
  onHandshakeFailed: () => undefined,
});

test.each<Protocol>(['tcp', 'ws'])('%s: a port in use is a sentence', async (protocol) => {
  const port = await occupiedPort();
  const opened = openListener(parts(config(protocol, port)));
  await expect(opened).rejects.toThrow(
    `port ${port} on 127.0.0.1 is in use by another program: stop that one, or change broker.listeners[0].port`,
  );
});

test.each<Protocol>(['tcp', 'ws'])('%s: an address of another machine', async (protocol) => {
  const opened = openListener(parts(config(protocol, 0, '192.0.2.1')));
  await expect(opened).rejects.toThrow('192.0.2.1 is no address of this machine: change');
});

test('a certificate that is not there is an error, not a crash', async () => {
  const tls = { cert: '/nowhere.crt', key: '/nowhere.key', clientCert: 'none' } as const;
  const opened = openListener(parts({ ...config('tcp'), tls }));
  await expect(opened).rejects.toThrow('/nowhere.crt');
});

/** The open servers of this process: a test emits the kernel's errors on them. */
function servers(): Server[] {
  const handles = (process as unknown as { _getActiveHandles(): object[] })._getActiveHandles();
  return handles.filter((handle) => 'listen' in handle && 'address' in handle) as Server[];
}

test.each<Protocol>(['tcp', 'ws'])(
  '%s: errors of an open listener, e.g. no file descriptors left, are reported and survived',
  async (protocol) => {
    const { errors, port, accepted } = await open(protocol);
    const server = servers().find((each) => {
      const address = each.address();
      return address !== null && typeof address === 'object' && address.port === port;
    })!;
    server.emit('error', new Error('accept EMFILE'));
    server.emit('error', new Error('accept EMFILE'));
    expect(errors.map(({ message }) => message)).toEqual(['accept EMFILE', 'accept EMFILE']);
    await RawClient.open(protocol, port);
    await waitFor(() => expect(accepted.transports).toHaveLength(1));
  },
);

test.each<Protocol>(['tcp', 'ws'])(
  '%s: bytes come, go, and the end is reported',
  async (protocol) => {
    const { port, accepted } = await open(protocol);
    const client = await RawClient.open(protocol, port);
    client.send(Buffer.from('c000', 'hex'));
    await waitFor(() => expect(accepted.heard).toEqual(['data c000']));
    const [transport] = accepted.transports;
    transport!.write(Buffer.from('d000', 'hex'));
    expect((await client.next()).type).toBe('pingresp');
    client.destroy();
    await waitFor(() => expect(accepted.heard).toContain('lost'));
  },
);

test.each<Protocol>(['tcp', 'ws'])('%s: a refused transport is closed', async (protocol) => {
  const accepted = new Accepted();
  accepted.refuse = true;
  const { port } = await open(protocol, accepted);
  const client = await RawClient.open(protocol, port);
  await client.closed();
});

test('a peer that half-closes and reads nothing is cut', async () => {
  const { port, accepted } = await open('tcp');
  const client = await RawClient.open('tcp', port);
  await waitFor(() => expect(accepted.transports).toHaveLength(1));
  const [transport] = accepted.transports;
  client.pause();
  for (let i = 0; i < 32; i++) transport!.write(Buffer.alloc(1024 * 1024));
  expect(transport!.pending).toBeGreaterThan(0);
  client.halfClose();
  await waitFor(() => expect(accepted.heard).toContain('lost'));
  await waitFor(() => expect(transport!.pending).toBe(0), { timeout: 10_000 });
});

test('no more sockets than clients are kept in their handshake', async () => {
  const listener = await openListener({ ...parts(config('ws')), spareSockets: 200 });
  onTestFinished(() => listener.stop());
  const port = Number(new URL(listener.url).port);
  const clients: Socket[] = [];
  let refused = 0;
  for (let i = 0; i < LIMITS.connections + 210; i++) {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.on('close', () => refused++);
    clients.push(socket);
  }
  onTestFinished(() => {
    for (const socket of clients) socket.destroy();
  });
  await waitFor(() => expect(refused).toBeGreaterThanOrEqual(10));
});

test('a stopped listener has let go of its port', async () => {
  const { listener, port } = await open('ws');
  const half = await RawClient.open('tcp', port);
  half.send(Buffer.from('GET / HTTP/1.1\r\n'));
  await listener.stop();
  const again = await openListener(parts(config('tcp', port)));
  await again.stop();
  await half.closed();
});

test('a text frame is a violation, a plain request is answered', async () => {
  const { port, accepted } = await open('ws');
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, ['mqtt']);
  await new Promise((resolve) => socket.once('open', resolve));
  expect(socket.protocol).toBe('mqtt');
  socket.send('text');
  await waitFor(() => expect(accepted.heard).toEqual(['a text frame on a WebSocket']));
  socket.terminate();
  const response = await fetch(`http://127.0.0.1:${port}/`);
  expect(response.status).toBe(426);
  expect(await response.text()).toContain('MQTT over WebSocket');
});

test.each([
  ['no sub-protocol', []],
  ['only others', ['chat', 'mqttx', 'MQTT']],
])(
  'an upgrade request with %s gets 400 and the name of the one that is missing',
  async (_name, protocols) => {
    const { port, accepted } = await open('ws');
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, protocols);
    const response = await new Promise<IncomingMessage>((resolve) =>
      socket.once('unexpected-response', (_request, answer) => resolve(answer)),
    );
    expect(response.statusCode).toBe(400);
    expect((await response.toArray()).join('')).toBe(
      'the sub-protocol mqtt is missing: send the header Sec-WebSocket-Protocol: mqtt\n',
    );
    expect(accepted.transports).toHaveLength(0);
  },
);

interface Request {
  readonly protocol?: string;
  readonly key?: string;
  readonly version?: string;
}

test.each<[string, Request, RegExp]>([
  ['an empty sub-protocol', { protocol: '' }, /^the sub-protocol mqtt is missing: send the header/],
  ['a sub-protocol that is no name', { protocol: 'mqtt,,' }, /Sec-WebSocket-Protocol/],
  ['no key', { key: '' }, /Sec-WebSocket-Key/],
  ['another version', { version: '7' }, /Sec-WebSocket-Version/],
])(
  'an upgrade request with %s gets 400 and the reason',
  async (_name, {
    protocol = 'mqtt',
    key = 'dGhlIHNhbXBsZSBub25jZQ==',
    version = '13',
  }, reason) => {
    const { port, accepted } = await open('ws');
    const socket = createConnection({ host: '127.0.0.1', port });
    onTestFinished(() => void socket.destroy());
    const head = [
      'GET /mqtt HTTP/1.1',
      'Host: gateway',
      'Connection: Upgrade',
      'Upgrade: websocket',
      `Sec-WebSocket-Version: ${version}`,
      `Sec-WebSocket-Key: ${key}`,
      `Sec-WebSocket-Protocol: ${protocol}`,
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    // It ends, too.
    const answer = (await socket.toArray()).join('');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.split('\r\n\r\n')[1]).toMatch(reason);
    expect(accepted.transports).toHaveLength(0);
  },
);

test('of two sub-protocols the server takes mqtt, mqttv3.1 alone too', async () => {
  const { port } = await open('ws');
  for (const [offered, chosen] of [
    [['chat', 'mqtt'], 'mqtt'],
    [['mqttv3.1'], 'mqttv3.1'],
    [['mqttv3.1', 'mqtt'], 'mqtt'],
  ] as const) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, [...offered]);
    await new Promise((resolve) => socket.once('open', resolve));
    expect(socket.protocol).toBe(chosen);
    socket.terminate();
  }
});

test('bytes handed to a WebSocket with nothing pending are not read again', async () => {
  const { port, accepted } = await open('ws');
  const client = await RawClient.open('ws', port);
  await waitFor(() => expect(accepted.transports).toHaveLength(1));
  const [transport] = accepted.transports;
  for (const size of [2, 200, 4096]) {
    const bytes = Buffer.alloc(size, 'd000', 'hex');
    transport!.write(bytes);
    const free = transport!.pending === 0 && !transport!.copies;
    bytes.fill(0xff);
    expect(free).toBe(true);
    for (let i = 0; i < size / 2; i++) expect((await client.next()).type).toBe('pingresp');
  }
});

test('a connection that both sides end has one time limit for its end', async () => {
  const { port, accepted } = await open('tcp');
  const client = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true });
  await waitFor(() => expect(accepted.transports).toHaveLength(1));
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  accepted.transports[0]!.end();
  expect(timers()).toBe(before + 1);
  accepted.transports[0]!.end();
  expect(timers()).toBe(before + 1);
  client.end();
  await waitFor(() => expect(accepted.heard).toContain('lost'));
});
