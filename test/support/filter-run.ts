import { createMemoryState, type KeyValueStore } from '../../src/base/state.ts';
import type { FilterConfig } from '../../src/config/schema/filters.ts';
import { createFilterChain } from '../../src/sensors/filters.ts';
import type { QualifiedSample } from '../../src/sensors/qualified-sample.ts';

/** A sample and its moment in milliseconds. */
export type Timed = readonly [at: number, sample: QualifiedSample];

export const good = (value: QualifiedSample['value']): QualifiedSample => ({
  value,
  quality: 'good',
});
export const doubted = (value: QualifiedSample['value'], reason = 'doubted'): QualifiedSample => ({
  value,
  quality: 'uncertain',
  reason,
});
export const bad = (reason: string): QualifiedSample => ({ value: null, quality: 'bad', reason });

/** What a chain publishes until the moment `end`: its timers run when they are due, a sample before a timer of its moment. */
export function publications(
  filters: readonly FilterConfig[],
  samples: readonly Timed[],
  end: number,
  state: KeyValueStore = createMemoryState().of('sensor'),
): Timed[] {
  const chain = createFilterChain(filters, state);
  const published: Timed[] = [];
  const note = (now: number, sample: QualifiedSample | undefined): void => {
    if (sample !== undefined) published.push([now, sample]);
  };
  const runTimers = (before: number): void => {
    for (let due = chain.due(); due !== undefined && due < before; due = chain.due()) {
      note(due, chain.tick(due));
    }
  };
  for (const [now, sample] of samples) {
    runTimers(now);
    note(now, chain.push(sample, now));
  }
  runTimers(end);
  return published;
}
