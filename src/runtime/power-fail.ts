import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import { Sequence } from '../base/sequence.ts';
import type { Buses, GpioInput } from '../buses/bus.ts';
import type { PowerFailConfig } from '../config/schema/power-fail.ts';
import { powerTopics } from '../driver-kit/cell-topics.ts';
import {
  encodeReading,
  type PayloadForm,
  type Quality,
  type Value,
} from '../driver-kit/reading.ts';

export interface PowerFailParts {
  readonly config: PowerFailConfig;
  readonly cell: string;
  readonly payload: PayloadForm;
  /** Which start of the gateway this is. */
  boot(): number;
  readonly buses: Buses;
  readonly clock: Clock;
  readonly log: Logger;
  publish(topic: string, payload: Uint8Array): void;
  /** Holds all outputs safe while the supply fails; resolves when they are. */
  supplyChanged(fails: boolean): Promise<void>;
  /** Resolves when all that is known is on disk, in the database itself. */
  flushAndCheckpoint(): Promise<void>;
}

/** How often the line is looked at besides its edges, and tried again while it can't be had. */
const POLL_MS = 1000;
/** A disk that takes nothing for so long won't before the end. */
const GIVE_UP_MS = 30_000;

/**
 * Makes use of the time that a board lasts after its supply has failed: outputs safe, everything on disk. Publishes
 * `<cell>/power/supplied`, and in `<cell>/power/secured` how many milliseconds it took, `uncertain` beyond the budget.
 */
export function createPowerFail(parts: PowerFailParts): Service {
  const { config, cell, payload, boot, buses, clock, log, publish } = parts;
  const topics = powerTopics(cell);
  const sequence = new Sequence();
  const life = new AbortController();
  let watching: Promise<void> | undefined;
  let supplied: boolean | undefined;
  let missing: string | undefined;
  let late: string | undefined;

  const say = (topic: string, unit: string, value: Value, reason?: string): void => {
    const quality: Quality = value === null ? 'bad' : reason === undefined ? 'good' : 'uncertain';
    const why = reason === undefined ? {} : { reason };
    const reading = { sensor: 'power', unit, value, quality, time: clock.wall(), ...why };
    publish(topic, encodeReading(reading, { payload, boot: boot(), seq: sequence.next(topic) }));
  };

  const tooLate = async (signal: AbortSignal): Promise<never> => {
    await clock.sleep(GIVE_UP_MS, signal);
    throw new Error(`the disk has not taken it within ${GIVE_UP_MS / 1000} s`);
  };

  const secure = async (): Promise<void> => {
    const began = clock.monotonic();
    const over = new AbortController();
    try {
      await Promise.race([
        Promise.all([parts.supplyChanged(true), parts.flushAndCheckpoint()]),
        tooLate(AbortSignal.any([life.signal, over.signal])),
      ]);
    } catch (error) {
      late = `not all is on disk: ${(error as Error).message}`;
      log.error({ err: error }, `the supply has failed: ${late}`);
      say(topics.secured, 'ms', null, late);
      return;
    } finally {
      over.abort();
    }
    const ms = Math.round(clock.monotonic() - began);
    late = ms > config.within ? `it took ${ms} ms, the budget is ${config.within} ms` : undefined;
    log.warn({ ms }, 'the supply has failed: outputs are safe, all is on disk');
    say(topics.secured, 'ms', ms, late);
    await parts.flushAndCheckpoint().catch(() => undefined);
  };

  const take = async (level: boolean): Promise<void> => {
    const now = level !== config.lost;
    if (now === supplied) return;
    supplied = now;
    say(topics.supplied, '', now);
    if (now) {
      log.info('the supply is there');
      await parts.supplyChanged(false);
    } else await secure();
  };

  /** Edges and looks come one after the other: what a failure has begun is not overtaken by its end. */
  const watch = async (): Promise<void> => {
    let input: GpioInput | undefined;
    const session = new AbortController();
    const end = (): void => session.abort();
    life.signal.addEventListener('abort', end, { once: true });
    let last = Promise.resolve();
    const next = (level: boolean): Promise<void> => {
      last = last.then(() => take(level));
      return last;
    };
    try {
      input = await buses.gpio.line(config.line).input({});
      const open = input;
      missing = undefined;
      const look = async (): Promise<void> => {
        while (!session.signal.aborted) {
          await next(await open.read());
          await clock.sleep(POLL_MS, session.signal).catch(() => undefined);
        }
      };
      const follow = async (): Promise<void> => {
        for await (const { rising } of open.edges(session.signal)) await next(rising);
      };
      await Promise.all([look(), follow()]);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== missing) {
        log.warn({ err: error }, `power failures are not seen: ${reason}`);
        say(topics.supplied, '', null, reason);
      }
      missing = reason;
      supplied = undefined;
    } finally {
      session.abort();
      life.signal.removeEventListener('abort', end);
      await input?.close().catch(() => undefined);
    }
  };

  return {
    name: 'power',
    async start() {
      watching = (async () => {
        while (!life.signal.aborted) {
          await watch();
          await clock.sleep(POLL_MS, life.signal).catch(() => undefined);
        }
      })();
    },
    async stop() {
      life.abort();
      await watching;
    },
    trouble() {
      if (missing !== undefined) return `power failures are not seen: ${missing}`;
      if (supplied === false) return 'the supply has failed';
      return late && `the last power failure: ${late}`;
    },
  };
}
