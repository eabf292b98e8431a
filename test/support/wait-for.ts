import { vi } from 'vitest';

/** Longer than a busy machine stands still; only a test that fails waits so long. */
const PATIENCE_MS = 20_000;

/**
 * Tries until the check throws no more, and resolves with what it returns. Vitest's own default is
 * a second, which a busy machine can sleep through.
 */
export function waitFor<T>(
  check: () => T | Promise<T>,
  { timeout = PATIENCE_MS, interval = 20 }: { timeout?: number; interval?: number } = {},
): Promise<T> {
  return vi.waitFor(check, { timeout, interval });
}
