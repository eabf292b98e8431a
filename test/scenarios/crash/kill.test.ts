import { describe, expect, test } from 'vitest';
import { createRandom } from '../../support/random.ts';
import { compiler } from '../../support/slow-sync.ts';
import { needs, tools } from '../../support/tools.ts';
import { isClean, judge, type Ledger, type Trail } from './kill/ledger.ts';
import { runMatrix, table } from './kill/matrix.ts';
import type { Scenario } from './kill/run.ts';
import { PRESENCES } from './kill/subscriber.ts';

/** Another seed every day, the same all day. */
const SEED = Number(process.env.KILL_SEED ?? Math.floor(Date.now() / 86_400_000));

const trail = (received: number[], over: Partial<Trail> = {}): Trail => ({
  topic: 't',
  qos: 1,
  published: 4,
  acknowledged: new Set([1, 2]),
  received,
  ...over,
});
const ledger = (over: Partial<Ledger>): Ledger => ({
  trails: [],
  retained: [],
  subscriptions: [],
  forgotten: [],
  violations: [],
  unmarked: 0,
  ...over,
});
const value = {
  topic: 't',
  published: 5,
  acknowledged: 3,
  deletions: new Set<number>(),
  found: 3,
};

describe('the judge', () => {
  test.each([
    ['everything came', ledger({ trails: [trail([1, 2, 3, 4])] })],
    ['QoS 1 again', ledger({ trails: [trail([1, 2, 3, 2, 3, 4])] })],
    ['a later retained value', ledger({ retained: [{ ...value, found: 5 }] })],
    ['a later deletion', ledger({ retained: [{ ...value, found: 0, deletions: new Set([4]) }] })],
    ['never acknowledged', ledger({ retained: [{ ...value, acknowledged: 0, found: 0 }] })],
    ['left open', ledger({ subscriptions: [{ filter: 'f', wanted: undefined, found: true }] })],
  ])('passes: %s', (_, kept) => {
    expect(isClean(judge(kept))).toBe(true);
  });

  test.each([
    ['lost', { lost: 1 }, ledger({ trails: [trail([1, 3, 4])] })],
    ['lost at the end', { wrong: 1 }, ledger({ trails: [trail([1, 2, 3])] })],
    ['twice', { duplicates: 1 }, ledger({ trails: [trail([1, 2, 2, 3, 4], { qos: 2 })] })],
    ['swapped', { disorder: 1 }, ledger({ trails: [trail([1, 3, 2, 4])] })],
    ['never sent', { wrong: 1 }, ledger({ trails: [trail([1, 2, 3, 4, 5])] })],
    ['not a number', { wrong: 1 }, ledger({ trails: [trail([1, 2, Number.NaN, 3, 4])] })],
    ['an older value', { retained: 1 }, ledger({ retained: [{ ...value, found: 2 }] })],
    ['no value', { retained: 1 }, ledger({ retained: [{ ...value, found: 0 }] })],
    [
      'a deletion taken back',
      { retained: 1 },
      ledger({ retained: [{ ...value, found: 2, deletions: new Set([3]) }] }),
    ],
    [
      'a subscription gone',
      { subscriptions: 1 },
      ledger({ subscriptions: [{ filter: 'f', wanted: true, found: false }] }),
    ],
    [
      'a subscription still there',
      { subscriptions: 1 },
      ledger({ subscriptions: [{ filter: 'f', wanted: false, found: true }] }),
    ],
    ['a session gone', { sessions: 1 }, ledger({ forgotten: ['c'] })],
    ['a violation', { violations: 1 }, ledger({ violations: ['x'] })],
  ])('tells: %s', (_, counts, doctored) => {
    const verdict = judge(doctored);
    expect(verdict).toMatchObject(counts);
    expect(isClean(verdict)).toBe(false);
    expect(verdict.faults).not.toEqual([]);
  });
});

describe('killed at any moment', () => {
  test('loses nothing that was acknowledged', { timeout: 240_000 }, async () => {
    const lines: string[] = [];
    const print = (line: string): void => void lines.push(line);
    report(await runMatrix({ runs: 1, seed: SEED, print }), lines);
  });

  describe('with an fsync of 20 ms', () => {
    test('loses nothing that was acknowledged', { timeout: 240_000 }, async (context) => {
      needs(compiler)(context);
      const lines: string[] = [];
      const { pick } = createRandom(SEED);
      const scenarios: Scenario[] = ['qos1-burst', 'qos2', 'pubrel'];
      const presences = [pick(PRESENCES)];
      const print = (line: string): void => void lines.push(line);
      report(
        await runMatrix({ scenarios, presences, runs: 2, seed: SEED, syncMs: 20, print }),
        lines,
      );
    });
  });

  test('a broker that acknowledges before it stores is caught', {
    timeout: 60_000,
  }, async (context) => {
    needs(tools.mosquitto)(context);
    const results = await runMatrix({
      scenarios: ['qos1-burst'],
      presences: ['absent'],
      runs: 1,
      seed: SEED,
      broker: 'mosquitto',
      print: () => undefined,
    });
    expect(results[0]?.outcomes[0]?.verdict.lost).toBeGreaterThan(0);
  });
});

function report(results: Awaited<ReturnType<typeof runMatrix>>, lines: readonly string[]): void {
  console.log(`seed ${SEED} (KILL_SEED)\n${table(results)}`);
  const clean = results.every(({ outcomes }) => outcomes.every(({ verdict }) => isClean(verdict)));
  expect(clean, lines.join('\n')).toBe(true);
}
