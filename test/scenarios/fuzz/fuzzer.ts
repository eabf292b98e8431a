import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { publish } from '../../support/packets.ts';
import { RawClient } from '../../support/raw-client.ts';
import { BOMBS } from './bombs.ts';
import { mutated } from './mutate.ts';
import { Random } from './random.ts';

/** Cases under way at once. */
const AT_ONCE = 8;
/** The gateway's memory may not grow over this, however long it runs. */
const RESIDENT_KIB = 500 * 1024;
const CANARY_MS = 100;
/** The latest cases, to be told when something breaks. */
const REMEMBERED = 100;
/** A case that the gateway neither closes nor answers is over after this. */
const CASE_MS = 50;

export interface FuzzResult {
  readonly cases: number;
  readonly roundTrips: number;
  readonly residentKib: number;
}

/**
 * Throws property bombs at a gateway, one after the other; throws an Error when it takes harm. Resolves with the longest
 * round trip of a client with nothing to hide during each, in milliseconds.
 */
export async function bomb(): Promise<{ name: string; slowestMs: number; residentKib: number }[]> {
  const gateway = await startGateway({ versions: [3, 4, 5] });
  const canary = new Canary();
  const results = [];
  try {
    await canary.connect(gateway.port);
    for (const [name, throwBomb] of Object.entries(BOMBS)) {
      canary.slowestMs = 0;
      let isOver = false;
      const thrown = throwBomb(gateway.port).finally(() => {
        isOver = true;
      });
      let residentKib = 0;
      const singing = (async () => {
        while (!isOver) {
          await canary.roundTrip();
          residentKib = Math.max(residentKib, checkHealth(gateway));
          await delay(CANARY_MS / 10);
        }
      })();
      await Promise.all([thrown, singing]);
      results.push({ name, slowestMs: canary.slowestMs, residentKib });
    }
    canary.destroy();
    const code = await gateway.stop();
    if (code !== 0) throw new Error(`the gateway ended with ${code}`);
    checkLog(gateway);
    return results;
  } finally {
    canary.destroy();
    await gateway.dispose();
  }
}

/** Throws what a seed gives at a gateway for `ms`; throws an Error with the latest cases when it takes harm. */
export async function fuzz(seed: number, ms: number): Promise<FuzzResult> {
  const gateway = await startGateway({
    versions: [3, 4, 5],
    limits: { retainedMessages: 5000, queue: { messages: 1000 }, connectTimeout: '1s' },
  });
  const latest: string[] = [];
  const until = Date.now() + ms;
  let cases = 0;
  let residentKib = 0;
  const canary = new Canary();
  try {
    await canary.connect(gateway.port);
    const throwing = Array.from({ length: AT_ONCE }, async () => {
      while (Date.now() < until) {
        const random = new Random(seed * 1_000_003 + cases++);
        const bytes = mutated(random);
        latest.push(bytes.toString('hex').slice(0, 2000));
        if (latest.length > REMEMBERED) latest.shift();
        await (random.chance(3) ? throwWebSocket : throwTcp)(gateway, random, bytes);
        if (cases % 100 === 0) residentKib = Math.max(residentKib, checkHealth(gateway));
      }
    });
    await Promise.race([Promise.all(throwing), canary.sing(until)]);
    await canary.roundTrip();
    residentKib = Math.max(residentKib, checkHealth(gateway));
    canary.destroy();
    const code = await gateway.stop();
    if (code !== 0) throw new Error(`the gateway ended with ${code}`);
    checkLog(gateway);
    return { cases, roundTrips: canary.roundTrips, residentKib };
  } catch (cause) {
    const log = gateway.stdout().split('\n').slice(-5).join('\n');
    throw new Error(
      `${(cause as Error).message}\nafter ${cases} cases of seed ${seed}; the log ends with\n${log}\n${gateway.stderr()}\nthe latest cases, oldest first:\n${latest.join('\n')}`,
      { cause },
    );
  } finally {
    await gateway.dispose();
  }
}

/** A client with nothing to hide that must not notice anything. */
class Canary {
  roundTrips = 0;
  slowestMs = 0;
  #client: RawClient | undefined;

