import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** What a client may wait for more than for a process that only echoes, in milliseconds. */
const P99_MS = 20;
const WORST_MS = 100;

interface Figures {
  readonly p99: number;
  readonly worst: number;
}

function figuresOf(times: readonly number[]): Figures {
  const sorted = times.toSorted((a, b) => a - b);
  return { p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0, worst: sorted.at(-1) ?? 0 };
}

/** The waits of a client that has nothing to do with what is done to the gateway; from a process of its own. */
export class Canary {
  readonly #process: ChildProcess;
  /** The shortest waits of all rounds: what the gateway does in one turn it does in every round. */
  readonly #best = new Map<string, Figures>();

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async start(port: number): Promise<Canary> {
    const process = fork(new URL('./canary.js', import.meta.url), [String(port)]);
    await once(process, 'message');
    return new Canary(process);
  }

  /** Measures while `work` is done. */
  async beside(what: string, work: () => Promise<void>): Promise<void> {
    await this.#take();
    await work();
    const { gateway, echo } = await this.#take();
    const [ours, bare] = [figuresOf(gateway), figuresOf(echo)];
    const before = this.#best.get(what) ?? { p99: Infinity, worst: Infinity };
    this.#best.set(what, {
      p99: Math.min(before.p99, Math.max(0, ours.p99 - bare.p99)),
      worst: Math.min(before.worst, Math.max(0, ours.worst - bare.worst)),
    });
  }

  async #take(): Promise<{ gateway: number[]; echo: number[] }> {
    this.#process.send('take');
    const [times] = await once(this.#process, 'message');
    return times as { gateway: number[]; echo: number[] };
  }

  get areGood(): boolean {
    return [...this.#best.values()].every(({ p99, worst }) => p99 <= P99_MS && worst <= WORST_MS);
  }

  toString(): string {
    const each = [...this.#best].map(
      ([what, { p99, worst }]) => `${what}: p99 ${p99.toFixed(1)}, worst ${worst.toFixed(1)}`,
    );
    return `ms more than an echo: ${each.join('; ')}`;
  }

  stop(): void {
    this.#process.kill();
  }
}
