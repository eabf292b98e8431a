import fc from 'fast-check';
import { describe, test } from 'vitest';
import { type Bench, startInProcess, startSpawned } from './bench.ts';
import { type Five, NEVER, type Step, steps, type Words } from './steps.ts';
import { World } from './world.ts';

const RUNS = Number(process.env.MODEL_RUNS ?? 1000);
/** CI plays the same sequences each time; `npm run test:model` draws others. */
const SEED = Number(process.env.MODEL_SEED ?? 777);
const SHARDS = 2;
const INFLIGHT = 4;

async function play(
  sequence: readonly Step[],
  start: () => Promise<Bench> = () => startInProcess({ inflight: INFLIGHT }),
): Promise<void> {
  const bench = await start();
  const world = new World(bench, INFLIGHT);
  try {
    await world.play(sequence);
    await world.finish();
  } finally {
    world.close();
    await bench.dispose();
  }
}

describe('the gateway does what the model does', () => {
  console.log(`model: MODEL_SEED=${SEED} MODEL_RUNS=${RUNS}`);
  for (let shard = 0; shard < SHARDS; shard++) {
    const name = `random sequences, part ${shard}`;
    test.concurrent(name, { timeout: RUNS * 2000 + 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(steps, (sequence) => play(sequence)),
        {
          seed: SEED + shard,
          numRuns: Math.ceil(RUNS / SHARDS),
          ...(process.env.MODEL_PATH ? { path: process.env.MODEL_PATH } : {}),
          // A shorter sequence takes many minutes to find.
          endOnFailure: process.env.MODEL_SHRINK !== '1',
        },
      );
    });
  }

  test('random sequences on a process that is killed', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const calm = sequence.filter(({ do: what }) => what !== 'crash' && what !== 'restart');
        const killed: Step[] = [...calm.slice(0, 10), { do: 'crash' }, ...calm.slice(10, 20)];
        await play([...killed, { do: 'restart' }], () => startSpawned({ inflight: INFLIGHT }));
      }),
      { seed: SEED, numRuns: Math.max(4, Math.ceil(RUNS / 250)), endOnFailure: true },
    );
  });
});

/** What the random sequences have found, by name. */
describe('found by the model', () => {
  test('a retained message published right after SUBSCRIBE comes once, not again as retained', () =>
    play([
      { do: 'connect', client: 0, clean: false, will: undefined },
      { do: 'mixed', client: 0, filter: '+/+', qos: 0, burst: [words('a/b', 0, true)] },
    ]));

  test('a retained message comes although UNSUBSCRIBE is right behind SUBSCRIBE', () =>
    play([
      { do: 'connect', client: 0, clean: false, will: undefined },
      { do: 'publish', client: 0, burst: [words('a/b', 0, true)] },
      { do: 'mixed', client: 0, filter: '+/b', qos: 0, burst: [words('a', 0)] },
    ]));

  test('a QoS 2 message survives a crash in the middle of its handshake on both sides', () =>
    play([
      { do: 'connect', client: 0, clean: false, will: undefined },
      { do: 'subscribe', client: 0, wishes: [['a/#', 2]] },
      { do: 'connect', client: 1, clean: false, will: undefined },
      { do: 'cut', client: 1, burst: [words('a', 2), words('a/b', 2)], after: 1, crash: true },
      { do: 'connect', client: 0, clean: false, will: undefined },
      { do: 'hold', client: 0, held: 'releases' },
      { do: 'cut', client: 1, burst: [words('a', 2), words('a', 1)], after: 0, crash: true },
    ]));

  test('a will that is published after a crash is not published again after the next', () =>
    play([
      { do: 'connect', client: 0, clean: false, will: undefined },
      { do: 'subscribe', client: 0, wishes: [['#', 2]] },
      { do: 'connect', client: 1, clean: true, will: { qos: 2, retain: false } },
      { do: 'crash' },
      { do: 'crash' },
      { do: 'connect', client: 0, clean: false, will: undefined },
    ]));

  test('a client whose own QoS 2 message is on its way when it goes gets it again', () =>
    play([
      { do: 'connect', client: 0, clean: false, will: undefined },
      { do: 'subscribe', client: 0, wishes: [['+/b', 2]] },
      { do: 'cut', client: 0, burst: [words('a', 1), words('a/b', 2)], after: 1, crash: false },
    ]));

  test('a message acknowledged just before a crash comes again with DUP, beside its second copy', () =>
    play([
      { do: 'connect', client: 0, clean: false, will: undefined },
      { do: 'connect', client: 1, clean: false, will: undefined },
      { do: 'subscribe', client: 1, wishes: [['+/b', 2]] },
      {
        do: 'cut',
        client: 0,
        burst: [words('a', 1), words('a/b/c', 1), words('a/b', 2), words('a/b', 1)],
        after: 3,
        crash: true,
      },
      { do: 'connect', client: 0, clean: false, will: { qos: 0, retain: true } },
      { do: 'restart' },
    ]));

  test('a will does not wait for its delay after a crash where its session ends with the connection', () =>
    play([
      { do: 'connect', client: 0, clean: false, will: undefined, five: five(NEVER) },
      { do: 'subscribe', client: 0, wishes: [['#', 0]] },
      { do: 'connect', client: 1, clean: false, will: undefined, five: five(NEVER) },
      {
        do: 'connect',
        client: 1,
        clean: false,
        will: { qos: 0, retain: false, delay: 50 },
        five: five(0),
      },
      { do: 'disconnect', client: 0 },
      { do: 'crash' },
    ]));

  test('a flood to an absent session comes back from disk in order after a crash', () =>
    play([
      { do: 'connect', client: 0, clean: false, will: undefined },
      { do: 'subscribe', client: 0, wishes: [['#', 2]] },
      { do: 'disconnect', client: 0 },
      { do: 'connect', client: 1, clean: false, will: undefined },
      { do: 'flood', client: 1, words: words('a', 1), count: 1500 },
      { do: 'crash' },
      { do: 'connect', client: 1, clean: false, will: undefined },
      { do: 'flood', client: 1, words: words('a', 2), count: 600 },
    ]));
});

function five(expiry: number): Five {
  return { expiry, receiveMaximum: 65_535, aliases: 0, refuses: false };
}

function words(topic: string, qos: 0 | 1 | 2, retain = false): Words {
  return { topic, qos, retain, empty: false };
}
