import { BusError } from '../../src/buses/bus-error.ts';
import { createEdgeQueue, type EdgeQueue } from '../../src/buses/edge-queue.ts';
import type {
  GpioInputOptions,
  GpioInputs,
  GpioLine,
  GpioLines,
  GpioOutputOptions,
  LineEdge,
} from '../../src/buses/gpio-line.ts';
import { firstLine } from '../../src/buses/gpio-request.ts';

/** Lines that a test moves by hand. */
export interface PlaybackLines extends GpioLines {
  /** Sets a line's level after `activeLow`; a change is an edge at `time` (nanoseconds) after which `lost` were lost. */
  set(line: number, level: boolean, time?: bigint, lost?: number): void;
  /** Makes reads and edges fail with this sentence, or work again. */
  fail(sentence: string | undefined): void;
  /** How the lines were asked for; undefined while they are not open. */
  readonly taken: GpioInputOptions | undefined;
  /** Iterations of edges that have not ended. */
  readonly watching: number;
}

/** Lines at these levels, not yet taken. */
export function playbackLines(initial: readonly boolean[]): PlaybackLines {
  const levels = [...initial];
  const queues = new Set<EdgeQueue<LineEdge>>();
  let failure: string | undefined;
  let taken: GpioInputOptions | undefined;

  const check = (): void => {
    if (failure !== undefined) throw new BusError('failed', failure);
  };

  const inputs: GpioInputs = {
    async read() {
      check();
      return [...levels];
    },
    async *edges(signal) {
      const queue = createEdgeQueue<LineEdge>();
      queues.add(queue);
      try {
        yield* queue.iterate(signal);
      } finally {
        queues.delete(queue);
      }
    },
    async close() {
      taken = undefined;
    },
  };

  return {
    get taken() {
      return taken;
    },
    get watching() {
      return queues.size;
    },
    set(line, level, time = process.hrtime.bigint(), lost = 0) {
      if (level === levels[line]) return;
      levels[line] = level;
      if (taken?.edge !== undefined && (taken.edge === 'rising') !== level) return;
      for (const queue of queues) queue.push({ rising: level, time, lost, line });
    },
    fail(sentence) {
      failure = sentence;
      if (sentence === undefined) return;
      for (const queue of queues) queue.fail(new BusError('failed', sentence));
    },
    async input(options) {
      check();
      taken = options;
      return inputs;
    },
  };
}

/** One line that a test moves by hand, as an input or as an output that reads back what was written. */
export interface PlaybackLine extends GpioLine {
  set(level: boolean, time?: bigint, lost?: number): void;
  /** Makes reads, writes and edges fail with this sentence, or work again. */
  fail(sentence: string | undefined): void;
  /** Makes the line read this whatever is written, as a short circuit does; undefined ends it. */
  short(level: boolean | undefined): void;
  /** How the line was asked for; undefined while it is not open. */
  readonly taken: GpioInputOptions | GpioOutputOptions | undefined;
  /** What was written, the initial value first. */
  readonly written: readonly boolean[];
}

/** A line at the given level, not yet taken. */
export function playbackLine(initial = false): PlaybackLine {
  const lines = playbackLines([initial]);
  const written: boolean[] = [];
  let shorted: boolean | undefined;
  let failure: string | undefined;
  let output: GpioOutputOptions | undefined;
  const check = (): void => {
    if (failure !== undefined) throw new BusError('failed', failure);
  };
  return {
    written,
    get taken() {
      return output ?? lines.taken;
    },
    set: (level, time, lost) => lines.set(0, level, time, lost),
    fail(sentence) {
      failure = sentence;
      lines.fail(sentence);
    },
    short(level) {
      shorted = level;
    },
    input: async (options) => firstLine(await lines.input(options)),
    async output(options) {
      check();
      output = options;
      written.push(options.initial);
      return {
        async write(value) {
          check();
          written.push(value);
        },
        async read() {
          check();
          return shorted ?? written.at(-1) ?? false;
        },
        async close() {
          output = undefined;
        },
      };
    },
  };
}
