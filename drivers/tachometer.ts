import { defineDriver, duration, followEdges, type Sample, z } from '../src/driver-kit/driver.ts';

const NS_PER_MINUTE = 60e9;

/** Revolutions per minute, from a number of pulses and their time in nanoseconds. */
export function toTurnsPerMinute(pulses: number, ns: bigint, pulsesPerTurn: number): number {
  return (pulses * NS_PER_MINUTE) / Number(ns) / pulsesPerTurn;
}

export default defineDriver({
  name: 'tachometer',
  summary: "Speed of a shaft from pulses on a GPIO line, by the kernel's timestamps",
  bus: 'gpio-input',
  options: z.strictObject({
    activeLow: z.boolean().default(false).describe('Whether the electrical low level is active.'),
    debounce: duration('0ms', '1s')
      .prefault('0ms')
      .describe('A change counts when the level has been steady for so long.'),
    bias: z
      .enum(['pull-up', 'pull-down', 'disabled'])
      .optional()
      .describe("The line's resistor; without it the line stays as it is."),
    pulsesPerTurn: z.number().positive().default(1).describe('Pulses of one turn.'),
    standstill: duration('100ms', '10m')
      .prefault('2s')
      .describe('Without a pulse for so long the shaft stands still.'),
  }),
  channels: () => [{ name: '', unit: '1/min' }],
  async open(line, { activeLow, debounce, bias, pulsesPerTurn, standstill }, { clock }) {
    const input = await line.input({
      activeLow,
      debounceMs: debounce,
      everyEdge: true,
      edge: 'rising',
      ...(bias === undefined ? {} : { bias }),
    });

    /** The last pulse of the reading before and of now, in nanoseconds; pulses in between. */
    let before: bigint | undefined;
    let last: bigint | undefined;
    let pulses = 0;
    let lastSeen = clock.monotonic();
    let speed = 0;

    const following = followEdges(input, ({ time, lost }) => {
      if (before === undefined) before = time;
      else pulses += 1 + lost;
      last = time;
      lastSeen = clock.monotonic();
    });

    const sample = (): Sample => {
      const quietMs = clock.monotonic() - lastSeen;
      if (quietMs >= standstill) {
        before = undefined;
        pulses = 0;
        speed = 0;
        return { value: 0 };
      }
      if (pulses > 0 && before !== undefined && last !== undefined && last > before) {
        speed = toTurnsPerMinute(pulses, last - before, pulsesPerTurn);
        before = last;
        pulses = 0;
        return { value: speed };
      }
      if (speed === 0) return { value: 0, quality: 'uncertain', reason: 'waiting for two pulses' };
      // The next pulse is late: it can't be faster than one pulse in the time since the last one.
      const most = toTurnsPerMinute(
        1,
        BigInt(Math.max(1, Math.round(quietMs * 1e6))),
        pulsesPerTurn,
      );
      speed = Math.min(speed, most);
      return { value: speed };
    };

    return {
      async read() {
        following.check();
        return { '': sample() };
      },
      async close() {
        await following.stop();
        await input.close();
      },
    };
  },
});
