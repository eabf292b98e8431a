import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import type { Sequence } from '../base/sequence.ts';
import type { Buses, GpioInput } from '../buses/bus.ts';
import type { OutputConfig } from '../config/schema/outputs.ts';
import { parsePin } from '../config/schema/pins.ts';
import { readingTopic } from '../driver-kit/cell-topics.ts';
import { parseCommand } from './command.ts';
import { createOutput, type Output, type OutputStatus } from './output.ts';
import type { Pins } from './pins.ts';

/** A message as an output receives it. */
export interface ReceivedCommand {
  readonly payload: Uint8Array;
}

export interface OutputsParts {
  readonly cell: string;
  /** Which start of the gateway this is. */
  readonly boot: number;
  readonly sequence: Sequence;
  readonly outputs: readonly OutputConfig[];
  readonly buses: Buses;
  readonly pins: Pins;
  readonly clock: Clock;
  readonly log: Logger;
  /** Retained: what an output is. */
  publishReading(topic: string, payload: Uint8Array): void;
  /** Not retained: what a command came to. */
  publishResult(topic: string, payload: Uint8Array): void;
  /** Hands on every message of a topic until the returned function is called. */
  subscribe(topic: string, receive: (message: ReceivedCommand) => void): () => void;
}

/**
 * All outputs. `start` takes what lines there are, each safe at once, and never fails because of hardware; `stop` makes
 * them safe again. A crash leaves a line to its chip: the start after it makes it safe.
 */
export interface Outputs extends Service {
  /** To be told whenever the way to the plant is lost or back. */
  uplinkChanged(connected: boolean): void;
  /** To be told when the supply fails, and when it is there again: all are held safe meanwhile. Resolves when they are. */
  supplyChanged(fails: boolean): Promise<void>;
  status(): OutputStatus[];
}

/** How often lines are read back, and those that could not be had are tried again. */
const CHECK_MS = 1000;
const SUPPLY_FAILS = 'the supply has failed';

/** Outputs that have not been started. Throws when a topic makes no sense; hardware is not touched. */
export function createOutputs(parts: OutputsParts): Outputs {
  const { cell, boot, buses, clock, sequence } = parts;
  const log = parts.log.child({ part: 'outputs' });
  const { publishReading, publishResult, pins } = parts;
  const all = parts.outputs.map((config) => ({
    config,
    topic: readingTopic(cell, config.name, ''),
    output: createOutput(config, {
      topic: readingTopic(cell, config.name, ''),
      boot,
      sequence,
      clock,
      log,
      open(options) {
        const pin = parsePin(config.line);
        return pin ? pins.open(pin, options) : buses.gpio.line(config.line).output(options);
      },
      publishReading: (topic, payload) => publishReading(topic, payload),
      publishResult: (topic, payload) => publishResult(topic, payload),
    }),
  }));
  const life = new AbortController();
  const loops: Promise<void>[] = [];
  const unsubscribes: (() => void)[] = [];

  const checkAll = async (): Promise<void> => {
    await Promise.all(all.map(({ output }) => output.check()));
  };

  const keepChecking = async (): Promise<void> => {
    while (!life.signal.aborted) {
      await clock.sleep(CHECK_MS, life.signal).catch(() => undefined);
      if (!life.signal.aborted) await checkAll();
    }
  };

  return {
    name: 'outputs',
    async start() {
      // A condition is not met before it has been seen: nothing acts in between.
      for (const { config, output } of all) {
        if (config.interlock) await output.hold(lockReason(config), true);
        if (config.controller) await output.hold(silence(config), true);
      }
      await checkAll();
      for (const { line, activeLow, locked } of interlocks(all)) {
        loops.push(watchInterlock({ line, activeLow, locked, buses, clock }, life.signal));
      }
      for (const { config, output, topic } of all) {
        if (config.controller)
          unsubscribes.push(watchController(config, output, parts, life.signal));
        const receive = ({ payload }: ReceivedCommand): void =>
          void output.command(parseCommand(payload));
        unsubscribes.push(parts.subscribe(`${topic}/set`, receive));
      }
      loops.push(keepChecking());
    },
    async stop() {
      for (const unsubscribe of unsubscribes.splice(0)) unsubscribe();
      life.abort();
      await Promise.all(all.map(({ output }) => output.close()));
      await Promise.all(loops);
    },
    trouble() {
      const troubles = all.map(({ output }) => output.trouble());
      return troubles.filter((one) => one !== undefined).join('; ') || undefined;
    },
    status: () => all.map(({ output }) => output.status()),
    async supplyChanged(fails) {
      await Promise.all(all.map(({ output }) => output.hold(SUPPLY_FAILS, fails)));
    },
    uplinkChanged(connected) {
      if (connected) return;
      for (const { config, output } of all) {
        if (config.whenUplinkLost === 'safe') void output.makeSafe('the uplink is lost');
      }
    },
  };
}

