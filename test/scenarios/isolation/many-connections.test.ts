import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import * as packets from '../../support/packets.ts';
import { RawClient } from '../../support/raw-client.ts';

const AT_ONCE = 2000;
/** The processors are shared with the crowd itself and with other tests. */
const CANARY_MS = 250;

interface Attempt {
  /** The return code of its CONNACK, or how it ended without one. */
  readonly outcome: number | 'reset' | 'closed';
  readonly ms: number;
}

test.each([
  ['half of them fit', 1001, 1000],
  ['all of them fit', 3000, AT_ONCE],
  ['few of them fit', 11, 10],
])(
  'of 2,000 connections at once from one address each gets an answer: %s',
  async (_name, limit, accepted) => {
    const limits = { connections: limit, connectionsPerAddress: limit };
    const gateway = await startGateway({ limits });
    onTestFinished(() => gateway.dispose());
    const canary = await RawClient.open('tcp', gateway.port);
    onTestFinished(() => canary.destroy());
    await canary.connect({ clientId: 'canary' });
    const connects = Array.from({ length: AT_ONCE }, (_, i) =>
      packets.connect({ clientId: `c${i}` }),
    );
    const crowd = new Worker(new URL('./crowd.js', import.meta.url), {
      workerData: { port: gateway.port, connects },
    });
    onTestFinished(() => void crowd.terminate());
    let attempts: readonly Attempt[] | undefined;
    const answered = once(crowd, 'message').then(([all]) => {
      attempts = all as readonly Attempt[];
    });
    const waits: number[] = [];
    while (!attempts) {
      const asked = performance.now();
      await canary.quiet();
      waits.push(performance.now() - asked);
    }
    await answered;
    const count = (wanted: Attempt['outcome']): number =>
      attempts!.filter(({ outcome }) => outcome === wanted).length;
    const counts = {
      accepted: count(0),
      refused: count(3),
      reset: count('reset'),
      closed: count('closed'),
    };
    const [worst, longest] = [Math.max(...waits), Math.max(...attempts!.map(({ ms }) => ms))];
    const p99 = waits.toSorted((a, b) => a - b)[Math.floor(waits.length * 0.99)]!;
    console.log(
      `${JSON.stringify(counts)}, longest ${longest.toFixed()} ms, canary p99 ${p99.toFixed(1)}, worst ${worst.toFixed()} ms`,
    );
    expect(counts).toEqual({ accepted, refused: AT_ONCE - accepted, reset: 0, closed: 0 });
    expect(worst).toBeLessThan(CANARY_MS);
    // Who has left makes room.
    crowd.postMessage('leave');
    await canary.quiet();
  },
  30_000,
);
