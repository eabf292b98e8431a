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
import { parseCommand } from './command.ts';
import { controllerReason, watchController } from './controller.ts';
import { createInterlocks, interlockReason } from './interlock.ts';
import { Output, type OutputStatus } from './output.ts';
import type { Pins } from './pins.ts';

/** A message as an output receives it. */
export interface ReceivedCommand {
  readonly payload: Uint8Array;
}

export interface OutputsParts {
  readonly cell: string;
  /** Which start of the gateway this is; known from `start` on. */
  boot(): number;
  readonly outputs: readonly OutputConfig[];
  readonly buses: Buses;
  readonly pins: Pins;
  readonly clock: Clock;
  readonly log: Logger;
  /** Logs the failures of many outputs together; without it each is logged at once. */
  readonly troubleLog?: TroubleLog | undefined;
  /** Retained: what an output is. */
  publishReading(topic: string, payload: Uint8Array): void;
  /** Not retained: the result of a command. */
  publishResult(topic: string, payload: Uint8Array): void;
  /** Hands on every message of a topic until the returned function is called. */
  subscribe(topic: string, receive: (message: ReceivedCommand) => void): () => void;
}

/**
 * All outputs. `start` opens the lines that are there, each safe at once, and never fails because of hardware; `stop`
 * makes them safe again. A crash leaves a line to its chip: the start after it makes it safe.
 */
export interface Outputs extends Service {
  /**
   * Brings the outputs to another config: those that are the same in it stay as they are, the others go safe first.
   * Throws before anything has changed when a topic makes no sense.
   */
  applyConfig(outputs: readonly OutputConfig[]): Promise<void>;
  /** To be called when the first connection to a plant is there, and when the last is lost. */
  uplinkChanged(connected: boolean): void;
  /** To be called when the supply fails, and when it is back: all are held safe meanwhile. Resolves when they are. */
  supplyChanged(fails: boolean): Promise<void>;
  status(): OutputStatus[];
}

/** An output, and how to end what it listens to. */
interface Placed {
  readonly config: OutputConfig;
  readonly topic: string;
  readonly output: Output;
  readonly unsubscribes: (() => void)[];
}

/** How often lines are read back, and those that could not be opened are tried again. */
const CHECK_MS = 1000;
const SUPPLY_FAILS = 'the supply has failed';

/** Outputs that have not been started. Throws when a topic makes no sense; hardware is not touched. */
export function createOutputs(parts: OutputsParts): Outputs {
  const { buses, clock } = parts;
  const log = parts.log.child({ part: 'outputs' });
  const sequence = new Sequence();
  const interlocks = createInterlocks({ gpio: buses.gpio, clock, pollMs: CHECK_MS });
  const life = new AbortController();
  const create = (config: OutputConfig): Placed => place(config, parts, log, sequence);
  let placed: readonly Placed[] = parts.outputs.map(create);
  let checking: Promise<void> | undefined;

  /** A condition is not met before it has been seen: nothing acts in between. */
  const open = async (ones: readonly Placed[]): Promise<void> => {
    await Promise.all(
      ones.map(async ({ config, output }) => {
        for (const reason of [interlockReason(config), controllerReason(config)]) {
          if (reason !== undefined) await output.hold(reason, true);
        }
        await output.check();
      }),
    );
    interlocks.watch(placed);
    for (const one of ones) listen(one, parts);
  };

  const keepChecking = async (): Promise<void> => {
    while (!life.signal.aborted) {
      await clock.sleep(CHECK_MS, life.signal).catch(() => undefined);
      if (!life.signal.aborted) await Promise.all(placed.map(({ output }) => output.check()));
    }
  };

  return {
    name: 'outputs',
    async start() {
      await open(placed);
      checking = keepChecking();
    },
    async stop() {
      life.abort();
      await Promise.all(placed.map(close));
      await interlocks.stop();
      await checking;
    },
    async applyConfig(next) {
      const before = placed;
      placed = next.map(
        (config) => before.find((one) => isDeepStrictEqual(one.config, config)) ?? create(config),
      );
      const [now, then] = [new Set(placed), new Set(before)];
      // A line must be released before another output can open it.
      await Promise.all(before.filter((one) => !now.has(one)).map(close));
      await interlocks.release(placed);
      await open(placed.filter((one) => !then.has(one)));
    },
    failures: () => placed.flatMap(({ output }) => output.failure() ?? []),
    status: () => placed.map(({ output }) => output.status()),
    async supplyChanged(fails) {
      await Promise.all(placed.map(({ output }) => output.hold(SUPPLY_FAILS, fails)));
    },
    uplinkChanged(connected) {
      if (connected) return;
      for (const { config, output } of placed) {
        if (config.whenUplinkLost === 'safe') void output.makeSafe('the uplink is lost');
      }
    },
  };
}

function place(config: OutputConfig, parts: OutputsParts, log: Logger, sequence: Sequence): Placed {
  const { cell, boot, clock, buses, pins, troubleLog, publishReading, publishResult } = parts;
  const topic = readingTopic(cell, config.name, '');
  const pin = parsePin(config.line);
  const output = new Output(config, {
    ...{ topic, boot, sequence, clock, log, troubleLog, publishReading, publishResult },
    open: (options) =>
      pin ? pins.open(pin, options) : buses.gpio.line(config.line).output(options),
  });
  return { config, topic, output, unsubscribes: [] };
}

/** From then on the output listens to its controller and takes commands. */
function listen({ config, topic, output, unsubscribes }: Placed, parts: OutputsParts): void {
  const { clock, subscribe } = parts;
  if (config.controller) {
    unsubscribes.push(watchController(config.controller, { output, clock, subscribe }));
  }
  const receive = ({ payload }: ReceivedCommand): void =>
    void output.command(parseCommand(payload));
  unsubscribes.push(subscribe(`${topic}/set`, receive));
}

async function close({ output, unsubscribes }: Placed): Promise<void> {
  for (const unsubscribe of unsubscribes.splice(0)) unsubscribe();
  await output.close();
}
