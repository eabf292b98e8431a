import { once } from 'node:events';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { differs, unique, useBroker } from '../../support/bench.ts';
import * as p from '../../support/packets.ts';
import { RawClient, WAIT_MS } from '../../support/raw-client.ts';

const broker = useBroker();
const mqtt = broker.over('ws');
const anyFrame = differs('mosquitto', 'takes text frames for binary ones');

/** A WebSocket to the broker, whatever the protocols offered; `open` or the failure is the caller's to see. */
const dial = (protocols: string[], path = '/mqtt') =>
  new WebSocket(`ws://127.0.0.1:${broker.server().wsPort}${path}`, protocols, {
    perMessageDeflate: false,
  });
const opened = async (protocols: string[], path?: string) => {
  const socket = dial(protocols, path);
  await once(socket, 'open');
  return socket;
};

test.concurrent('[MQTT-6.0.0-1] a text frame closes the connection', anyFrame, async () => {
  const socket = await opened(['mqtt']);
  const client = await RawClient.overWebSocket(socket).connect({ clientId: unique('c') });
  socket.send(p.pingreq.toString('latin1'), { binary: false });
  await client.closed();
});

test.concurrent('[MQTT-6.0.0-1] a text frame before the CONNECT closes the connection', async () => {
  const socket = await opened(['mqtt']);
  const client = RawClient.overWebSocket(socket);
  socket.send('hello', { binary: false });
  await client.closed();
});

test.concurrent('[MQTT-6.0.0-1] the server sends binary frames', async () => {
  const socket = await opened(['mqtt']);
  const kinds: boolean[] = [];
  socket.on('message', (_data, binary) => kinds.push(binary));
  const client = await RawClient.overWebSocket(socket).connect({ clientId: unique('c') });
  await client.quiet();
  expect(kinds.length).toBeGreaterThan(0);
  expect(kinds).not.toContain(false);
});

test.concurrent('[MQTT-6.0.0-2] several packets in one frame', async () => {
  const topic = unique('t');
  const client = await mqtt.open();
  const packets = [0, 1, 2].map((n) => p.publish(topic, `${n}`));
  client.send(p.connect({ clientId: unique('c') }), p.subscribe(1, [[topic, 0]]), ...packets);
  await client.next('connack');
  await client.take('suback');
  const got = (await client.messages(3)).map((message) => message.payload);
  expect(got).toEqual(['0', '1', '2']);
});

test.concurrent('[MQTT-6.0.0-2] one packet over many frames, a byte in each', async () => {
  const topic = unique('t');
  const client = await mqtt.open();
  await client.sendBytewise(p.connect({ clientId: unique('c') }));
  await client.next('connack');
  await client.sendBytewise(p.subscribe(1, [[topic, 0]]));
  await client.next('suback');
  await client.sendBytewise(p.publish(topic, 'in pieces'));
  expect((await client.message()).payload).toBe('in pieces');
});

test.concurrent('[MQTT-6.0.0-2] a frame with the end of one packet and the start of the next', async () => {
  const topic = unique('t');
  const client = await mqtt.connect();
  await client.subscribe([topic, 0]);
  const bytes = Buffer.concat([p.publish(topic, 'one'), p.publish(topic, 'two')]);
  const middle = bytes.length / 2;
  client.send(bytes.subarray(0, middle - 3));
  client.send(bytes.subarray(middle - 3, middle + 3));
  client.send(bytes.subarray(middle + 3));
  const got = (await client.messages(2)).map((message) => message.payload);
  expect(got).toEqual(['one', 'two']);
});

test.concurrent('[MQTT-6.0.0-2] a message of several WebSocket fragments', async () => {
  const topic = unique('t');
  const socket = await opened(['mqtt']);
  const client = await RawClient.overWebSocket(socket).connect({ clientId: unique('c') });
  await client.subscribe([topic, 0]);
  const bytes = p.publish(topic, 'fragments');
  for (let at = 0; at < bytes.length; at += 5) {
    socket.send(bytes.subarray(at, at + 5), { binary: true, fin: at + 5 >= bytes.length });
  }
  expect((await client.message()).payload).toBe('fragments');
});

