import { createRandom } from '../../../support/random.ts';
import { isClean } from '../../crash/kill/ledger.ts';
import { type Mortal, type Outcome, run, SCENARIOS, type Scenario } from '../../crash/kill/run.ts';
import { PRESENCES, type Presence } from '../../crash/kill/subscriber.ts';
import { type Appliance, type Recovery, startAppliance } from './appliance.ts';

export interface CutsOptions {
  readonly cuts: number;
  readonly seed: number;
  /** The control: a gateway whose fsync does nothing. It ends with the first loss. */
  readonly unsynced?: boolean;
  /** Hears of each cut in one line. */
  print(line: string): void;
}

/** One power cut under load. */
export interface CutResult {
  readonly recovery: Recovery;
  readonly outcomes: readonly Outcome[];
  /** What all clients together had acknowledged when the power went. */
  readonly acknowledged: number;
  /** Acknowledged messages that never came. */
  readonly lost: number;
  /** Nothing that was acknowledged is lost, and the database is sound. */
  readonly clean: boolean;
}

/** Cuts the power of one gateway again and again while clients outside note what it acknowledges. */
export async function runCuts(options: CutsOptions): Promise<CutResult[]> {
  const { cuts, seed, unsynced = false, print } = options;
  print(`seed ${seed}`);
  const began = performance.now();
  const results: CutResult[] = [];
  const appliance = await startAppliance({ random: createRandom(seed), unsynced });
  print(`the gateway is up after ${seconds(performance.now() - began)}`);
  try {
    for (let n = 1; n <= cuts; n += 1) {
      const started = performance.now();
      const result = await cut(appliance, seed, n);
      results.push(result);
      print(`cut ${n} of ${cuts}: ${describe(result, performance.now() - started)}`);
      for (const { verdict } of result.outcomes)
        for (const fault of verdict.faults) print(`    ${fault}`);
      if (unsynced && result.lost > 0) break;
    }
  } finally {
    await appliance.dispose();
  }
  return results;
}

/** An emulated processor is slow. */
const PATIENCE_MS = 60_000;

/** All loads at once, one cut, and what each of them finds afterwards. */
async function cut(appliance: Appliance, seed: number, n: number): Promise<CutResult> {
  const { pick } = createRandom(seed + n);
  // Half of the loads are of MQTT 5, in the same cut.
  const versions = pick([
    [3, 5, 3, 5],
    [5, 3, 5, 3],
  ] as const);
  const loads: [Scenario, Presence][] = [
    ['qos1-burst', 'absent'],
    ['qos2', 'absent'],
    ['retained', pick(PRESENCES)],
    [pick(SCENARIOS), pick(PRESENCES)],
  ];
  const broker: Mortal = {
    port: appliance.port,
    patienceMs: PATIENCE_MS,
    kill: together(loads.length, () => appliance.kill()),
    restart: together(loads.length, () => appliance.restart()),
  };
  const outcomes = await Promise.all(
    loads.map(([scenario, presence], load) => {
      const random = createRandom(seed + n * 7919 + load * 131);
      const version = versions[load]!;
      return run({ scenario, presence, broker, random, version, name: `cut${n}-${load}` });
    }),
  );
  const recovery = appliance.recovery!;
  const sound = recovery.integrity === 'ok' && recovery.damage === '';
  return {
    recovery,
    outcomes,
    acknowledged: sum(outcomes, 'acknowledged'),
    lost: sum(outcomes, 'lost'),
    clean: sound && outcomes.every(({ verdict }) => isClean(verdict)),
  };
}

/** Acts once, when all have called; all get what comes of it. */
function together(parties: number, act: () => Promise<void>): () => Promise<void> {
  let waiting = parties;
  let go: (done: Promise<void>) => void;
  const done = new Promise<void>((resolve) => {
    go = resolve;
  });
  return () => {
    waiting -= 1;
    if (waiting === 0) go(act());
    return done;
  };
}

const FIGURES = [
  'acknowledged',
  'received',
  'lost',
  'duplicates',
  'disorder',
  'wrong',
  'retained',
  'subscriptions',
  'sessions',
  'violations',
] as const;

function describe({ recovery, outcomes, clean }: CutResult, ms: number): string {
  const { cut, integrity, damage, bootMs } = recovery;
  const loadMs = Math.max(...outcomes.map((outcome) => outcome.loadMs));
  return [
    `after ${loadMs.toFixed(0)} ms, ${cut.dropped} of ${cut.unflushed} unflushed sectors dropped (${cut.way})`,
    `up in ${seconds(bootMs)}, integrity ${integrity}${damage && `, ${damage}`}`,
    FIGURES.map((name) => `${name} ${sum(outcomes, name)}`).join(', '),
    `${seconds(ms)}: ${clean ? 'ok' : 'FAULT'}`,
  ].join('; ');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function sum(outcomes: readonly Outcome[], name: (typeof FIGURES)[number]): number {
  return outcomes.reduce((total, { verdict }) => total + verdict[name], 0);
}
