import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { IPublishPacket } from 'mqtt';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  completeUplink,
  type UplinkConfig,
  uplinkSchema,
} from '../../../src/config/schema/uplinks.ts';
import type { Ending } from '../../../src/uplink/failures.ts';
import { PlantClient } from '../../../src/uplink/plant-client.ts';
import type { PlantClientEvents } from '../../../src/uplink/plant-client-events.ts';
import {
  MQTT_5,
  MQTT_311,
  MQTT_311_BRIDGE,
  type PlantProtocol,
} from '../../../src/uplink/protocol-choice.ts';
import { until } from '../../support/until.ts';

const within = 30_000;

/** The plant's end of one connection: the test writes each byte of its packets. */
class Wire {
  readonly packets: Buffer[] = [];
  readonly socket: Socket;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      // The packets of these tests have one byte of length, or two.
      for (;;) {
        const [, low = 0, high = 0] = this.#rest;
        const head = low < 128 ? 2 : 3;
        const length = head + (low & 127) + (head === 3 ? high * 128 : 0);
        if (this.#rest.length < head || this.#rest.length < length) return;
        this.packets.push(this.#rest.subarray(0, length));
        this.#rest = this.#rest.subarray(length);
      }
    });
  }

  send(...bytes: number[]): void {
    this.socket.write(Buffer.from(bytes));
  }

  /** The packets of a type (the first four bits) as soon as there are so many. */
  async of(type: number, count = 1): Promise<Buffer[]> {
    const all = (): Buffer[] => this.packets.filter((packet) => packet[0]! >> 4 === type);
    await until(
      `the plant has ${count} packets of type ${type}`,
      () => all().length >= count,
      within,
    );
    return all();
  }
}

interface SetUp {
  readonly protocol?: PlantProtocol;
  readonly over?: Partial<UplinkConfig>;
  readonly events?: Partial<PlantClientEvents>;
}

/** A connection to a plant that has received CONNECT and has not answered it. */
async function connecting({ protocol = MQTT_311, over = {}, events = {} }: SetUp = {}) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `mqtt://127.0.0.1:${port}`;
  const log: string[] = [];
  const endings: Ending[] = [];
  const note =
    (name: string) =>
    (...values: unknown[]): undefined =>
      void log.push([name, ...values].join(' '));
  const config = completeUplink(
    uplinkSchema.parse({ name: 'plant', url, routes: [{ out: '#', to: 'p/' }] }),
    'cell',
  );
  const client = new PlantClient(
    { ...config, ...over },
    url,
    {
      up: note('up'),
      acknowledged: note('acknowledged'),
      answered: note('answered'),
      received: note('received'),
      completed: note('completed'),
      message: async (topic, { payload, qos }) =>
        void log.push(`message ${topic} ${payload} QoS ${qos}`),
      congested: () => undefined,
      drained: note('drained'),
      silent: note('silent'),
      failed: note('failed'),
      down: (ending) => void endings.push({ ...ending }),
      ...events,
    },
    protocol,
    { qos: 1, retain: true },
  );
  const [socket] = (await once(server, 'connection')) as [Socket];
  const wire = new Wire(socket);
  onTestFinished(() => {
    client.giveUp('the test ends');
    socket.destroy();
    server.close();
  });
  const [connect] = await wire.of(1);
  const down = async (): Promise<Ending> => {
    await until('the connection has ended', () => endings.length > 0, within);
    return endings[0]!;
  };
  return { client, wire, log, endings, url, connect: connect!, down };
}

/** A connection whose CONNECT was accepted, with these properties of CONNACK in MQTT 5. */
async function connected(parts: SetUp = {}, properties: number[] = []) {
  const all = await connecting(parts);
  const five = parts.protocol?.version === 5 ? [properties.length, ...properties] : [];
  all.wire.send(0x20, 2 + five.length, 0, 0, ...five);
  await until('it is up', () => all.log.length > 0, within);
  expect(all.log.splice(0)).toEqual(['up false']);
  return all;
}

