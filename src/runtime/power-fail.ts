import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import { createMutex } from '../base/mutex.ts';
import { Sequence } from '../base/sequence.ts';
import type { Buses } from '../buses/buses.ts';
import { watchLine } from '../buses/watched-line.ts';
import type { PowerFailConfig } from '../config/schema/power-fail.ts';
import { powerTopics } from '../driver-kit/cell-topics.ts';
import {
  encodeReading,
  type PayloadForm,
  type Quality,
  type Value,
} from '../driver-kit/reading.ts';
import type { Outputs } from '../outputs/outputs.ts';
import type { Store } from '../store/store.ts';

export interface PowerFailParts {
  readonly config: PowerFailConfig;
  readonly cell: string;
  readonly payload: PayloadForm;
  /** The number of this start of the gateway; known from `start` on. */
  boot(): number;
  readonly buses: Buses;
  readonly clock: Clock;
  readonly log: Logger;
  publish(topic: string, payload: Uint8Array, form: { readonly payload: PayloadForm }): void;
  /** The outputs that are safe while the supply fails. */
  readonly outputs: Pick<Outputs, 'supplyChanged'>;
  readonly store: Pick<Store, 'flushAndCheckpoint'>;
}

/** How often the line is read, in addition to its edges, and opened again after a failure. */
const POLL_MS = 1000;
/** If the disk accepts nothing for so long, it will not do so before the power is gone. */
const GIVE_UP_MS = 30_000;

/**
 * Uses the time for which a board still runs after its supply has failed: sets outputs safe and writes all data to disk.
 * Publishes `<cell>/power/supplied`, and in `<cell>/power/secured` the milliseconds needed, `uncertain` beyond the budget.
 */
export class PowerFail implements Service {
  readonly name = 'power';
  readonly #parts: PowerFailParts;
  readonly #topics: ReturnType<typeof powerTopics>;
  readonly #sequence = new Sequence();
  readonly #life = new AbortController();
  /** The end of a failure is handled only after the failure itself. */
  readonly #inOrder = createMutex();
  #watching: Promise<void> | undefined;
  /** Undefined while the line is unknown. */
  #supplied: boolean | undefined;
  /** Why the line can't be read. */
  #lineFailure: string | undefined;
  /** Why the last failure was not handled within the budget. */
  #late: string | undefined;

  constructor(parts: PowerFailParts) {
    this.#parts = parts;
    this.#topics = powerTopics(parts.cell);
  }

  async start(): Promise<void> {
    const { config, buses, clock } = this.#parts;
    this.#watching = watchLine(
      {
        ...{ gpio: buses.gpio, clock, line: config.line, options: {}, pollMs: POLL_MS },
        onLevel: (level) => this.#inOrder(() => this.#take(level)),
        onFailure: (error) => this.#lineFailed(error),
      },
      this.#life.signal,
    );
  }

  async stop(): Promise<void> {
    this.#life.abort();
    await this.#watching;
  }

  trouble(): string | undefined {
    if (this.#lineFailure !== undefined) {
      return `power failures are not seen: ${this.#lineFailure}`;
    }
    if (this.#supplied === false) return 'the supply has failed';
    return this.#late && `the last power failure: ${this.#late}`;
  }

  async #take(level: boolean): Promise<void> {
    const { config, log, outputs } = this.#parts;
    this.#lineFailure = undefined;
    const supplied = level !== config.lost;
    if (supplied === this.#supplied) return;
    this.#supplied = supplied;
    this.#publish(this.#topics.supplied, '', supplied);
    if (!supplied) {
      await this.#prepareForPowerLoss();
      return;
    }
    log.info('the supply is there');
    await outputs.supplyChanged(false);
  }

  async #lineFailed(error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason !== this.#lineFailure) {
      this.#parts.log.warn({ err: error }, `power failures are not seen: ${reason}`);
      this.#publish(this.#topics.supplied, '', null, reason);
    }
    this.#lineFailure = reason;
    this.#supplied = undefined;
  }

  /** Sets the outputs safe and writes everything to disk, or gives up. */
  async #prepareForPowerLoss(): Promise<void> {
    const { config, clock, log, outputs, store } = this.#parts;
    const began = clock.monotonic();
    try {
      await this.#inTime(Promise.all([outputs.supplyChanged(true), store.flushAndCheckpoint()]));
    } catch (error) {
      this.#late = `not all is on disk: ${(error as Error).message}`;
      log.error({ err: error }, `the supply has failed: ${this.#late}`);
      this.#publish(this.#topics.secured, 'ms', null, this.#late);
      return;
    }
    const ms = Math.round(clock.monotonic() - began);
    this.#late =
      ms > config.within ? `it took ${ms} ms, the budget is ${config.within} ms` : undefined;
    log.warn({ ms }, 'the supply has failed: outputs are safe, all is on disk');
    this.#publish(this.#topics.secured, 'ms', ms, this.#late);
    // So that the measured time is on disk too.
    await store.flushAndCheckpoint().catch(() => undefined);
  }

  /** Rejects when the work has not ended in time, or at the stop. */
  async #inTime(work: Promise<unknown>): Promise<void> {
    const { clock } = this.#parts;
    const over = new AbortController();
    const tooLate = async (): Promise<never> => {
      await clock.sleep(GIVE_UP_MS, AbortSignal.any([this.#life.signal, over.signal]));
      throw new Error(`the disk has not taken it within ${GIVE_UP_MS / 1000} s`);
    };
    try {
      await Promise.race([work, tooLate()]);
    } finally {
      over.abort();
    }
  }

  #publish(topic: string, unit: string, value: Value, reason?: string): void {
    const { payload, boot, clock, publish } = this.#parts;
    const quality: Quality = value === null ? 'bad' : reason === undefined ? 'good' : 'uncertain';
    const why = reason === undefined ? {} : { reason };
    const reading = { sensor: 'power', unit, value, quality, time: clock.wall(), ...why };
    const seq = this.#sequence.next(topic);
    publish(topic, encodeReading(reading, { payload, boot: boot(), seq }), { payload });
  }
}
