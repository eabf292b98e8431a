import type { Clock } from '../base/clock.ts';
import type { GpioBus } from '../buses/gpio-line.ts';
import { watchLine } from '../buses/watched-line.ts';
import type { OutputConfig } from '../config/schema/outputs.ts';
import type { Output } from './output.ts';

/** An output with its config; its `interlock` names the line. */
export interface Interlocked {
  readonly config: OutputConfig;
  readonly output: Output;
}

export interface InterlocksParts {
  readonly gpio: GpioBus;
  readonly clock: Clock;
  readonly pollMs: number;
}

/** The interlock lines that are watched, each once for all its outputs. */
export interface Interlocks {
  /** Watches the lines of these outputs that are not watched yet. */
  watch(outputs: readonly Interlocked[]): void;
  /** Stops watching each line whose outputs are not the same as in `outputs`. Resolves when they are closed. */
  release(outputs: readonly Interlocked[]): Promise<void>;
  /** Resolves when all lines are closed. */
  stop(): Promise<void>;
}

interface Watch {
  readonly line: string;
  readonly outputs: readonly Interlocked[];
  readonly life: AbortController;
  readonly done: Promise<void>;
}

/** Why an output is held while its interlock line does not allow it; undefined without an interlock. */
export function interlockReason({ interlock }: OutputConfig): string | undefined {
  if (!interlock) return undefined;
  return `interlocked: ${interlock.line} is not ${interlock.is ? 'on' : 'off'}`;
}

/** No line is watched yet. A line that can't be opened or read holds its outputs. */
export function createInterlocks({ gpio, clock, pollMs }: InterlocksParts): Interlocks {
  let watches: readonly Watch[] = [];

  const start = (line: string, outputs: readonly Interlocked[]): Watch => {
    const apply = async (level: boolean | undefined): Promise<void> => {
      await Promise.all(
        outputs.map(({ config, output }) =>
          output.hold(interlockReason(config) ?? '', level !== config.interlock?.is),
        ),
      );
    };
    const life = new AbortController();
    const options = { activeLow: outputs[0]?.config.interlock?.activeLow ?? false };
    const onFailure = (): Promise<void> => apply(undefined);
    const parts = { gpio, clock, line, options, pollMs, onLevel: apply, onFailure };
    return { line, outputs, life, done: watchLine(parts, life.signal) };
  };

  const end = async ({ life, done }: Watch): Promise<void> => {
    life.abort();
    await done;
  };

  return {
    watch(outputs) {
      for (const [line, own] of byLine(outputs)) {
        if (!watches.some((one) => one.line === line)) watches = [...watches, start(line, own)];
      }
    },
    async release(outputs) {
      const wanted = byLine(outputs);
      const isKept = ({ line, outputs: own }: Watch): boolean => {
        const next = wanted.get(line);
        return next?.length === own.length && next.every((one) => own.includes(one));
      };
      const ended = watches.filter((one) => !isKept(one));
      watches = watches.filter(isKept);
      await Promise.all(ended.map(end));
    },
    async stop() {
      const ended = watches;
      watches = [];
      await Promise.all(ended.map(end));
    },
  };
}

function byLine(outputs: readonly Interlocked[]): Map<string, readonly Interlocked[]> {
  const lines = new Map<string, readonly Interlocked[]>();
  for (const one of outputs) {
    const line = one.config.interlock?.line;
    if (line !== undefined) lines.set(line, [...(lines.get(line) ?? []), one]);
  }
  return lines;
}