describe('CONNECT', () => {
  test.each([
    ['MQTT 3.1.1', MQTT_311, 4],
    ['MQTT 3.1.1 as a bridge', MQTT_311_BRIDGE, 0x84],
    ['MQTT 5', MQTT_5, 5],
  ])('has the protocol level of %s', async (_, protocol, level) => {
    const { connect, client } = await connecting({ protocol });
    expect([connect[8], client.protocol]).toEqual([level, protocol]);
  });

  test('has the will, and asks for the session', async () => {
    const { connect } = await connecting();
    // Will retain, will QoS 1, will flag; not clean.
    expect(connect[9]).toBe(0b0010_1100);
    expect(connect.toString('latin1')).toContain('offline');
  });

  test('is answered: up, with whether the session was there', async () => {
    const { wire, log, client, endings } = await connecting();
    wire.send(0x20, 2, 1, 0);
    await until('it is up', () => log.length > 0, within);
    expect([log, client.isDown, endings]).toEqual([['up true'], false, []]);
  });

  test('what the plant can take is that of its answer', async () => {
    const properties = [0x21, 0, 7, 0x24, 1, 0x25, 0, 0x27, 0, 1, 0, 0];
    const { client } = await connected({ protocol: MQTT_5 }, properties);
    const { receiveMaximum, maximumPacketSize, maximumQos, retainAvailable } = client;
    expect([receiveMaximum, maximumPacketSize, maximumQos, retainAvailable]).toEqual([
      7,
      65_536,
      1,
      false,
    ]);
  });

  test('without a word about it the plant takes everything', async () => {
    const { client } = await connected({ protocol: MQTT_5 });
    const { receiveMaximum, maximumPacketSize, maximumQos, retainAvailable } = client;
    expect([receiveMaximum, maximumPacketSize, maximumQos, retainAvailable]).toEqual([
      65_535,
      Number.POSITIVE_INFINITY,
      2,
      true,
    ]);
  });

  test('is refused in MQTT 5: with the code, the reason and the other server', async () => {
    const { wire, down, log, url } = await connecting({ protocol: MQTT_5 });
    wire.send(0x20, 13, 0, 0x9c, 10, 0x1f, 0, 2, 0x6e, 0x6f, 0x1c, 0, 2, 0x62, 0x32);
    wire.socket.end();
    expect(await down()).toMatchObject({
      ...{ url, reached: 'socket', refusal: 0x9c, reason: 'no', serverReference: 'b2' },
    });
    expect((await down()).sentence).toBeUndefined();
    expect(log).toEqual([]);
  });

  test('is refused in MQTT 3.1.1 with the code', async () => {
    const { wire, down } = await connecting();
    wire.send(0x20, 2, 0, 5);
    wire.socket.end();
    expect(await down()).toMatchObject({ reached: 'socket', refusal: 5 });
  });

  test('of MQTT 5 is refused by a plant of 3.1.1, which writes its own CONNACK', async () => {
    const { wire, down, client } = await connecting({ protocol: MQTT_5 });
    wire.send(0x20, 2, 0, 1);
    expect(await down()).toMatchObject({ reached: 'socket', refusal: 1 });
    expect(client.isDown).toBe(true);
  });

  test('is not answered: the gateway does not wait longer than the keep-alive', async () => {
    const { down } = await connecting({ over: { keepalive: 300 } });
    expect(await down()).toMatchObject({ reached: 'socket', silent: true });
  });

  test('is not answered and the connection closed', async () => {
    const { wire, down } = await connecting();
    wire.socket.end();
    const ending = await down();
    expect([ending.reached, ending.silent, ending.refusal]).toEqual([
      'socket',
      undefined,
      undefined,
    ]);
  });
});

