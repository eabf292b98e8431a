import type { Clock } from '../clock.ts';

/** An operation that has a time limit and never runs twice at once. */
export interface Bounded<T> {
  /**
   * Runs it; rejects when it fails, when its time is over (`no answer within 500ms`) or when the parent is aborted.
   * While an earlier run has not come back, this one rejects at once with what that one was given up for.
   */
  run(parent: AbortSignal, operation: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Whether a run that was given up has not come back. */
  readonly hanging: boolean;
}

/** Stands for the reason of an abort, which is made anew with its stack where none is given. */
const OVER = new Error('in time');

/** An operation of at most `limitMs`, also one that ignores its signal. `late` gets what comes after it was given up. */
export function createBounded<T>(
  clock: Clock,
  limitMs: number,
  late: (result: T) => void = () => undefined,
): Bounded<T> {
  let hanging: { readonly error: unknown } | undefined;
  return {
    get hanging() {
      return hanging !== undefined;
    },
    async run(parent, operation) {
      if (hanging !== undefined) throw hanging.error;
      parent.throwIfAborted();
      const own = new AbortController();
      const timer = new AbortController();
      const follow = (): void => own.abort(parent.reason);
      parent.addEventListener('abort', follow, { once: true });
      clock.sleep(limitMs, timer.signal).then(
        () => own.abort(new Error(`no answer within ${limitMs}ms`)),
        () => undefined,
      );
      const givenUp = new Promise<never>((_resolve, reject) => {
        own.signal.addEventListener('abort', () => reject(own.signal.reason), { once: true });
      });
      let over = false;
      const running = (async () => operation(own.signal))().finally(() => {
        over = true;
      });
      try {
        return await Promise.race([running, givenUp]);
      } catch (error) {
        if (!over) {
          hanging = { error };
          const clear = (): void => {
            hanging = undefined;
          };
          running.then(late).then(clear, clear);
        }
        throw error;
      } finally {
        timer.abort(OVER);
        parent.removeEventListener('abort', follow);
      }
    },
  };
}
