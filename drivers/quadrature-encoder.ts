import {
  defineDriver,
  duration,
  followEdges,
  type GpioLine,
  type Sample,
  z,
} from '../src/driver-kit/driver.ts';

/** Key of the position, in edges, in the sensor's state. */
const POSITION = 'position';

/** Place in the cycle 00, 10, 11, 01 of (A, B), in which A is ahead. */
export function phaseOf(a: boolean, b: boolean): number {
  if (b) return a ? 2 : 3;
  return a ? 1 : 0;
}

/** Steps from one phase to another: 1 forward, -1 back, 0 none, undefined when two edges were missed or came at once. */
export function stepsBetween(from: number, to: number): number | undefined {
  return [0, 1, undefined, -1][(to - from + 4) % 4];
}

export default defineDriver({
  name: 'quadrature-encoder',
  summary:
    'Position and speed from a rotary or linear encoder with phases A and B on two GPIO lines',
  bus: 'gpio-inputs',
  lines: ['phase A', 'phase B'],
  options: z.strictObject({
    activeLow: z.boolean().default(false).describe('Whether the electrical low level is active.'),
    debounce: duration('0ms', '100ms')
      .prefault('0ms')
      .describe('A change counts when the level has been steady for so long.'),
    bias: z
      .enum(['pull-up', 'pull-down', 'disabled'])
      .optional()
      .describe("The lines' resistors; without it the lines stay as they are."),
    reverse: z.boolean().default(false).describe('Counts down where A is ahead of B.'),
    perUnit: z
      .number()
      .positive()
      .default(1)
      .describe('Edges of one unit; an encoder of 100 pulses per turn has 400.'),
    unit: z.string().max(16).default('').describe('Unit of the position, e.g. mm.'),
    reference: z
      .string()
      .optional()
      .describe('GPIO line of a reference switch or index pulse, at which the position is known.'),
    referenceAt: z
      .number()
      .default(0)
      .describe('Position, in its unit, at which the reference becomes active.'),
  }),
  channels: ({ unit }) => [
    { name: 'position', unit, settable: true },
    { name: 'speed', unit: `${unit === '' ? '1' : unit}/s` },
  ],
  notes: [
    'After a restart the position continues from the last one and is uncertain, because the shaft may have moved.',
    'So it is after missed edges. It is good again when the line `reference` becomes active, or when the position is set.',
  ],
  async open(lines, options, { clock, state, line: lineOf }) {
    const { activeLow, debounce, bias, reverse, perUnit, reference, referenceAt } = options;
    const inputs = await lines.input({
      activeLow,
      debounceMs: debounce,
      everyEdge: true,
      ...(bias === undefined ? {} : { bias }),
    });
    const [a = false, b = false] = await inputs.read();
    const levels = [a, b];
    let phase = phaseOf(a, b);
    const kept = state.get(POSITION);
    let position = typeof kept === 'number' ? kept : 0;
    let missed = 0;
    /** Why the position may be another one; undefined once it is known. */
    let moved: string | undefined;
    if (kept !== undefined) moved = 'not referenced since the start: the shaft may have moved';
    else if (reference) moved = 'not referenced since the start: the position is not known';
    let mark = { at: clock.monotonic(), position, missed };

    const following = followEdges(inputs, ({ line, rising, lost }) => {
      levels[line] = rising;
      const next = phaseOf(levels[0] ?? false, levels[1] ?? false);
      const steps = stepsBetween(phase, next);
      phase = next;
      if (steps === undefined || lost > 0) missed += Math.max(1, lost);
      position += (reverse ? -1 : 1) * (steps ?? 0);
    });

    /** The shaft is at this position, in its unit: a correction is no speed. */
    const moveTo = (value: number): void => {
      const before = position;
      position = Math.round(value * perUnit);
      mark = { at: mark.at, position: mark.position + position - before, missed: 0 };
      missed = 0;
      moved = undefined;
    };
    const home = await openReference(reference && lineOf(reference), () => moveTo(referenceAt));

    const speed = (): Sample => {
      const now = { at: clock.monotonic(), position, missed };
      const ms = now.at - mark.at;
      if (ms <= 0) return { value: 0, quality: 'uncertain', reason: 'no time has passed' };
      const value = (1000 * (position - mark.position)) / perUnit / ms;
      const more = missed - mark.missed;
      mark = now;
      if (more <= 0) return { value };
      return { value, quality: 'uncertain', reason: `${more} edges were missed` };
    };

    return {
      async read() {
        following.check();
        home?.following.check();
        state.set(POSITION, position);
        const value = position / perUnit;
        const reason = missed === 0 ? moved : `${missed} edges were missed since the start`;
        return {
          position: reason === undefined ? { value } : { value, quality: 'uncertain', reason },
          speed: speed(),
        };
      },
      set: (_channel, value) => moveTo(value),
      async close() {
        await following.stop();
        state.set(POSITION, position);
        await inputs.close();
        await home?.following.stop();
        await home?.input.close();
      },
    };
  },
});

/** Follows a reference line, if there is one. */
async function openReference(line: GpioLine | undefined | '', reached: () => void) {
  if (!line) return undefined;
  const input = await line.input({ activeLow: false, everyEdge: true, edge: 'rising' });
  return { input, following: followEdges(input, reached) };
}
