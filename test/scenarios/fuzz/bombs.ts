import { createConnection, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Client5 } from '../../support/client-5.ts';
import * as p from '../../support/packets-5.ts';

/** Bytes of a property bomb: with its head it is just not larger than the largest packet. */
const MEGABYTE = 1024 * 1024 - 400;
const SESSION_S = 60;

const user = (count: number, length: number): p.Properties =>
  Array.from({ length: count }, (_, n) => ['userProperty', [`${n}`, 'x'.repeat(length)]] as const);
/** Few large ones, and as many as fit. */
const LARGE = p.block(user(16, MEGABYTE / 16 - 20)).subarray(3);
const MANY = Buffer.alloc(MEGABYTE - (MEGABYTE % 5), p.property(['userProperty', ['', '']]));

type Bomb = (port: number) => Promise<void>;

async function withClient(
  port: number,
  options: p.ConnectOptions5,
  work: (client: Client5) => Promise<void>,
): Promise<void> {
  const client = await Client5.open('tcp', port);
  try {
    await client.connect(options);
    await work(client);
  } finally {
    client.destroy();
  }
}

/** Takes what it is sent without a look at it, which would take this process longer than the gateway. */
function deaf(
  port: number,
  packets: readonly Uint8Array[],
): { socket: Socket; until(text: string): Promise<void> } {
  const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', () => undefined);
  socket.write(Buffer.concat(packets));
  return {
    socket,
    until: (text) =>
      new Promise((resolve) => {
        let tail = Buffer.alloc(0);
        socket.on('data', (chunk) => {
          if (Buffer.concat([tail, chunk]).includes(text)) resolve();
          tail = Buffer.from(chunk.subarray(-text.length));
        });
        socket.once('close', () => resolve());
      }),
  };
}

/** A session that is on disk, with a subscription whose client has gone. */
async function absent(port: number, clientId: string, filter: string): Promise<void> {
  const properties: p.Properties = [['sessionExpiry', SESSION_S]];
  await withClient(port, { clientId, properties }, async (client) => {
    await client.subscribe([[filter, 2]], [['subscriptionIdentifier', 1]]);
    await client.disconnect();
  });
}

