import type { Clock } from '../base/clock.ts';
import type { GpioBus, GpioInput, GpioInputOptions } from './gpio-line.ts';

export interface WatchedLineParts {
  readonly gpio: GpioBus;
  readonly clock: Clock;
  /** The line's name, as `GpioBus.line` takes it. */
  readonly line: string;
  readonly options: GpioInputOptions;
  /** How often the line is read besides its edges, and opened again after a failure. */
  readonly pollMs: number;
  /** Gets each level that was read or came as an edge; an edge does not wait for the call before it. */
  onLevel(level: boolean): Promise<void>;
  /** Called when the line can't be opened or followed, and when `onLevel` rejects. Must not reject. */
  onFailure(error: unknown): Promise<void>;
}

/** Follows one input line until aborted, by its edges and by reading it regularly. Resolves when the line is closed. */
export async function watchLine(parts: WatchedLineParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await watchOnce(parts, signal);
    await parts.clock.sleep(parts.pollMs, signal).catch(() => undefined);
  }
}

/** Resolves when aborted, or after the first failure. */
async function watchOnce(parts: WatchedLineParts, signal: AbortSignal): Promise<void> {
  const { gpio, clock, line, options, pollMs, onLevel, onFailure } = parts;
  let input: GpioInput | undefined;
  const open = new AbortController();
  const end = (): void => open.abort();
  // Not AbortSignal.any: a line that fails every second for years must not add listeners to `signal`.
  signal.addEventListener('abort', end, { once: true });
  const poll = async (from: GpioInput): Promise<void> => {
    while (!open.signal.aborted) {
      await onLevel(await from.read());
      await clock.sleep(pollMs, open.signal).catch(() => undefined);
    }
  };
  const follow = async (from: GpioInput): Promise<void> => {
    for await (const { rising } of from.edges(open.signal)) await onLevel(rising);
  };
  try {
    input = await gpio.line(line).input(options);
    await Promise.all([poll(input), follow(input)]);
  } catch (error) {
    await onFailure(error);
  } finally {
    open.abort();
    signal.removeEventListener('abort', end);
    await input?.close().catch(() => undefined);
  }
}
