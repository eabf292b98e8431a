/** Upper bounds of the buckets, in seconds: from a fast disk's commit to a message that waited for a day. */
export const BOUNDS_S: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600, 3600,
  86_400,
];

/** Counts durations in buckets since the start; cheap enough for every message. */
export class Latency {
  /** One count for each bound, and one for longer durations. */
  readonly counts: Float64Array = new Float64Array(BOUNDS_S.length + 1);
  sumSeconds = 0;

  /** A duration in milliseconds. */
  observe(ms: number): void {
    const seconds = ms / 1000;
    let bucket = 0;
    while (bucket < BOUNDS_S.length && seconds > BOUNDS_S[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sumSeconds += seconds;
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** The percentile in milliseconds, as exactly as the buckets allow; null before the first duration. */
  quantile(share: number): number | null {
    let left = this.count * share;
    if (left === 0) return null;
    for (const [bucket, count] of this.counts.entries()) {
      left -= count;
      if (left <= 0) return (BOUNDS_S[bucket] ?? Number.POSITIVE_INFINITY) * 1000;
    }
    return null;
  }
}
