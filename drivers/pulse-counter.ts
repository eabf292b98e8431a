import { defineDriver, duration, followEdges, type Sample, z } from '../src/driver-kit/driver.ts';

/** A total at a moment of the monotonic clock, in milliseconds. */
interface Mark {
  readonly at: number;
  readonly pulses: number;
}

/** Key of the pulses in the sensor's state. */
const PULSES = 'pulses';

export default defineDriver({
  name: 'pulse-counter',
  summary: 'Pulses on a GPIO line as a total that survives restarts, and as a rate',
  bus: 'gpio-input',
  options: z.strictObject({
    activeLow: z.boolean().default(false).describe('Whether the electrical low level is active.'),
    edge: z
      .enum(['rising', 'falling', 'both'])
      .default('rising')
      .describe('What counts, after activeLow: becoming active, ending, or each change.'),
    debounce: duration('0ms', '10s')
      .prefault('0ms')
      .describe('A change counts when the level has been steady for so long.'),
    bias: z
      .enum(['pull-up', 'pull-down', 'disabled'])
      .optional()
      .describe("The line's resistor; without it the line stays as it is."),
    perUnit: z
      .number()
      .positive()
      .default(1)
      .describe('Pulses of one unit, e.g. 1000 for a meter of 1000 pulses per kWh.'),
    unit: z.string().max(16).default('').describe('Unit of the total, e.g. kWh or l.'),
    over: duration('100ms', '1h')
      .prefault('10s')
      .describe('The rate, in units per second, is the mean over this time.'),
  }),
  channels: ({ unit }) => [
    { name: 'total', unit, settable: true },
    { name: 'rate', unit: `${unit === '' ? '1' : unit}/s` },
    { name: 'lost', unit: '', kind: 'number' },
  ],
  async open(line, options, { clock, state }) {
    const { activeLow, edge, debounce, bias, perUnit, over } = options;
    const input = await line.input({
      activeLow,
      debounceMs: debounce,
      everyEdge: true,
      ...(edge === 'both' ? {} : { edge }),
      ...(bias === undefined ? {} : { bias }),
    });

    const kept = state.get(PULSES);
    let pulses = typeof kept === 'number' && kept >= 0 ? kept : 0;
    let lost = 0;
    let reported = 0;
    const marks: Mark[] = [{ at: clock.monotonic(), pulses }];
    const counting = followEdges(input, (edge) => {
      // The kernel numbers the edges that it drops, so they are known to have been there.
      pulses += 1 + edge.lost;
      lost += edge.lost;
    });

    const rate = (): Sample => {
      const now: Mark = { at: clock.monotonic(), pulses };
      marks.push(now);
      while (marks.length > 2 && now.at - (marks[1]?.at ?? 0) >= over) marks.shift();
      const [from = now] = marks;
      const ms = now.at - from.at;
      if (ms <= 0) return { value: 0, quality: 'uncertain', reason: 'no time has passed' };
      const value = (1000 * (now.pulses - from.pulses)) / perUnit / ms;
      if (ms >= over) return { value };
      const reason = `over ${(ms / 1000).toFixed(1)} s only`;
      return { value, quality: 'uncertain', reason };
    };

    return {
      async read() {
        counting.check();
        state.set(PULSES, pulses);
        const total = pulses / perUnit;
        const more = lost - reported;
        reported = lost;
        const reason = `${more} pulses came too fast to be sampled; they are counted`;
        return {
          total: more === 0 ? { value: total } : { value: total, quality: 'uncertain', reason },
          rate: rate(),
          lost: { value: lost },
        };
      },
      set(_channel, value) {
        if (value < 0) throw new Error(`a total is 0 or more, not ${value}`);
        const before = pulses;
        pulses = Math.round(value * perUnit);
        // A correction is no rate.
        for (const [index, mark] of marks.entries()) {
          marks[index] = { at: mark.at, pulses: mark.pulses + pulses - before };
        }
        state.set(PULSES, pulses);
      },
      async close() {
        await counting.stop();
        state.set(PULSES, pulses);
        await input.close();
      },
    };
  },
});