test.concurrent('[MQTT-6.0.0-2] an empty frame does no harm', async () => {
  const client = await mqtt.connect();
  client.send(Buffer.alloc(0));
  await client.quiet();
});

/** Whether the server ends the connection, without a word of MQTT, when a client offers these protocols. */
async function refuses(protocols: string[]): Promise<boolean> {
  const socket = dial(protocols);
  const refused = new Promise<boolean>((resolve) => {
    socket.on('error', () => undefined);
    socket.on('open', () => socket.send(p.connect({ clientId: unique('c') })));
    socket.on('message', () => resolve(false));
    socket.on('close', () => resolve(true));
    setTimeout(() => resolve(false), WAIT_MS).unref();
  });
  try {
    return await refused;
  } finally {
    socket.terminate();
  }
}

test.concurrent(
  '[MQTT-6.0.0-3] a client that offers no subprotocol is refused',
  differs('mosquitto', 'opens the WebSocket and stays silent'),
  async () => expect(await refuses([])).toBe(true),
);

test.concurrent('[MQTT-6.0.0-3] a client that offers only other subprotocols is refused', async () => {
  expect(await refuses(['chat'])).toBe(true);
  expect(await refuses(['mqttx', 'soap'])).toBe(true);
});

test.concurrent('[MQTT-6.0.0-4] the server selects mqtt, also among others', async () => {
  for (const protocols of [['mqtt'], ['chat', 'mqtt'], ['mqtt', 'chat']]) {
    const socket = await opened(protocols);
    expect(socket.protocol).toBe('mqtt');
    socket.terminate();
  }
});

test.concurrent('[cellgate] clients connect at the paths / and /mqtt', async () => {
  for (const path of ['/', '/mqtt']) {
    const socket = await opened(['mqtt'], path);
    await RawClient.overWebSocket(socket).connect({ clientId: unique('c') });
  }
});

test.concurrent('[cellgate] a WebSocket ping gets its pong', async () => {
  const socket = await opened(['mqtt']);
  const client = await RawClient.overWebSocket(socket).connect({ clientId: unique('c') });
  const pong = once(socket, 'pong', { signal: AbortSignal.timeout(3000) });
  socket.ping('x');
  await pong;
  await client.quiet();
});

test.concurrent('[cellgate] closing the WebSocket without a DISCONNECT publishes the will', async () => {
  const topic = unique('t');
  const watcher = await mqtt.connect();
  await watcher.subscribe([topic, 0]);
  const client = await mqtt.connect({ will: { topic, payload: 'gone' } });
  client.halfClose();
  expect((await watcher.message()).payload).toBe('gone');
});

test.concurrent('[cellgate] TCP and WebSocket clients reach each other', async () => {
  const topic = unique('t');
  const tcp = await broker.over('tcp').connect();
  const ws = await mqtt.connect();
  await tcp.subscribe([`${topic}/to-tcp`, 1]);
  await ws.subscribe([`${topic}/to-ws`, 1]);
  await tcp.publish(`${topic}/to-ws`, 'from tcp', { qos: 1 });
  await ws.publish(`${topic}/to-tcp`, 'from ws', { qos: 1 });
  expect((await ws.message()).payload).toBe('from tcp');
  expect((await tcp.message()).payload).toBe('from ws');
});

test.concurrent('[cellgate] a session moves from WebSocket to TCP', async () => {
  const [clientId, topic] = [unique('c'), unique('t')];
  const first = await mqtt.connect({ clientId, clean: false });
  await first.subscribe([topic, 1]);
  await first.disconnect();
  const publisher = await mqtt.connect();
  await publisher.publish(topic, 'x', { qos: 1 });
  const second = await broker.over('tcp').connect({ clientId, clean: false });
  expect(second.connack.sessionPresent).toBe(true);
  expect((await second.message()).payload).toBe('x');
});
