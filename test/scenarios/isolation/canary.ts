import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { TestGateway } from '../../support/gateway.ts';
import type { Turns, TurnTimes } from '../../support/turns.ts';

/** What a client may wait for, in milliseconds of the gateway's work. */
const BOUND = { p99: 20, worst: 100 };
/** The machine is quiet where a process that only echoes answers so soon; then the bare times have the same bound. */
const QUIET = { p99: 5, worst: 25 };
/** Processor time that one turn of the event loop may take, in milliseconds. */
const TURN_MS = 20;

interface Waits {
  readonly p99: number;
  readonly worst: number;
}

/** Milliseconds of each question, in its order. */
interface Times {
  readonly gateway: readonly number[];
  readonly echo: readonly number[];
  /** How long the gateway's thread was running until the answer came. */
  readonly ran: readonly number[];
}

interface Round {
  readonly bare: Waits;
  readonly echo: Waits;
  readonly work: Waits;
  readonly questions: number;
  readonly turns: TurnTimes;
}

/** Where there are fewer than a hundred the longest ones are no hundredth. */
function waitsOf(times: readonly number[]): Waits {
  const sorted = times.toSorted((a, b) => a - b);
  const place = Math.min(sorted.length - 2, Math.floor(sorted.length * 0.99));
  return { p99: sorted[place] ?? 0, worst: sorted.at(-1) ?? 0 };
}

const isWithin = (waits: Waits, bound: Waits): boolean =>
  waits.p99 <= bound.p99 && waits.worst <= bound.worst;

function isGood({ bare, echo, work, turns }: Round): boolean {
  if (turns.longest > TURN_MS || !isWithin(work, BOUND)) return false;
  const isQuiet = isWithin(echo, QUIET) && turns.waitedMs < turns.ranMs / 10;
  return !isQuiet || isWithin(bare, BOUND);
}

/**
 * A client that has nothing to do with what is done to the gateway, in a process of its own: how long it waits, and how
 * long the turns of the gateway's event loop are.
 */
export class Canary {
  readonly #process: ChildProcess;
  readonly #turns: Turns;
  /** By what was done. */
  readonly #rounds = new Map<string, Round[]>();

  private constructor(process: ChildProcess, turns: Turns) {
    this.#process = process;
    this.#turns = turns;
  }

  static async start({ port, pid }: TestGateway, turns: Turns): Promise<Canary> {
    const process = fork(new URL('./canary.js', import.meta.url), [String(port), String(pid)]);
    await once(process, 'message');
    return new Canary(process, turns);
  }

  /** Measures while `work` is done. */
  async beside(what: string, work: () => Promise<void>): Promise<void> {
    await this.#take();
    await work();
    const { gateway, echo, ran, turns } = await this.#take();
    const round = {
      bare: waitsOf(gateway),
      echo: waitsOf(echo),
      work: waitsOf(ran),
      questions: gateway.length,
      turns,
    };
    this.#rounds.set(what, [...(this.#rounds.get(what) ?? []), round]);
  }

  async #take(): Promise<Times & { readonly turns: TurnTimes }> {
    this.#process.send('take');
    const [times] = await once(this.#process, 'message');
    return { ...(times as Times), turns: await this.#turns.take() };
  }

  /** What was too long in each of its rounds: what the gateway does in one turn it does in every round. */
  get stalled(): string[] {
    return [...this.#rounds].filter(([, rounds]) => !rounds.some(isGood)).map(([what]) => what);
  }

  toString(): string {
    const shown = ({ p99, worst }: Waits): string => `${p99.toFixed(1)}/${worst.toFixed(1)}`;
    const describe = ({ bare, echo, work, questions, turns }: Round): string =>
      `p99/worst ${shown(bare)} ms of ${questions}, echo ${shown(echo)}, work ${shown(work)}; ` +
      `turns p99.9/longest ${turns.p999.toFixed(1)}/${turns.longest.toFixed(1)} ms of ${turns.count}, ` +
      `ran ${turns.ranMs.toFixed()}, waited ${turns.waitedMs.toFixed()}`;
    return [...this.#rounds]
      .map(([what, rounds]) => [what, ...rounds.map(describe)].join('\n  '))
      .join('\n');
  }

  stop(): void {
    this.#process.kill();
  }
}