/** What a client of MQTT 5 may do with properties to harm others; each resolves when it was taken or refused. */
export const BOMBS: Readonly<Record<string, Bomb>> = {
  async 'a megabyte of user properties in messages for an absent session, retained too'(port) {
    await absent(port, 'bomb-away', 'bomb/#');
    await withClient(port, { clientId: 'bomb' }, async (client) => {
      for (let n = 0; n < 8; n++) {
        const properties = n % 2 === 0 ? LARGE : MANY;
        await client.publish(`bomb/${n}`, 'x', { qos: 1 + (n % 2), retain: true, properties });
      }
    });
    const resume = p.connect({ clientId: 'bomb-away', clean: false });
    const { socket, until } = deaf(port, [resume, p.subscribe(1, [['bomb/#', 1]])]);
    await until('bomb/6');
    socket.destroy();
    await withClient(port, { clientId: 'bomb' }, async (client) => {
      for (let n = 0; n < 8; n++) await client.publish(`bomb/${n}`, '', { qos: 1, retain: true });
    });
  },
  async 'a megabyte of user properties in CONNECT, in a will, in SUBSCRIBE and in DISCONNECT'(
    port,
  ) {
    for (const properties of [LARGE, MANY]) {
      const will = { topic: 'bomb/will', payload: 'x', qos: 1, retain: true, properties } as const;
      for (const options of [{ properties }, { will }]) {
        const client = await Client5.open('tcp', port);
        client.send(p.connect({ clientId: 'bomb', ...options }));
        // It may be refused.
        await client.next().catch(() => undefined);
        client.destroy();
      }
      await withClient(port, { clientId: 'bomb' }, async (client) => {
        client.send(p.subscribe(1, [['bomb', 0]], properties));
        client.send(p.disconnect(0, properties));
        await client.raw.gone();
      });
    }
  },
  async '65,535 aliases towards the gateway'(port) {
    for (const most of [100, 65_535]) {
      const client = await Client5.open('tcp', port);
      await client.connect({ clientId: 'bomb' });
      const topic = 'x'.repeat(600);
      for (let alias = 1; alias <= most; alias += 100) {
        const packets = Array.from({ length: 100 }, (_, n) => alias + n)
          .filter((each) => each <= most)
          .map((each) => p.publish(topic + each, '', { properties: [['topicAlias', each]] }));
        client.send(...packets);
      }
      // It is refused, or its aliases are more than the gateway keeps.
      await client.raw.gone().catch(() => undefined);
      client.destroy();
    }
  },
  async '65,535 aliases that the gateway may use'(port) {
    const properties: p.Properties = [['topicAliasMaximum', 65_535]];
    const { socket, until } = deaf(port, [
      p.connect({ clientId: 'bomb', properties }),
      p.subscribe(1, [['bomb/#', 0]]),
    ]);
    const last = until('the last');
    await withClient(port, { clientId: 'bomb-2' }, async (publisher) => {
      for (let n = 0; n < 65; n++) {
        publisher.send(
          ...Array.from({ length: 1000 }, (_, i) => p.publish(`bomb/topic/${n}/${i}`, 'x')),
        );
        await publisher.publish('bomb/end', '', { qos: 1 });
      }
      let isOver = false;
      void last.then(() => {
        isOver = true;
      });
      // At QoS 0 it may be dropped.
      while (!isOver) {
        await publisher.publish('bomb/end', 'the last', { qos: 1 });
        await delay(20);
      }
    });
    socket.destroy();
  },
  async '10,000 subscription identifiers for one topic'(port) {
    const levels = 'a/b/c/d/e/f/g/h/i/j/k/l/m/n'.split('/');
    const filters = Array.from({ length: 10_000 }, (_, n) =>
      levels.map((level, i) => ((n >> i) & 1 ? '+' : level)).join('/'),
    );
    const properties: p.Properties = [['sessionExpiry', SESSION_S]];
    await withClient(port, { clientId: 'bomb', properties }, async (client) => {
      for (const [n, filter] of filters.entries()) {
        client.send(p.subscribe(client.id(), [[filter, 1]], [['subscriptionIdentifier', n + 1]]));
      }
      for (const _ of filters) await client.take('suback');
      await withClient(port, { clientId: 'bomb-2' }, async (publisher) => {
        for (let n = 0; n < 50; n++) {
          await publisher.publish(levels.join('/'), String(n), { qos: 1 });
          // Another subscription makes all that the gateway knows of the topic's subscribers void.
          await publisher.subscribe([[`other/${n}`, 0]]);
        }
      });
    });
    await withClient(port, { clientId: 'bomb' }, async () => undefined);
  },
  async '1,000 groups'(port) {
    await withClient(port, { clientId: 'bomb' }, async (client) => {
      for (let n = 0; n < 1000; n++) {
        client.send(p.subscribe(client.id(), [[`$share/group${n}/bomb/#`, 1]]));
      }
      for (let n = 0; n < 1000; n++) {
        const { codes } = await client.take('suback');
        if (codes?.join() !== '1') throw new Error(`group ${n} has the code ${codes}, not 1`);
      }
      await withClient(port, { clientId: 'bomb-2' }, async (publisher) => {
        for (let n = 0; n < 20; n++) {
          const code = await publisher.publish('bomb/x', String(n), { qos: 1 });
          if (code !== 0) throw new Error(`PUBACK has the code ${code}, not 0`);
        }
      });
      // One copy of the first message for each group.
      for (let n = 0; n < 1000; n++) {
        const { payload } = await client.message();
        if (payload !== '0') throw new Error(`message ${n} is ${payload}, not one of the first`);
      }
      await client.disconnect();
    });
  },
};