test('an address where nothing listens: the error of the socket, once', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const config = uplinkSchema.parse({
    name: 'p',
    url: 'mqtt://p',
    routes: [{ out: '#', to: 'p/' }],
  });
  const endings: Ending[] = [];
  const events = { down: (ending: Ending) => endings.push({ ...ending }) };
  const client = new PlantClient(
    completeUplink(config, 'cell'),
    `mqtt://127.0.0.1:${port}`,
    events as unknown as PlantClientEvents,
    MQTT_311,
    { qos: 1, retain: true },
  );
  await until('it has ended', () => endings.length > 0, within);
  client.giveUp('again');
  expect(endings).toHaveLength(1);
  expect(endings[0]).toMatchObject({ reached: 'nothing', error: { code: 'ECONNREFUSED' } });
  expect([endings[0]?.sentence, client.isDown]).toEqual([undefined, true]);
});

describe('an acknowledgement', () => {
  test('of MQTT 3.1.1 has no reason', async () => {
    const { wire, log } = await connected();
    wire.send(0x40, 2, 1, 2, 0x50, 2, 0, 3, 0x70, 2, 0, 4);
    await until('all are read', () => log.length === 3, within);
    expect(log).toEqual(['acknowledged 258 0', 'received 3 0', 'completed 4']);
  });

  test('of MQTT 5 has one', async () => {
    const { wire, log } = await connected({ protocol: MQTT_5 });
    wire.send(0x40, 3, 0, 2, 0x97, 0x50, 3, 0, 3, 0x91, 0x70, 2, 0, 4);
    await until('all are read', () => log.length === 3, within);
    expect(log).toEqual(['acknowledged 2 151', 'received 3 145', 'completed 4']);
  });

  test('that can not be handled is a fault, and the next one is read', async () => {
    const events: Partial<PlantClientEvents> = {
      acknowledged: (id) => {
        if (id === 1) throw new Error('a fault');
      },
    };
    const { wire, log, client } = await connected({ events });
    wire.send(0x40, 2, 0, 1, 0x70, 2, 0, 4);
    await until('both are read', () => log.length === 2, within);
    expect(log).toEqual(['failed Error: a fault', 'completed 4']);
    expect(client.isDown).toBe(false);
  });
});

/** A PUBLISH of topic `t` and payload `x` to the gateway. */
const publish = (qos: 0 | 1 | 2, id = 9): number[] =>
  qos === 0 ? [0x30, 4, 0, 1, 0x74, 0x78] : [0x30 | (qos << 1), 6, 0, 1, 0x74, 0, id, 0x78];

const pubrel = (id = 9): number[] => [0x62, 2, 0, id];

describe('a message of the plant', () => {
  test('comes with the QoS with which it was sent', async () => {
    const { wire, log } = await connected();
    wire.send(...publish(0), ...publish(1, 7), ...publish(2, 8), ...pubrel(8));
    await until('all came', () => log.length === 3, within);
    expect(log.toSorted()).toEqual(['message t x QoS 0', 'message t x QoS 1', 'message t x QoS 2']);
    expect((await wire.of(4)).map((packet) => packet.toString('hex'))).toEqual(['40020007']);
    expect((await wire.of(5)).map((packet) => packet.toString('hex'))).toEqual(['50020008']);
    expect((await wire.of(7)).map((packet) => packet.toString('hex'))).toEqual(['70020008']);
  });

  test.each([1, 2] as const)('with QoS %s is acknowledged when it is on disk', async (qos) => {
    const taken: (() => void)[] = [];
    const message = (_topic: string, _packet: IPublishPacket): Promise<void> =>
      new Promise((resolve) => taken.push(resolve));
    const { wire, client } = await connected({ events: { message } });
    wire.send(...publish(qos), ...(qos === 2 ? pubrel() : []));
    await until('it came', () => taken.length === 1, within);
    // What the plant answers later is proof that it had time for an acknowledgement.
    client.write(Buffer.from([0xc0, 0]));
    await wire.of(12);
    const type = qos === 1 ? 4 : 7;
    expect(wire.packets.filter((packet) => packet[0]! >> 4 === type)).toEqual([]);
    taken[0]!();
    expect(await wire.of(type)).toHaveLength(1);
  });

  test('with QoS 1 does not stop the reading of what comes behind it', async () => {
    const message = (): Promise<void> => new Promise(() => undefined);
    const { wire, log } = await connected({ events: { message } });
    wire.send(...publish(1), 0x40, 2, 0, 1);
    await until('the acknowledgement was read', () => log.length === 1, within);
    expect(log).toEqual(['acknowledged 1 0']);
  });

  test.each([1, 2] as const)(
    'with QoS %s that can not be accepted ends the connection',
    async (qos) => {
      const message = (): Promise<void> => Promise.reject(new Error('no'));
      const { wire, down } = await connected({ events: { message } });
      wire.send(...publish(qos), ...(qos === 2 ? pubrel() : []));
      const { sentence, reached } = await down();
      expect([sentence, reached]).toEqual([
        'a message from the plant could not be accepted',
        'session',
      ]);
    },
  );
});

