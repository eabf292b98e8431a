import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { RawClient } from '../../support/raw-client.ts';
import { hostiles } from './hostile.ts';
import { Pair } from './pair.ts';

/** Timing on a busy machine is noisy, and the test's own process is part of it. */
const SLACK_MS = 25;
/** This one opens its connections in the process that takes the times. */
const MORE_SLACK_MS: Readonly<Record<string, number>> = { '1,000 connections a second': 75 };
const SLICES = 3;
const SLICE_MS = 600;
/** A hostile gets this long to become one. */
const WARM_MS = 400;
/** What a gateway may grow by, whatever is done to it; the bounds of the broker add up to less. */
const GROWTH_KIB = 500 * 1024;
const LOSES = new Set(['a client that stops reading', 'a client that reads a byte a second']);
const SYS_WAIT_MS = 12_000;

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({ limits: { retainedMessages: 2000, connectTimeout: '2s' } });
});
afterAll(() => gateway?.dispose());

function residentKib(): number {
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]);
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** The drops that the gateway counts, from its own topic. */
async function dropped(): Promise<number> {
  const client = await (await RawClient.open('tcp', gateway.port)).connect({ clientId: 'sys' });
  await client.subscribe(['$SYS/broker/publish/messages/dropped', 0]);
  const deadline = Date.now() + SYS_WAIT_MS;
  let count = 0;
  while (count === 0 && Date.now() < deadline) {
    // Published every ten seconds, which is longer than the client waits for a packet.
    const packet = await client.take('publish').catch(() => undefined);
    if (packet) count = Number(packet.payload);
  }
  client.destroy();
  return count;
}

describe('it costs only itself:', () => {
  test.each(Object.entries(hostiles))('%s', { timeout: 60_000 }, async (name, hostile) => {
    const pair = await Pair.connect(gateway.port);
    const before = residentKib();
    const [quiet, busy]: [number[], number[]] = [[], []];
    for (let slice = 0; slice < SLICES; slice++) {
      quiet.push(await pair.p99(SLICE_MS));
      const stop = hostile(gateway.port);
      await pair.p99(WARM_MS);
      busy.push(await pair.p99(SLICE_MS));
      if (slice === SLICES - 1) {
        expect(await pair.count(40_000, 2000)).toEqual({ qos0: 40_000, qos1: 2000 });
        expect(residentKib() - before).toBeLessThan(GROWTH_KIB);
        if (LOSES.has(name)) expect(await dropped()).toBeGreaterThan(0);
      }
      stop();
    }
    const figures = `p99 quiet ${quiet.map((ms) => ms.toFixed(2))}, beside it ${busy.map((ms) => ms.toFixed(2))}`;
    console.log(`${name}: ${figures} ms, ${residentKib() >> 10} MiB`);
    expect(median(busy), figures).toBeLessThan(
      2 * median(quiet) + (MORE_SLACK_MS[name] ?? SLACK_MS),
    );
    pair.destroy();
  });

  test('and the gateway has logged no error', () => {
    const wrong = gateway
      .stdout()
      .split('\n')
      .filter((line) => /"level":"(error|fatal)"/.test(line));
    expect(wrong).toEqual([]);
    expect(gateway.stderr()).toBe('');
  });
});
