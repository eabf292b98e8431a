/** The shortest wait before a repeated attempt. */
const SHORTEST_MS = 1000;

/**
 * How many milliseconds to wait after one more failure in a row, given the wait before (0 at first): a random time
 * between 1 s and three times the wait before, at most `longestMs` (decorrelated jitter). Many clients of one service,
 * or many sensors on one bus, do not all try again at the same moment. `random` returns a number from 0 to below 1.
 */
export function nextBackoff(previousMs: number, longestMs: number, random: () => number): number {
  const most = Math.max(SHORTEST_MS, previousMs) * 3;
  return Math.min(longestMs, SHORTEST_MS + random() * (most - SHORTEST_MS));
}
