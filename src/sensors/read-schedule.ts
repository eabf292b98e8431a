/** The moment after `deadline` on its grid of `everyMs` that is still to come, and how many were missed in between. */
export function nextDeadline(
  deadline: number,
  everyMs: number,
  now: number,
): { deadline: number; missed: number } {
  const missed = Math.max(0, Math.floor((now - deadline) / everyMs));
  return { deadline: deadline + (missed + 1) * everyMs, missed };
}

const FIRST_MS = 1000;
const LONGEST_MS = 30_000;

/**
 * How long to wait after one more failure in a row, given the wait before (0 at first): at random between 1 s and three
 * times as long as before, at most 30 s, so that many sensors on a bus that comes back do not all knock at once.
 */
export function nextBackoff(previousMs: number, random: () => number): number {
  const most = Math.max(FIRST_MS, previousMs) * 3;
  return Math.min(LONGEST_MS, FIRST_MS + random() * (most - FIRST_MS));
}