describe('the end', () => {
  test('by a DISCONNECT of the plant is at once, with what it says', async () => {
    const { wire, down, log } = await connected({ protocol: MQTT_5 });
    // The plant does not close, and says something more.
    wire.send(0xe0, 12, 0x9d, 10, 0x1f, 0, 2, 0x6e, 0x6f, 0x1c, 0, 2, 0x62, 0x32);
    const ending = await down();
    expect(ending).toMatchObject({
      ...{ reached: 'session', disconnect: 0x9d, reason: 'no', serverReference: 'b2' },
    });
    wire.send(0x40, 2, 0, 1);
    await until('the socket is gone', () => wire.socket.destroyed, within);
    expect([log, ending.sentence, ending.silent]).toEqual([[], undefined, undefined]);
  });

  test('by a DISCONNECT that says nothing more is one in order', async () => {
    const { wire, down, url } = await connected({ protocol: MQTT_5 });
    wire.send(0xe0, 0);
    expect(await down()).toEqual({ url, reached: 'session', disconnect: 0 });
  });

  test('by the plant without a word has no reason', async () => {
    const { wire, down, url } = await connected();
    wire.socket.end();
    expect(await down()).toEqual({ url, reached: 'session' });
  });

  test('by giving up has the first sentence, and closes the socket', async () => {
    const { client, down, endings, wire, url } = await connected();
    client.giveUp('one');
    client.giveUp('two');
    client.giveUp();
    expect(await down()).toEqual({ url, reached: 'session', sentence: 'one' });
    await until('the socket is gone', () => wire.socket.destroyed, within);
    expect([endings.length, client.isDown]).toEqual([1, true]);
  });

  test('without a sentence says that the plant is silent', async () => {
    const { client, down, url } = await connected();
    client.giveUp();
    expect(await down()).toEqual({ url, reached: 'session', silent: true });
  });

  test('in order sends DISCONNECT', async () => {
    const { client, wire, down } = await connected();
    const closed = client.close();
    expect(await wire.of(14)).toHaveLength(1);
    wire.socket.end();
    await closed;
    expect(await down()).toMatchObject({ reached: 'session' });
  });

  test('closes with a reason, and asks MQTT 5 for the will', async () => {
    const { client, wire, down } = await connected({ protocol: MQTT_5 });
    const closed = client.close('the host is offline', true);
    const [packet] = await wire.of(14);
    expect(packet?.[2]).toBe(4);
    wire.socket.end();
    await closed;
    expect((await down()).sentence).toBe('the host is offline');
  });

  test('answers of the plant to pings of mqtt.js are none to a ping of the uplink', async () => {
    const { client, wire, log } = await connected({ over: { keepalive: 1000 } });
    await wire.of(12);
    client.ping();
    await wire.of(12, 2);
    wire.send(0xd0, 0, 0x40, 2, 0, 7, 0xd0, 0);
    await until('it is answered', () => log.includes('answered'), within);
    const relevant = log.filter((line) => line !== 'silent');
    expect(relevant.slice(0, 2)).toEqual(['acknowledged 7 0', 'answered']);
  });

  test('a ping without an answer is told again and again, and ends nothing', async () => {
    const { log, endings } = await connected({ over: { keepalive: 1000 } });
    await until('it was told twice', () => log.length >= 2, within);
    expect([log.slice(0, 2), endings]).toEqual([['silent', 'silent'], []]);
  });

  test('a secret in the address is not shown', async () => {
    const { url, ...parts } = await connected();
    const { port } = new URL(url);
    const seen: Ending[] = [];
    const config = uplinkSchema.parse({ name: 'p', url, routes: [{ out: '#', to: 'p/' }] });
    const events = { down: (ending: Ending) => seen.push(ending), up: () => undefined };
    const client = new PlantClient(
      completeUplink(config, 'cell'),
      `mqtt://line:secret@127.0.0.1:${port}`,
      events as unknown as PlantClientEvents,
      MQTT_311,
      { qos: 1, retain: true },
    );
    client.giveUp('x');
    expect(client.url).not.toContain('secret');
    expect(seen[0]?.url).toBe(client.url);
    parts.client.giveUp('x');
  });
});

