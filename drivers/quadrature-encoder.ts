import { defineDriver, duration, followEdges, type Sample, z } from '../src/driver-kit/driver.ts';

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
  }),
  channels: ({ unit }) => [
    { name: 'position', unit },
    { name: 'speed', unit: `${unit === '' ? '1' : unit}/s` },
  ],
  async open(lines, { activeLow, debounce, bias, reverse, perUnit }, { clock }) {
    const inputs = await lines.input({
      activeLow,
      debounceMs: debounce,
      everyEdge: true,
      ...(bias === undefined ? {} : { bias }),
    });
    const [a = false, b = false] = await inputs.read();
    const levels = [a, b];
    let phase = phaseOf(a, b);
    let position = 0;
    let missed = 0;
    let mark = { at: clock.monotonic(), position };

    const following = followEdges(inputs, ({ line, rising, lost }) => {
      levels[line] = rising;
      const next = phaseOf(levels[0] ?? false, levels[1] ?? false);
      const steps = stepsBetween(phase, next);
      phase = next;
      if (steps === undefined || lost > 0) missed += Math.max(1, lost);
      position += (reverse ? -1 : 1) * (steps ?? 0);
    });

    const speed = (): Sample => {
      const now = { at: clock.monotonic(), position };
      const ms = now.at - mark.at;
      if (ms <= 0) return { value: 0, quality: 'uncertain', reason: 'no time has passed' };
      const value = (1000 * (position - mark.position)) / perUnit / ms;
      mark = now;
      return { value };
    };

    return {
      async read() {
        following.check();
        const value = position / perUnit;
        const reason = `${missed} edges were missed since the start`;
        return {
          position: missed === 0 ? { value } : { value, quality: 'uncertain', reason },
          speed: speed(),
        };
      },
      async close() {
        await following.stop();
        await inputs.close();
      },
    };
  },
});
