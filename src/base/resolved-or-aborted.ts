/** Resolves when the promise does, or when the signal is aborted; rejects as the promise does. */
export async function resolvedOrAborted(
  promise: Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  let stop = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    if (signal.aborted) resolve();
    signal.addEventListener('abort', stop, { once: true });
  });
  await Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', stop));
}
