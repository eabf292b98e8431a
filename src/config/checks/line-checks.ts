import { parsePin } from '../schema/pins.ts';
import type { Finding, Path } from '../yaml/problem.ts';
import { linesOf, type Parts } from './parts.ts';

/** A name with letters and digits that look alike made the same. */
function lookOf(name: string): string {
  return name.toUpperCase().replaceAll('O', '0').replaceAll(/[IL]/g, '1');
}

/** Two names of GPIO lines that look the same: one of them is a typing mistake. */
export function* similarLines({ sensors, outputs, powerFail, lineOf }: Parts): Iterable<Finding> {
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
