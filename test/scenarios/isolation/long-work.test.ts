import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import * as packets from '../../support/packets.ts';
import { RawClient } from '../../support/raw-client.ts';
import { Turns } from '../../support/turns.ts';
import { until } from '../../support/until.ts';
import { Canary } from './canary.ts';

const WAIT_MS = 60_000;
/** The best of some rounds counts: the machine may be busy, and this process works too. */
const ROUNDS = 4;
const COMMITS = 'cellgate_store_commit_duration_seconds_count';
const READINGS_WITHIN_MS = 300;

let gateway: TestGateway;
let canary: Canary;
beforeEach(async () => {
  const turns = new Turns();
  gateway = await startGateway({
    http: {},
    limits: { connections: 3000, connectionsPerAddress: 3000 },
    config: { store: { readingsWithin: `${READINGS_WITHIN_MS}ms` } },
    env: turns.env,
  });
  canary = await Canary.start(gateway, turns);
});
afterEach(async () => {
  canary?.stop();
  await gateway?.dispose();
});

const open = (): Promise<RawClient> => RawClient.open('tcp', gateway.port, WAIT_MS);
const connect = async (clientId: string, clean = true): Promise<RawClient> =>
  (await open()).connect({ clientId, clean });

/** Does the work until each part of it has stalled nobody in a round. */
async function stallsNobody(round: () => Promise<void>): Promise<void> {
  for (let n = 0; n === 0 || (n < ROUNDS && canary.stalled.length > 0); n++) await round();
  console.log(`${canary}`);
  expect(canary.stalled, `${canary}`).toEqual([]);
}

/** Measures while the work is done, and another client subscribes again and again. */
async function beside(what: string, work: () => Promise<void>): Promise<void> {
  const other = await connect('other');
  let hasEnded = false;
  const subscribing = async (): Promise<void> => {
    for (let n = 0; n === 0 || !hasEnded; n++) {
      expect(await other.subscribe([`other/${n}`, 1])).toEqual([1]);
      await other.unsubscribe(`other/${n}`);
      await delay(20);
    }
  };
  const working = canary.beside(what, work).finally(() => {
    hasEnded = true;
  });
  await Promise.all([working, subscribing()]);
  other.destroy();
}

async function mayOtherSubscribe(): Promise<void> {
  const other = await connect('other');
  expect(await other.subscribe(['other/#', 1])).toEqual([1]);
  other.destroy();
}

/** How many commits the gateway has made. */
async function commits(): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${gateway.httpPort}/metrics`)).text();
  return Number(new RegExp(`^${COMMITS} (\\d+)$`, 'm').exec(metrics)![1]);
}

/** Values at QoS 0 go to the disk a moment later: nothing is written for longer than that. */
async function onDisk(): Promise<void> {
  let [before, since] = [-1, 0];
  await until(
    'all is on disk',
    async () => {
      const now = await commits();
      if (now !== before) [before, since] = [now, performance.now()];
      return performance.now() - since > READINGS_WITHIN_MS + 200;
    },
    WAIT_MS,
  );
}

const MESSAGES = 100_000;

test('100,000 retained messages set, replaced, asked for and cleared stall nobody', {
  timeout: 240_000,
}, async () => {
  const writer = await connect('writer');
  const retained = (payload: string): Buffer =>
    Buffer.concat(
      Array.from({ length: MESSAGES }, (_, n) =>
        packets.publish(`plant/line${n % 10}/m${n}`, payload, { retain: true }),
      ),
    );
  const write = async (payload: string): Promise<void> => {
    writer.send(retained(payload), packets.pingreq);
    await writer.next('pingresp');
    await onDisk();
  };
  const ask = async (qos: number, clean: boolean): Promise<void> => {
    const reader = await connect(`reader-${qos}`, clean);
    await reader.subscribe(['plant/#', qos]);
    for (let i = 0; i < 20; i++) await reader.take('publish');
    reader.destroy();
  };
  const asks = async (qos: number, clean: boolean): Promise<void> => {
    for (let i = 0; i < 20; i++) await ask(qos, clean);
  };
  await stallsNobody(async () => {
    await beside('set', () => write('1'));
    await beside('replaced', () => write('2'));
    await beside('asked for at QoS 0', () => asks(0, true));
    await beside('asked for at QoS 1', () => asks(1, false));
    await beside('cleared', () => write(''));
  });
});

const SESSIONS = 10;
const FILTERS = 10_000;

test('sessions with 10,000 filters each, that go away, come again and end, stall nobody', {
  timeout: 240_000,
}, async () => {
  const filters = (n: number): (readonly [string, 1])[] =>
    Array.from({ length: FILTERS }, (_, i) => [`far/${n}/machine${i}/+`, 1] as const);
  const each = (work: (n: number) => Promise<void>): Promise<unknown> =>
    Promise.all(Array.from({ length: SESSIONS }, (_, n) => work(n)));
  await stallsNobody(async () => {
    await canary.beside('subscribed', async () => {
      await each(async (n) => {
        const client = await connect(`many${n}`, false);
        client.send(packets.subscribe(1, filters(n)));
        await client.next('suback');
        client.destroy();
      });
    });
    // They have used up the limit: the largest of those that are away makes room.
    await mayOtherSubscribe();
    await canary.beside('unsubscribed', async () => {
      await each(async (n) => {
        const client = await connect(`many${n}`, false);
        client.send(
          packets.unsubscribe(
            2,
            filters(n).map(([filter]) => filter),
          ),
        );
        await client.next('unsuback');
        client.send(packets.subscribe(3, filters(n)));
        await client.next('suback');
      });
    });
    await canary.beside('ended', async () => {
      await each(async (n) => void (await connect(`many${n}`, true)));
      await (await connect('witness')).quiet();
    });
    await mayOtherSubscribe();
  });
});

test('2,000 connections at once stall nobody', { timeout: 120_000 }, async () => {
  const connects = Array.from({ length: 2000 }, (_, i) => packets.connect({ clientId: `c${i}` }));
  await stallsNobody(() =>
    beside('connected', async () => {
      const workerData = { port: gateway.port, connects };
      const crowd = new Worker(new URL('./crowd.js', import.meta.url), { workerData });
      const [attempts] = (await once(crowd, 'message')) as [{ outcome: unknown }[]];
      await crowd.terminate();
      expect(attempts.filter(({ outcome }) => outcome !== 0)).toEqual([]);
    }),
  );
});

test('20 senders of packets that never end stall nobody', { timeout: 120_000 }, async () => {
  const chunk = Buffer.alloc(16 * 1024, 0x41);
  await stallsNobody(() =>
    beside('sent', async () => {
      await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          const socket = createConnection({ host: '127.0.0.1', port: gateway.port });
          socket.on('error', () => undefined);
          socket.write(packets.connect({ clientId: `endless${n}` }));
          await once(socket, 'data');
          // A PUBLISH of 1,000,000 bytes, again and again; the last one does not end.
          const whole = packets.publish('endless', Buffer.alloc(1_000_000));
          for (let i = 0; i < 10; i++) if (!socket.write(whole)) await once(socket, 'drain');
          socket.write(whole.subarray(0, 10));
          for (let i = 0; i < 50; i++) if (!socket.write(chunk)) await once(socket, 'drain');
          socket.destroy();
        }),
      );
    }),
  );
});
