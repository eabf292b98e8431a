import { mkdtempSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { REPOSITORY } from './gateway.ts';

/** What a gateway's event loop has done for a while, in milliseconds of processor time of its thread. */
export interface TurnTimes {
  readonly count: number;
  readonly p999: number;
  readonly longest: number;
  /** For how long the thread was running. */
  readonly ranMs: number;
  /** For how long the thread has waited for a processor: what the machine had to do besides. */
  readonly waitedMs: number;
}

/** Measures the turns of a gateway's event loop; it is started with `env`. */
export class Turns {
  readonly #socket: string = join(mkdtempSync(join(tmpdir(), 'cellgate-test-')), 'turns');

  get env(): NodeJS.ProcessEnv {
    const probe = pathToFileURL(join(REPOSITORY, 'test/support/turn-probe.js'));
    const options = `${process.env.NODE_OPTIONS ?? ''} --import=${probe}`;
    return { NODE_OPTIONS: options, TURN_PROBE: this.#socket };
  }

  /** The turns since the last call, or since the start. */
  async take(): Promise<TurnTimes> {
    const answer: { turns: number[]; waitedMs: number } = JSON.parse(
      await text(createConnection(this.#socket)),
    );
    const sorted = answer.turns.toSorted((a, b) => a - b);
    return {
      count: sorted.length,
      p999: sorted[Math.floor(sorted.length * 0.999)] ?? 0,
      longest: sorted.at(-1) ?? 0,
      ranMs: answer.turns.reduce((sum, ms) => sum + ms, 0),
      waitedMs: answer.waitedMs,
    };
  }
}
