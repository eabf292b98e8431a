import { usualTimeout } from '../schema/sensors.ts';
import type { Finding } from '../yaml/problem.ts';
import type { Parts } from './parts.ts';

/** What the transfers of a read take, beside what it waits for. */
const TRANSFERS_MS = 5;
const STEP_MS = 10;

/** Milliseconds as the config has them: `190ms`, `2.5s`. */
function shown(ms: number): string {
  return ms < 1000 ? `${Math.ceil(ms)}ms` : `${Number((ms / 1000).toFixed(2))}s`;
}

/** A read must end before its time is over, and before the next one is due. */
export function* slowReads({ sensors, drivers }: Parts): Iterable<Finding> {
  for (const { index, element } of sensors) {
    const { driver, every, timeout, options } = element;
    const readMs = drivers.get(driver)?.readMs?.(options) ?? 0;
    if (readMs === 0) continue;
    const least = STEP_MS * Math.ceil((readMs + TRANSFERS_MS) / STEP_MS);
    const keys: (readonly [key: 'every' | 'timeout', ms: number])[] = [['every', every]];
    if (every >= least || timeout !== usualTimeout(every)) keys.push(['timeout', timeout]);
    for (const [key, ms] of keys) {
      if (ms >= least) continue;
      const message = `found ${shown(ms)}, and a read may take ${shown(readMs)}, expected at least ${shown(least)}`;
      yield { path: ['sensors', index, key], at: 'value', message };
    }
  }
}
