import { startGateway, type TestGateway } from '../../../support/gateway.ts';
import { startMosquitto } from '../../../support/mosquitto.ts';
import { createRandom } from '../../../support/random.ts';
import { compileSlowSync } from '../../../support/slow-sync.ts';
import { isClean, type Verdict } from './ledger.ts';
import { type Outcome, run, SCENARIOS, type Scenario } from './run.ts';
import { PRESENCES, type Presence } from './subscriber.ts';

export interface MatrixOptions {
  readonly scenarios?: readonly Scenario[];
  readonly presences?: readonly Presence[];
  /** Kills per cell. */
  readonly runs: number;
  readonly seed: number;
  /** Milliseconds that each fsync takes on top of what it takes. */
  readonly syncMs?: number;
  /** Mosquitto acknowledges before it stores: it must be seen to lose. */
  readonly broker?: 'cellgate' | 'mosquitto';
  /** Hears of each run in one line. */
  print(line: string): void;
}

export interface CellResult {
  readonly scenario: Scenario;
  readonly presence: Presence;
  readonly outcomes: readonly Outcome[];
}

/** Nothing of a queue's bounds may hide a loss. */
const LIMITS = { queue: { messages: 10_000_000, bytes: '4GiB' }, receiveMaximum: 65_535 };

/** Runs every cell of the matrix, all on one broker that is killed `runs` times in each. */
export async function runMatrix(options: MatrixOptions): Promise<CellResult[]> {
  const { scenarios = SCENARIOS, presences = PRESENCES, seed, print } = options;
  print(`seed ${seed}`);
  const results: CellResult[] = [];
  const broker = await start(options);
  try {
    for (const scenario of scenarios) {
      for (const presence of presences) {
        results.push(await runCell(broker, scenario, presence, options));
      }
    }
  } finally {
    await broker.dispose();
  }
  return results;
}

async function runCell(
  broker: TestGateway,
  scenario: Scenario,
  presence: Presence,
  options: MatrixOptions,
): Promise<CellResult> {
  const { runs, seed, print } = options;
  const outcomes: Outcome[] = [];
  for (let n = 1; n <= runs; n++) {
    const random = createRandom(seed + n * 7919 + SCENARIOS.indexOf(scenario) * 131);
    const name = `${scenario.replaceAll(/\W/g, '')}-${presence}-${n}`;
    const version = options.broker === 'mosquitto' ? 3 : random.pick([3, 5] as const);
    const outcome = await run({ scenario, presence, broker, random, version, name });
    outcomes.push(outcome);
    print(describe(`${scenario}${version === 5 ? ' v5' : ''}`, presence, n, outcome));
    for (const fault of outcome.verdict.faults) print(`    ${fault}`);
  }
  return { scenario, presence, outcomes };
}

async function start({ broker, syncMs }: MatrixOptions): Promise<TestGateway> {
  if (broker === 'mosquitto') return startMosquitto();
  const env = syncMs ? compileSlowSync().env({ syncMs }) : undefined;
  return startGateway({
    limits: LIMITS,
    versions: [3, 4, 5],
    config: { log: { level: 'warn' } },
    ...(env ? { env } : {}),
  });
}

function describe(scenario: string, presence: string, n: number, outcome: Outcome): string {
  const { verdict, loadMs, restartMs } = outcome;
  const figures = FIGURES.map((name) => `${name} ${verdict[name]}`).join(', ');
  const label = `${scenario} ${presence} #${n}`.padEnd(24);
  const end = isClean(verdict) ? 'ok' : 'FAULT';
  return `${label} killed at ${loadMs.toFixed(0)} ms, back in ${restartMs.toFixed(0)} ms: ${figures}: ${end}`;
}

const FIGURES = [
  'acknowledged',
  'received',
  'lost',
  'duplicates',
  'repeats',
  'disorder',
  'wrong',
  'retained',
  'subscriptions',
  'sessions',
  'violations',
  'unmarked',
] as const satisfies readonly (keyof Verdict)[];

/** One line a cell, and the sums. */
export function table(results: readonly CellResult[]): string {
  const header = ['scenario', 'subscriber', 'runs', ...FIGURES];
  const rows = results.map(({ scenario, presence, outcomes }) => [
    scenario,
    presence,
    String(outcomes.length),
    ...FIGURES.map((name) => String(sum(outcomes, name))),
  ]);
  const all = results.flatMap(({ outcomes }) => outcomes);
  rows.push(['all', '', String(all.length), ...FIGURES.map((name) => String(sum(all, name)))]);
  const widths = header.map((_, i) => Math.max(...[header, ...rows].map((row) => row[i]!.length)));
  return [header, ...rows]
    .map((row) => row.map((text, i) => text.padStart(widths[i]!)).join('  '))
    .join('\n');
}

function sum(outcomes: readonly Outcome[], name: (typeof FIGURES)[number]): number {
  return outcomes.reduce((total, { verdict }) => total + verdict[name], 0);
}