function silence({ controller }: OutputConfig): string {
  return `nothing heard on ${controller?.topic} for ${(controller?.within ?? 0) / 1000} s`;
}

function lockReason({ interlock }: OutputConfig): string {
  return `interlocked: ${interlock?.line} is not ${interlock?.is ? 'on' : 'off'}`;
}

interface Placed {
  readonly config: OutputConfig;
  readonly output: Output;
}

interface Interlock {
  readonly line: string;
  readonly activeLow: boolean;
  /** Told each time the line is known to be on or off, or undefined when nobody knows. */
  locked(level: boolean | undefined): Promise<void>;
}

/** One for each line, however many outputs it holds. */
function interlocks(all: readonly Placed[]): Interlock[] {
  const lines = new Map<string, Placed[]>();
  for (const one of all) {
    const { interlock } = one.config;
    if (interlock) lines.set(interlock.line, [...(lines.get(interlock.line) ?? []), one]);
  }
  return [...lines].map(([line, held]) => ({
    line,
    activeLow: held[0]?.config.interlock?.activeLow ?? false,
    async locked(level) {
      await Promise.all(
        held.map(({ config, output }) =>
          output.hold(lockReason(config), level !== config.interlock?.is),
        ),
      );
    },
  }));
}

/** Follows the line by its edges, looking at it now and then as well; a line that can't be had locks. */
async function watchInterlock(
  { line, activeLow, locked, buses, clock }: Interlock & Pick<OutputsParts, 'buses' | 'clock'>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    let input: GpioInput | undefined;
    const session = new AbortController();
    const end = (): void => session.abort();
    signal.addEventListener('abort', end, { once: true });
    try {
      input = await buses.gpio.line(line).input({ activeLow });
      const open = input;
      const look = async (): Promise<void> => {
        while (!session.signal.aborted) {
          await locked(await open.read());
          await clock.sleep(CHECK_MS, session.signal).catch(() => undefined);
        }
      };
      const follow = async (): Promise<void> => {
        for await (const { rising } of open.edges(session.signal)) await locked(rising);
      };
      await Promise.all([look(), follow()]);
    } catch {
      await locked(undefined);
    } finally {
      session.abort();
      signal.removeEventListener('abort', end);
      await input?.close().catch(() => undefined);
    }
    await clock.sleep(CHECK_MS, signal).catch(() => undefined);
  }
}

/** Holds the output while the controller's topic is silent. */
function watchController(
  config: OutputConfig,
  output: Output,
  { clock, subscribe }: OutputsParts,
  life: AbortSignal,
): () => void {
  const { topic, within } = config.controller ?? { topic: '', within: 0 };
  let timer = new AbortController();
  const unsubscribe = subscribe(topic, () => {
    timer.abort();
    timer = new AbortController();
    void output.hold(silence(config), false);
    const { signal } = timer;
    clock.sleep(within, AbortSignal.any([signal, life])).then(
      () => output.hold(silence(config), true),
      () => undefined,
    );
  });
  return () => {
    timer.abort();
    unsubscribe();
  };
}
