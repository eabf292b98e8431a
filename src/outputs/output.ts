import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Sequence } from '../base/sequence.ts';
import type { GpioOutput, GpioOutputOptions } from '../buses/gpio-line.ts';
import type { OutputConfig } from '../config/schema/outputs.ts';
import { encodeReading, type Quality } from '../driver-kit/reading.ts';
import type { Command, Refused } from './command.ts';
import { createRecentResults, type Result } from './recent-results.ts';

export interface OutputParts {
  readonly topic: string;
  readonly boot: number;
  readonly sequence: Sequence;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes the line; rejects with a sentence. */
  open(options: GpioOutputOptions): Promise<GpioOutput>;
  publishReading(topic: string, payload: Uint8Array): void;
  publishResult(topic: string, payload: Uint8Array): void;
}

/** One line that is driven by nobody else: what it is follows commands, unless it must be safe. */
export interface Output {
  /** Carries a command out, or refuses it; publishes the result and what the line then is. Never rejects. */
  command(command: Command | Refused): Promise<void>;
  /** Holds the output safe while there is a reason; what was commanded before does not come back. */
  hold(reason: string, held: boolean): Promise<void>;
  /** Goes safe once; commands are taken again afterwards. */
  makeSafe(reason: string): Promise<void>;
  /** Looks at the line, taking it if it could not be taken before; publishes what has changed. */
  check(): Promise<void>;
  /** Safe, then given back. */
  close(): Promise<void>;
  trouble(): string | undefined;
  status(): OutputStatus;
}

/** An output at this moment, for status pages. */
export interface OutputStatus {
  readonly name: string;
  readonly topic: string;
  readonly value: boolean | null;
  readonly quality: Quality;
  readonly reason?: string;
  readonly safe: boolean;
}

/** An output whose line is not taken yet: `check` does it. */
export function createOutput(config: OutputConfig, parts: OutputParts): Output {
  const { name, safe, activeLow, drive } = config;
  const { topic, boot, clock, log, sequence } = parts;
  const recent = createRecentResults();
  const holds = new Set<string>();
  let line: GpioOutput | undefined;
  let wanted = safe;
  let pulse = new AbortController();
  let shown: string | undefined;
  let latest: Pick<OutputStatus, 'value' | 'quality' | 'reason'> = {
    value: null,
    quality: 'bad',
    reason: 'not taken yet',
  };
  let failure: string | undefined = 'not taken yet';
  let closed = false;
  let last: Promise<unknown> = Promise.resolve();

  /** One thing at a time, in order. */
  const queue = <T>(operation: () => Promise<T>): Promise<T> => {
    const result = last.then(operation);
    last = result.catch(() => undefined);
    return result;
  };

  const show = (value: boolean | null, quality: Quality, reason?: string): void => {
    failure = quality === 'good' ? undefined : reason;
    latest = { value, quality, ...(reason === undefined ? {} : { reason }) };
    const now = JSON.stringify([value, quality, reason]);
    if (now === shown) return;
    shown = now;
    const seq = sequence.next(topic);
    const why = reason === undefined ? {} : { reason };
    const reading = { sensor: name, unit: '', value, quality, time: clock.wall(), ...why };
    const { payload } = config;
    parts.publishReading(topic, encodeReading(reading, { payload, boot, seq }));
  };

  const lose = async (error: unknown): Promise<string> => {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason !== failure) log.warn({ err: error }, `output ${name}: ${reason}`);
    const old = line;
    line = undefined;
    wanted = safe;
    pulse.abort();
    await old?.close().catch(() => undefined);
    show(null, 'bad', reason);
    return reason;
  };

  /** Reads the line back. Gives the reason why it is not what it was told to be. */
  const verify = async (open: GpioOutput): Promise<string | undefined> => {
    const is = await open.read();
    if (is === wanted) {
      show(is, 'good');
      return undefined;
    }
    const reason = `the line is ${word(is)} although ${word(wanted)} was written`;
    show(is, 'uncertain', reason);
    return reason;
  };

  /** Drives the line; gives the reason why it could not be done. */
  const drivenTo = async (value: boolean): Promise<string | undefined> => {
    if (line === undefined) return failure ?? 'the line is not taken';
    try {
      wanted = value;
      await line.write(value);
      return await verify(line);
    } catch (error) {
      return await lose(error);
    }
  };

  const goSafe = async (reason: string): Promise<void> => {
    pulse.abort();
    if (wanted !== safe) log.warn(`output ${name}: goes ${word(safe)}, ${reason}`);
    if (line !== undefined) await drivenTo(safe);
  };

  const endAfter = (ms: number, value: boolean, reason: string): void => {
    const { signal } = pulse;
    clock.sleep(ms, signal).then(
      () => queue(async () => (signal.aborted ? undefined : void (await finish(value, reason)))),
      () => undefined,
    );
  };

  const finish = async (value: boolean, reason: string): Promise<void> => {
    pulse.abort();
    if (value === safe) await goSafe(reason);
    else if (holds.size === 0) await drivenTo(value);
  };

  const refusal = (command: Command): string | undefined => {
    if (closed) return 'the gateway stops';
    const { value, given } = command;
    const age = given === undefined ? 0 : clock.wall() - given;
    if (age > config.maxAge) {
      return `too late: given ${(age / 1000).toFixed(1)} s ago, at most ${config.maxAge / 1000} s`;
    }
    const [hold] = holds;
    if (hold !== undefined && value !== safe) return hold;
    const after = command.forMs !== undefined && !value !== safe;
    return hold !== undefined && after ? hold : undefined;
  };

  const carryOut = async (command: Command): Promise<string | undefined> => {
    const refused = refusal(command);
    if (refused !== undefined) return refused;
    const { value, forMs } = command;
    pulse.abort();
    pulse = new AbortController();
    const reason = await drivenTo(value);
    if (line === undefined) return reason;
    if (forMs !== undefined) endAfter(forMs, !value, 'its time is over');
    const { longest } = config;
    if (longest !== undefined && value !== safe) endAfter(longest, safe, 'it was so for too long');
    return reason;
  };

  const tell = (result: Result): void => {
    parts.publishResult(`${topic}/result`, Buffer.from(JSON.stringify(result)));
  };

  return {
    command: (command) =>
      queue(async () => {
        const mark = command.id === undefined ? {} : { id: command.id };
        if ('refused' in command) return tell({ ...mark, ok: false, reason: command.refused });
        const before = recent.find(command.id);
        if (before !== undefined) return tell(before);
        const reason = await carryOut(command);
        const result: Result =
          reason === undefined ? { ...mark, ok: true } : { ...mark, ok: false, reason };
        recent.keep(result);
        tell(result);
      }),
    hold: (reason, held) =>
      queue(async () => {
        if (!held) {
          holds.delete(reason);
          return;
        }
        if (holds.has(reason)) return;
        holds.add(reason);
        await goSafe(reason);
      }),
    makeSafe: (reason) => queue(() => goSafe(reason)),
    check: () =>
      queue(async () => {
        if (closed) return;
        try {
          if (line === undefined) {
            wanted = safe;
            line = await parts.open({ activeLow, drive, initial: safe });
          }
          await verify(line);
        } catch (error) {
          await lose(error);
        }
      }),
    close: () =>
      queue(async () => {
        closed = true;
        await goSafe('the gateway stops');
        await line?.close().catch(() => undefined);
        line = undefined;
      }),
    status: () => ({ name, topic, safe, ...latest }),
    trouble: () => (failure === undefined ? undefined : `${name}: ${failure}`),
  };
}

function word(value: boolean): string {
  return value ? 'on' : 'off';
}
