import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import { Sequence } from '../base/sequence.ts';
import type { TroubleLog } from '../base/trouble-log.ts';
import type { Buses } from '../buses/buses.ts';
import type { OutputConfig } from '../config/schema/outputs.ts';
import { parsePin } from '../config/schema/pins.ts';
import { readingTopic } from '../driver-kit/cell-topics.ts';
import { parseCommand, type ReceivedCommand } from './command.ts';
import { controllerReason, watchController } from './controller.ts';
import { createInterlocks, interlockReason } from './interlock.ts';
import { Output, type OutputStatus } from './output.ts';
import type { Pins } from './pins.ts';
import { answerUnknownOutputs } from './unknown-outputs.ts';

export type { ReceivedCommand };

export interface OutputsParts {
  readonly cell: string;
  /** The number of this start of the gateway; known from `start` on. */
  boot(): number;
  readonly outputs: readonly OutputConfig[];
  readonly buses: Buses;
  readonly pins: Pins;
  readonly clock: Clock;
  readonly log: Logger;
  /** Logs the failures of many outputs together; without it each is logged at once. */
  readonly troubleLog?: TroubleLog | undefined;
  /** Milliseconds that never jump and continue over restarts. */
  storedNow(): number;
  /** Retained: what an output is. */
  publishReading(topic: string, payload: Uint8Array, form: Pick<OutputConfig, 'payload'>): void;
  /** Publishes the result of a command, not retained. */
  publishResult(topic: string, payload: Uint8Array): void;
  /** Passes every message of a topic to the receiver until the returned function is called. */
  subscribe(topic: string, receive: (message: ReceivedCommand) => void | Promise<void>): () => void;
  /** Whether a client or a part of the gateway has subscribed to a topic by its name; without it, commands to outputs that do not exist get no answer. */
  isNamed?(topic: string): boolean;
  /** Values that survive a restart, by the name of the output, available from `start` on. */
  readonly last?: { get(name: string): unknown; keep(name: string, value: boolean): void };
  /** Calls back with whether the alarm is active: now, and after each change, until the returned function is called. */
  follow?(alarm: string, apply: (isActive: boolean) => void): () => void;
}

/**
 * All outputs. `start` opens the existing lines, each in its safe state, and never fails because of hardware; `stop`
 * makes them safe again. After a crash the level of a line depends on its chip, until the next start makes it safe.
 */
export interface Outputs extends Service {
  /**
   * Applies another config: unchanged outputs stay as they are, the others are made safe first.
   * If a topic is invalid, throws before anything has changed.
   */
  applyConfig(outputs: readonly OutputConfig[]): Promise<void>;
  /** To be called when the first connection to a plant begins, and when the last one is lost. */
  uplinkChanged(connected: boolean): void;
  /** To be called when the supply fails, and when it is back: between these calls all outputs are held safe. Resolves when that is done. */
  supplyChanged(fails: boolean): Promise<void>;
  /** A command of `sender` to an output; resolves with the reason if it is refused. Undefined if there is no such output. */
  set(name: string, payload: Uint8Array, sender: string): Promise<string | undefined> | undefined;
  status(): OutputStatus[];
}

/** An output, and the functions that end its subscriptions. */
interface OutputEntry {
  readonly config: OutputConfig;
  readonly topic: string;
  readonly output: Output;
  readonly unsubscribes: (() => void)[];
}

/** How often lines are read back, and failed openings are tried again. */
const CHECK_MS = 1000;
const SUPPLY_FAILS = 'the supply has failed';

