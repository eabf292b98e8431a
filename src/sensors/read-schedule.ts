import { nextBackoff as backoffUpTo } from '../base/backoff.ts';

/** The next deadline in the future on the grid of `everyMs` after `deadline`, and how many before it were missed. */
export function nextDeadline(
  deadline: number,
  everyMs: number,
  now: number,
): { deadline: number; missed: number } {
  const missed = Math.max(0, Math.floor((now - deadline) / everyMs));
  return { deadline: deadline + (missed + 1) * everyMs, missed };
}

const LONGEST_BACKOFF_MS = 30_000;

/** How long to wait after one more failure in a row of a sensor, given the wait before (0 at first): from 1 s to 30 s. */
export function nextBackoff(previousMs: number, random: () => number): number {
  return backoffUpTo(previousMs, LONGEST_BACKOFF_MS, random);
}
