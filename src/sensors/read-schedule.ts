import { nextBackoff as backoffUpTo } from '../base/backoff.ts';

/** The moment after `deadline` on its grid of `everyMs` that is still to come, and how many were missed in between. */
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