const wanted = (filter: string) => ({ filter, qos: 1, noLocal: false, keepRetain: false }) as const;

describe('a subscription', () => {
  test('gives the filters that the plant refuses', async () => {
    const { client, wire } = await connected();
    const answer = client.subscribe([wanted('a'), wanted('b'), wanted('c')]);
    const [subscribe] = await wire.of(8);
    wire.send(0x90, 5, subscribe![2]!, subscribe![3]!, 1, 0x80, 0);
    expect(await answer).toEqual(['b']);
  });

  test('gives them in MQTT 5 with each of its codes', async () => {
    const { client, wire } = await connected({ protocol: MQTT_5 });
    const answer = client.subscribe([wanted('a'), wanted('b'), wanted('c')]);
    const [subscribe] = await wire.of(8);
    wire.send(0x90, 6, subscribe![2]!, subscribe![3]!, 0, 0x87, 2, 0x8f);
    expect(await answer).toEqual(['a', 'c']);
  });

  test('has its options, and asks for retained messages of a new one only', async () => {
    const { client, wire } = await connected({ protocol: MQTT_5 });
    const options = [
      { filter: 'a', qos: 0, noLocal: true, keepRetain: false },
      { filter: 'b', qos: 2, noLocal: false, keepRetain: true },
    ] as const;
    void client.subscribe(options).catch(() => undefined);
    const [packet] = await wire.of(8);
    expect(packet!.subarray(5).toString('hex')).toBe('0001611400016' + '21a');
  });

  test('without filters is none', async () => {
    const { client, wire } = await connected();
    expect(await client.subscribe([])).toEqual([]);
    await client.unsubscribe([]);
    client.write(Buffer.from([0xc0, 0]));
    await wire.of(12);
    expect(wire.packets.map((packet) => packet[0]! >> 4)).toEqual([1, 12]);
  });

  test('that the plant does not answer before the end is an error', async () => {
    const { client, wire } = await connected();
    const answer = client.subscribe([wanted('a')]);
    await wire.of(8);
    client.giveUp('x');
    await expect(answer).rejects.toThrow();
  });

  test('ends with UNSUBSCRIBE', async () => {
    const { client, wire } = await connected();
    const done = client.unsubscribe(['a']);
    const [unsubscribe] = await wire.of(10);
    wire.send(0xb0, 2, unsubscribe![2]!, unsubscribe![3]!);
    await done;
    expect(unsubscribe!.subarray(4).toString('latin1')).toBe('\0\x01a');
  });
});

describe('a message of the uplink itself', () => {
  test('is sent as asked for, and done when it is acknowledged', async () => {
    const { client, wire } = await connected();
    let done = false;
    const sent = client.publish('s', 'online', 1, true).then(() => {
      done = true;
    });
    const [packet] = await wire.of(3);
    expect(packet![0]).toBe(0x33);
    expect(done).toBe(false);
    wire.send(0x40, 2, packet![5]!, packet![6]!);
    await sent;
  });

  test('is sent as the plant takes it', async () => {
    const { client, wire } = await connected({ protocol: MQTT_5 }, [0x24, 0, 0x25, 0]);
    await client.publish('s', 'online', 1, true);
    expect((await wire.of(3))[0]![0]).toBe(0x30);
  });

  test('is retained only if asked for', async () => {
    const { client, wire } = await connected();
    await client.publish('s', 'x', 0, false);
    expect((await wire.of(3))[0]![0]).toBe(0x30);
  });
});

