import type { Value } from '../driver-kit/reading.ts';

/** What commands have made of a sensor or an output. */
export interface Forced {
  /** It fails until this is false again. */
  failing: boolean;
  /** Fixed values, by channel. */
  readonly values: Map<string, Value>;
  /** To be called after a change: readings follow at once. */
  changed(): void;
  /** Yields after each change, until aborted. */
  changes(signal: AbortSignal): AsyncIterable<void>;
}

/** Nothing is forced yet. */
export function createForced(): Forced {
  const wakes = new Set<() => void>();
  return {
    failing: false,
    values: new Map(),
    changed() {
      for (const wake of [...wakes]) wake();
    },
    async *changes(signal) {
      let count = 0;
      let wait = (): void => undefined;
      const wake = (): void => {
        count++;
        wait();
      };
      wakes.add(wake);
      signal.addEventListener('abort', wake);
      try {
        for (let seen = 0; !signal.aborted; ) {
          if (seen === count) {
            await new Promise<void>((resolve) => {
              wait = resolve;
            });
          } else {
            seen = count;
            yield;
          }
        }
      } finally {
        wakes.delete(wake);
        signal.removeEventListener('abort', wake);
      }
    },
  };
}
