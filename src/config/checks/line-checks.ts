import { parsePin } from '../schema/pins.ts';
import type { Finding, Path } from '../yaml/problem.ts';
import { linesOf, type Parts } from './parts.ts';

/** Two lines whose names differ only in case or in letters that look alike: one of them is a typing mistake. */
export function* lookAlikeLines({ sensors, outputs, powerFail, lineOf }: Parts): Iterable<Finding> {
  const lines: (readonly [path: Path, line: string])[] = [
    ...sensors.flatMap(({ index, element }) => [...linesOf(['sensors', index], element)]),
    ...outputs.flatMap(({ index, element: { line, interlock } }) => [
      ...(parsePin(line) === undefined ? [[['outputs', index, 'line'], line] as const] : []),
      ...(interlock ? [[['outputs', index, 'interlock', 'line'], interlock.line] as const] : []),
    ]),
    ...(powerFail ? [[['powerFail', 'line'], powerFail.line] as const] : []),
  ];
  const seen = new Map<string, { readonly path: Path; readonly line: string }>();
  for (const [path, line] of lines) {
    const forms = [line.toLowerCase(), shapeOf(line)];
    const first = forms.map((form) => seen.get(form)).find((one) => one !== undefined);
    for (const form of forms) if (!seen.has(form)) seen.set(form, { path, line });
    if (first !== undefined && first.line !== line) {
      const message = `${line} differs from ${first.line} in line ${lineOf(first.path)} only in case or in letters that look alike, expected the name that the line has`;
      yield { path, at: 'value', message };
    }
  }
}

/** The same for O, o and 0, and for I, l and 1. */
function shapeOf(line: string): string {
  return line.replaceAll(/[Oo]/g, '0').replaceAll(/[Il]/g, '1');
}
