import type { Clock } from '../base/clock.ts';

/** An operation that has a time limit and never runs twice at the same time. */
export interface TimeLimited<T> {
  /**
   * Runs it; rejects when it fails, when its time is over (`no answer within 500ms`) or when the parent is aborted.
   * While an earlier run has not returned, this one rejects immediately with the error of the earlier one.
   */
  run(parent: AbortSignal, operation: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Whether an abandoned run has not returned. */
  readonly hanging: boolean;
}

/**
 * Runs that share one signal, because creating one costs more than most reads. Listeners that an operation leaves on it
 * are dropped with the next signal.
 */
const RUNS = 100;

/**
 * An operation of at most `limitMs`, even if it ignores its signal. `late` receives a result that arrives after the
 * operation was abandoned; until `late` is done, the operation counts as not returned.
 */
export function createTimeLimited<T>(
  clock: Clock,
  limitMs: number,
  late: (result: T) => unknown = () => undefined,
): TimeLimited<T> {
  let hanging: { readonly error: unknown } | undefined;
  let own = new AbortController();
  let runs = 0;
  let followed: AbortSignal | undefined;
  let giveUp: ((error: unknown) => void) | undefined;

  const end = (): void => giveUp?.(followed?.reason);
  const follow = (parent: AbortSignal): void => {
    if (followed === parent) return;
    followed?.removeEventListener('abort', end);
    followed = parent;
    parent.addEventListener('abort', end, { once: true });
  };

  const start = (operation: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      let abandoned = false;
      const finish = (): void => {
        cancel();
        giveUp = undefined;
      };
      const cancel = clock.after(limitMs, () =>
        giveUp?.(new Error(`no answer within ${limitMs}ms`)),
      );
      giveUp = (error) => {
        finish();
        abandoned = true;
        hanging = { error };
        reject(error);
        own.abort(error);
      };
      const returned = (): void => {
        hanging = undefined;
      };
      operation(own.signal).then(
        (result) => {
          if (abandoned) return void Promise.resolve(result).then(late).then(returned, returned);
          finish();
          resolve(result);
        },
        (error: unknown) => {
          if (abandoned) return returned();
          finish();
          reject(error);
        },
      );
    });

  return {
    get hanging() {
      return hanging !== undefined;
    },
    async run(parent, operation) {
      if (hanging !== undefined) throw hanging.error;
      parent.throwIfAborted();
      follow(parent);
      if (own.signal.aborted || runs++ % RUNS === 0) own = new AbortController();
      return start(async (signal) => operation(signal));
    },
  };
}