  async connect(port: number): Promise<void> {
    this.#client = await (await RawClient.open('tcp', port)).connect({ clientId: 'canary' });
    await this.#client.subscribe(['the canary/sings', 1]);
  }

  async roundTrip(): Promise<void> {
    const client = this.#client!;
    const began = performance.now();
    const payload = String(++this.roundTrips);
    const id = client.id();
    client.send(publish('the canary/sings', payload, { qos: 1, id }));
    const message = await client.take('publish');
    await client.acknowledge(message);
    await client.take('puback');
    if (message.payload !== payload) throw new Error(`the canary got ${message.payload}`);
    this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
  }

  async sing(until: number): Promise<void> {
    while (Date.now() < until) {
      await this.roundTrip();
      await delay(CANARY_MS);
    }
  }

  destroy(): void {
    this.#client?.destroy();
  }
}

/** Sends the bytes in pieces of any size, then leaves in one way or another. */
async function throwTcp(gateway: TestGateway, random: Random, bytes: Buffer): Promise<void> {
  const client = await RawClient.open('tcp', gateway.port);
  await inPieces(random, bytes, (piece) => client.send(piece));
  await leave(random, client);
}

/** The same in frames of a WebSocket, a few of them text or larger than any packet. */
async function throwWebSocket(gateway: TestGateway, random: Random, bytes: Buffer): Promise<void> {
  if (random.chance(4)) return throwRawWebSocket(gateway, random, bytes);
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.wsPort}/mqtt`, ['mqtt']);
  const client = RawClient.overWebSocket(socket);
  await new Promise((resolve) => socket.once('open', resolve).once('close', resolve));
  await inPieces(random, bytes, (piece) => {
    if (random.chance(50)) socket.send(piece.toString('latin1'));
    else if (random.chance(40)) socket.ping();
    else client.send(piece);
  });
  await leave(random, client);
}

/** A handshake by hand, then frames whose own heads are wrong. */
async function throwRawWebSocket(gateway: TestGateway, random: Random, bytes: Buffer) {
  const client = await RawClient.open('tcp', gateway.wsPort);
  const key = random.chance(5) ? 'x' : Buffer.from(random.bytes(16)).toString('base64');
  const lines = [
    'GET /mqtt HTTP/1.1',
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Protocol: ${random.pick(['mqtt', 'mqttv3.1', 'other', 'mqtt, mqtt'])}`,
  ];
  client.send(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
  const head = Buffer.from([0x80 | random.below(16), 0x80 | random.below(128)]);
  await inPieces(random, Buffer.concat([head, random.bytes(4), bytes]), (piece) =>
    client.send(piece),
  );
  await leave(random, client);
}

async function inPieces(random: Random, bytes: Buffer, send: (piece: Buffer) => void) {
  const pieces = random.chance(3) ? 1 : 1 + random.below(6);
  const size = Math.max(1, Math.ceil(bytes.length / pieces));
  for (let at = 0; at < bytes.length; at += size) {
    send(bytes.subarray(at, at + size));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function leave(random: Random, client: RawClient): Promise<void> {
  if (random.chance(3)) client.halfClose();
  // What comes back may be anything; here it matters only that the gateway lives.
  await client.gone(random.chance(2) ? CASE_MS : 1).catch(() => undefined);
  client.destroy();
}

/** The gateway's resident memory in KiB; throws when it is gone or has become too large. */
function checkHealth(gateway: TestGateway): number {
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
  const residentKib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  if (residentKib === 0) throw new Error('the gateway is gone');
  if (residentKib > RESIDENT_KIB) throw new Error(`the gateway holds ${residentKib} KiB`);
  return residentKib;
}

function checkLog(gateway: TestGateway): void {
  const wrong = gateway
    .stdout()
    .split('\n')
    .filter((line) => /"level":"(error|fatal)"/.test(line));
  if (wrong.length > 0) throw new Error(`the gateway has logged ${wrong[0]}`);
  if (gateway.stderr() !== '') throw new Error(`the gateway wrote ${gateway.stderr()}`);
}
