import { parsePin } from '../schema/pins.ts';
import { usualTimeout } from '../schema/sensors.ts';
import type { Finding, Path } from '../yaml/problem.ts';
import { linesOf, type Parts } from './parts.ts';

/** Sensors that are valid, and can't work: reads that take longer than they may, filters that never act, confused names. */
export function sensorChecks(parts: Parts): readonly Finding[] {
  return [...slowReads(parts), ...fastHeartbeats(parts), ...similarLines(parts)];
}

/** What the transfers of a read take, beside what it waits for. */
const TRANSFERS_MS = 5;
const STEP_MS = 10;

/** Milliseconds as the config has them: `190ms`, `2.5s`. */
function shown(ms: number): string {
  return ms < 1000 ? `${Math.ceil(ms)}ms` : `${Number((ms / 1000).toFixed(2))}s`;
}

/** A read must end before its time is over, and before the next one is due. */
function* slowReads({ sensors, drivers }: Parts): Iterable<Finding> {
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

/** A value is repeated when a sample comes, so not more often than it is read. */
function* fastHeartbeats({ sensors, drivers }: Parts): Iterable<Finding> {
  for (const { index, element } of sensors) {
    const { every, filters } = element;
    if (drivers.get(element.driver) === undefined || !Array.isArray(filters)) continue;
    for (const [place, filter] of filters.entries()) {
      const { heartbeat } = filter as { heartbeat?: unknown };
      if (typeof heartbeat !== 'number' || heartbeat >= every) continue;
      const message = `found ${shown(heartbeat)}, and the sensor is read every ${shown(every)}, expected at least that`;
      yield { path: ['sensors', index, 'filters', place, 'heartbeat'], at: 'value', message };
    }
  }
}

/** A name with letters and digits that look alike made the same. */
function lookOf(name: string): string {
  return name.toUpperCase().replaceAll('O', '0').replaceAll(/[IL]/g, '1');
}

/** Two names of GPIO lines that look the same: one of them is a slip. */
function* similarLines({ sensors, outputs, powerFail, lineOf }: Parts): Iterable<Finding> {
  const named: (readonly [path: Path, line: string])[] = [
    ...sensors.flatMap(({ index, element }) => [...linesOf(['sensors', index], element)]),
  ];
  for (const { index, element } of outputs) {
    if (parsePin(element.line) === undefined)
      named.push([['outputs', index, 'line'], element.line]);
    const interlock = element.interlock?.line;
    if (interlock !== undefined) named.push([['outputs', index, 'interlock', 'line'], interlock]);
  }
  if (powerFail) named.push([['powerFail', 'line'], powerFail.line]);
  const seen = new Map<string, readonly [path: Path, line: string]>();
  for (const [path, line] of named) {
    const first = seen.get(lookOf(line));
    if (first === undefined) seen.set(lookOf(line), [path, line]);
    else if (first[1] !== line) {
      const message = `${line} looks like ${first[1]} in line ${lineOf(first[0])}, expected one name for one line`;
      yield { path, at: 'value', message };
    }
  }
}
