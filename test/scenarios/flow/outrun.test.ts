import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import * as packets from '../../support/packets.ts';
import { until } from '../../support/until.ts';
import { Peer } from './peer.ts';

const LOAD_MS = Number(process.env.FLOW_MS ?? 3000);
const READERS = 10;
/** What the gateway may hold for clients that are behind, and what its heap takes on the way. */
const MEMORY_BYTES = 64 * 1024 * 1024;

let gateway: TestGateway;

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

beforeAll(async () => {
  // With the limits that users run.
  gateway = await startGateway();
});
afterAll(() => gateway?.dispose());

test.each([
  { beside: 'alone', frozen: 0 },
  { beside: 'beside a subscriber that reads nothing', frozen: 1 },
])(
  'a publisher at QoS 0 that outruns ten readers loses nothing, $beside',
  {
    timeout: LOAD_MS + 120_000,
  },
  async ({ frozen }) => {
    const { port, pid } = gateway;
    const topic = `fast/${frozen}`;
    const clean = true;
    const subscribe = [[topic, 0]] as const;
    const readers = await Promise.all(
      Array.from({ length: READERS }, (_, i) =>
        Peer.open(port, { clientId: `r${frozen}-${i}`, clean, subscribe, reading: 'reads' }),
      ),
    );
    if (frozen) {
      const peer = await Peer.open(port, { clientId: 'ice', clean, subscribe, reading: 'freezes' });
      peer.pause();
      readers.push(peer);
    }
    const connect = packets.connect({ clientId: `p${frozen}`, clean });
    const workerData = { port, topic, ms: LOAD_MS, connect };
    const before = residentBytes(pid);
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, residentBytes(pid));
    }, 100);
    const flood = new Worker(new URL('./flood.js', import.meta.url), { workerData });
    const sent = await new Promise<number>((resolve, reject) => {
      flood.once('message', resolve);
      flood.once('error', reject);
    });
    const reading = readers.slice(0, READERS);
    const hasAll = ({ arrivals }: Peer) => arrivals.get(topic)?.last === sent;
    await until('all readers have the last message', () => reading.every(hasAll), 60_000);
    clearInterval(watch);

    console.log(`${sent} messages to ${READERS} readers, ${(most - before) >> 20} MiB more`);
    for (const reader of reading) {
      expect(reader.arrivals.get(topic)).toMatchObject({ count: sent, first: 1, faults: [] });
    }
    expect(most - before).toBeLessThan(MEMORY_BYTES);
    for (const peer of readers) peer.destroy();
  },
);