/** Outputs that have not been started. Throws if a topic is invalid; hardware is not accessed. */
export function createOutputs(parts: OutputsParts): Outputs {
  const { buses, clock } = parts;
  const log = parts.log.child({ part: 'outputs' });
  const sequence = new Sequence();
  const interlocks = createInterlocks({ gpio: buses.gpio, clock, pollMs: CHECK_MS });
  const life = new AbortController();
  const create = (config: OutputConfig): OutputEntry => place(config, parts, log, sequence);
  /** Created at the start, when the values of the last run are known; a topic that is invalid is refused before. */
  let entries: readonly OutputEntry[] = [];
  for (const { name } of parts.outputs) readingTopic(parts.cell, name, '');
  let checking: Promise<void> | undefined;

  /** A condition counts as not met until it is known, so no output acts before that. */
  const open = async (ones: readonly OutputEntry[]): Promise<void> => {
    await Promise.all(
      ones.map(async ({ config, output }) => {
        for (const reason of [interlockReason(config), controllerReason(config)]) {
          if (reason !== undefined) await output.hold(reason, true);
        }
        await output.check();
      }),
    );
    interlocks.watch(entries);
    for (const one of ones) listen(one, parts);
  };

  const keepChecking = async (): Promise<void> => {
    while (!life.signal.aborted) {
      await clock.sleep(CHECK_MS, life.signal).catch(() => undefined);
      if (!life.signal.aborted) await Promise.all(entries.map(({ output }) => output.check()));
    }
  };

  return {
    name: 'outputs',
    async start() {
      entries = parts.outputs.map(create);
      await open(entries);
      const names = (): string[] => entries.map(({ config }) => config.name);
      answerUnknownOutputs({ ...parts, log, names }, life.signal);
      checking = keepChecking();
    },
    async stop() {
      life.abort();
      await Promise.all(entries.map(close));
      await interlocks.stop();
      await checking;
    },
    async applyConfig(next) {
      const before = entries;
      const former = new Map(before.map((one) => [one.config.name, one]));
      entries = next.map((config) => {
        const same = former.get(config.name);
        return same && isDeepStrictEqual(same.config, config) ? same : create(config);
      });
      const [now, then] = [new Set(entries), new Set(before)];
      // A line must be released before another output can open it.
      await Promise.all(before.filter((one) => !now.has(one)).map(close));
      await interlocks.release(entries);
      await open(entries.filter((one) => !then.has(one)));
    },
    failures: () => entries.flatMap(({ output }) => output.failure() ?? []),
    status: () => entries.map(({ output }) => output.status()),
    set(name, payload, sender) {
      const entry = entries.find(({ config }) => config.name === name);
      return entry && resultOf(entry.output, payload, sender);
    },
    async supplyChanged(fails) {
      await Promise.all(entries.map(({ output }) => output.hold(SUPPLY_FAILS, fails)));
    },
    uplinkChanged(connected) {
      if (connected) return;
      for (const { config, output } of entries) {
        if (config.whenUplinkLost === 'safe') void output.makeSafe('the uplink is lost');
      }
    },
  };
}

function place(
  config: OutputConfig,
  parts: OutputsParts,
  log: Logger,
  sequence: Sequence,
): OutputEntry {
  const { cell, boot, clock, buses, pins, troubleLog, publishReading, publishResult } = parts;
  const topic = readingTopic(cell, config.name, '');
  const pin = parsePin(config.line);
  const { last } = parts;
  const before = last?.get(config.name);
  const kept = config.start === 'last' &&
    last && {
      value: typeof before === 'boolean' ? before : undefined,
      keep: (value: boolean) => last.keep(config.name, value),
    };
  const output = new Output(config, {
    last: kept || undefined,
    ...{ topic, boot, sequence, clock, log, troubleLog, publishReading, publishResult },
    open: (options) =>
      pin ? pins.open(pin, options) : buses.gpio.line(config.line).output(options),
  });
  return { config, topic, output, unsubscribes: [] };
}

/** Subscribes the output to its controller and its commands. */
function listen({ config, topic, output, unsubscribes }: OutputEntry, parts: OutputsParts): void {
  const { clock, subscribe } = parts;
  if (config.controller) {
    unsubscribes.push(watchController(config.controller, { output, clock, subscribe }));
  }
  const { follows } = config;
  if (follows !== undefined && parts.follow) {
    unsubscribes.push(parts.follow(follows, (isActive) => void output.follow(isActive)));
  }
  const { storedNow } = parts;
  const receive = async (command: ReceivedCommand): Promise<void> => {
    const { payload, expiresAt, sender, answer } = command;
    if (command.isDeletion) return;
    await output.command(parseCommand(payload), {
      isExpired: () => typeof expiresAt === 'number' && expiresAt <= storedNow(),
      sender,
      answer,
    });
  };
  unsubscribes.push(subscribe(`${topic}/set`, receive));
}

/** Carries a command out as if it had come by its topic. */
async function resultOf(
  output: Output,
  payload: Uint8Array,
  sender: string,
): Promise<string | undefined> {
  let reason: string | undefined;
  await output.command(parseCommand(payload), {
    isExpired: () => false,
    sender,
    answer: (result) => {
      reason = (JSON.parse(Buffer.from(result).toString()) as { reason?: string }).reason;
    },
  });
  return reason;
}

async function close({ output, unsubscribes }: OutputEntry): Promise<void> {
  for (const unsubscribe of unsubscribes.splice(0)) unsubscribe();
  await output.close();
}