test('is congested from a full buffer until it has drained', async () => {
  const { client, wire, log } = await connected();
  expect(client.congested).toBe(false);
  wire.socket.pause();
  const ping = Buffer.from([0xc0, 0]);
  const many = Buffer.concat(Array.from({ length: 512 * 1024 }, () => ping));
  for (let n = 0; n < 100 && !client.congested; n++) {
    client.write(many);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect([client.congested, log]).toEqual([true, []]);
  const { waiting, delivered } = await client.progress();
  expect(waiting + delivered).toBeGreaterThan(many.length / 2);
  wire.socket.removeAllListeners('data');
  wire.socket.resume();
  await until('it has drained', () => log.length > 0, within);
  expect([client.congested, log[0]]).toEqual([false, 'drained']);
});

test('counts the bytes that come from the plant', async () => {
  const { client, wire } = await connected();
  expect(client.received).toBe(4);
  wire.send(0xd0, 0);
  await until('they came', () => client.received === 6, within);
});

/** A client that is connected to a plant which answers SUBSCRIBE with these reason codes. */
async function connectedTo(protocol: PlantProtocol, codes: readonly number[]) {
  const five = protocol.version === 5;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const type = bytes[0]! >> 4;
      if (type === 1) socket.write(Buffer.from(five ? [0x20, 3, 0, 0, 0] : [0x20, 2, 0, 0]));
      if (type !== 8) return;
      const head = [bytes[2]!, bytes[3]!, ...(five ? [0] : [])];
      socket.write(Buffer.from([0x90, head.length + codes.length, ...head, ...codes]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const config = completeUplink(
    uplinkSchema.parse({ name: 'plant', url: `mqtt://127.0.0.1:${port}`, routes: [{ out: '#' }] }),
    'cell',
  );
  let isDown = (_sentence: string | undefined): void => undefined;
  const down = new Promise<string | undefined>((resolve) => {
    isDown = resolve;
  });
  const client = await new Promise<PlantClient>((resolve) => {
    const events: PlantClientEvents = {
      up: () => resolve(opened),
      down: ({ sentence }) => isDown(sentence),
      message: async () => undefined,
      congested: () => undefined,
      acknowledged: () => undefined,
      received: () => undefined,
      completed: () => undefined,
      drained: () => undefined,
      answered: () => undefined,
      silent: () => undefined,
      failed: (error) => isDown(`failed: ${error}`),
    };
    const opened: PlantClient = new PlantClient(config, config.urls[0]!, events, protocol, {
      qos: 1,
      retain: true,
    });
  });
  onTestFinished(() => client.giveUp('the end of the test'));
  const subscribe = (...filters: string[]) =>
    client.subscribe(
      filters.map((filter) => ({ filter, qos: 1, noLocal: false, keepRetain: false })),
    );
  return { subscribe, down };
}

test.each([MQTT_311, MQTT_5])('%j: the refused filters of a SUBACK', async (protocol) => {
  const { subscribe } = await connectedTo(protocol, [1, 0x80, 0]);
  expect(await subscribe('a', 'b', 'c')).toEqual(['b']);
});

test.each([
  [MQTT_311, []],
  [MQTT_311, [0]],
  [MQTT_311, [0x80]],
  [MQTT_311, [0, 0, 0]],
  [MQTT_5, [0]],
  [MQTT_5, [0x80, 0, 0]],
])(
  '%j: a SUBACK with the codes %j for two filters ends the connection with that reason, not the process',
  async (protocol, codes) => {
    const { subscribe, down } = await connectedTo(protocol, codes);
    const counts = `${codes.length} codes for 2 filters`;
    await expect(subscribe('a', 'b')).rejects.toThrow('a wrong SUBACK');
    expect(await down).toBe(`breaks the protocol: its SUBACK has ${counts}`);
  },
);
