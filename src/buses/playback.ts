import {
  BusError,
  type Edge,
  type GpioInputOptions,
  type GpioLine,
  type I2cDevice,
  type KernelFiles,
} from './bus.ts';
import { createEdgeQueue } from './edge-queue.ts';

/** One transfer in hex: what must be written, and what comes back or how it fails. */
export type Transfer =
  | { readonly write: string; readonly read: string }
  | { readonly write: string; readonly error: string };

/** A chip that plays its part of a conversation. */
export interface PlaybackDevice extends I2cDevice {
  /** Throws unless every transfer was used and all were as expected. */
  done(): void;
}

/** A chip that answers as scripted and rejects every transfer that differs, saying what was expected and what came. */
export function playback(transfers: readonly Transfer[]): PlaybackDevice {
  let next = 0;
  let deviation: Error | undefined;

  const deviate = (message: string): Error => {
    deviation ??= new Error(message);
    return deviation;
  };

  return {
    async transfer(write, readLength) {
      const step = transfers[next];
      const got = describe(Buffer.from(write).toString('hex'), readLength);
      next += 1;
      if (step === undefined) {
        throw deviate(`transfer ${next}: expected none after ${transfers.length}, got ${got}`);
      }
      const scripted = 'read' in step ? Buffer.from(step.read, 'hex') : undefined;
      const expected = describe(step.write.toLowerCase(), scripted?.length ?? readLength);
      if (expected !== got) {
        throw deviate(`transfer ${next} of ${transfers.length}: expected ${expected}, got ${got}`);
      }
      if (scripted === undefined) throw new BusError('failed', 'error' in step ? step.error : '');
      return Uint8Array.from(scripted);
    },
    done() {
      if (deviation !== undefined) throw deviation;
      const step = transfers[next];
      if (step === undefined) return;
      const left = transfers.length - next;
      throw new Error(
        `${left} of ${transfers.length} transfers not used, the next writes ${step.write || 'nothing'}`,
      );
    },
  };
}

function describe(write: string, readLength: number): string {
  return `write ${write || 'nothing'}, read ${readLength} bytes`;
}

/** A line that a test moves by hand. */
export interface PlaybackLine extends GpioLine {
  /** Sets the level after `activeLow`; a change is an edge. */
  set(level: boolean): void;
  /** Makes reads and edges fail with this sentence, or work again. */
  fail(sentence: string | undefined): void;
  /** How the line was asked for; undefined while it is not open. */
  readonly taken: GpioInputOptions | undefined;
}

/** A line at the given level that nobody has taken. */
export function playbackLine(initial = false): PlaybackLine {
  let level = initial;
  let failure: string | undefined;
  let taken: GpioInputOptions | undefined;
  let queues: ReturnType<typeof createEdgeQueue>[] = [];
  return {
    get taken() {
      return taken;
    },
    set(value) {
      if (value === level) return;
      level = value;
      const edge: Edge = { rising: value, time: process.hrtime.bigint(), lost: 0 };
      for (const queue of queues) queue.push(edge);
    },
    fail(sentence) {
      failure = sentence;
      if (sentence === undefined) return;
      for (const queue of queues) queue.fail(new BusError('failed', sentence));
    },
    async input(options) {
      if (failure !== undefined) throw new BusError('failed', failure);
      taken = options;
      return {
        async read() {
          if (failure !== undefined) throw new BusError('failed', failure);
          return level;
        },
        async *edges(signal) {
          const queue = createEdgeQueue();
          queues.push(queue);
          try {
            yield* queue.iterate(signal);
          } finally {
            queues = queues.filter((other) => other !== queue);
          }
        },
        async close() {
          taken = undefined;
        },
      };
    },
  };
}

/** Files in memory, by absolute path; what is not there rejects with ENOENT as the kernel does. */
export function playbackFiles(
  files: Map<string, string>,
  space = { free: 0, total: 0 },
): KernelFiles {
  const missing = (path: string): Error =>
    Object.assign(new Error(`ENOENT: no such file or directory, '${path}'`), { code: 'ENOENT' });
  return {
    async read(path) {
      const text = files.get(path);
      if (text === undefined) throw missing(path);
      return text.replace(/\n$/, '');
    },
    async list(path) {
      const inside = [...files.keys()].filter((name) => name.startsWith(`${path}/`));
      if (inside.length === 0) throw missing(path);
      const names = inside.map((name) => name.slice(path.length + 1).split('/')[0] ?? '');
      return [...new Set(names)].sort();
    },
    space: async () => space,
  };
}
