import { type Channel, defineDriver, duration, type Samples, z } from '../src/driver-kit/driver.ts';

/** The input of all signals: the same seed, time and cycle give the same values. */
export interface Moment {
  readonly seed: number;
  /** Seconds since the robot was switched on. */
  readonly seconds: number;
  /** Mean time of one work cycle in seconds. */
  readonly cycle: number;
}

/** A pseudo-random number in [0, 1) that depends only on its arguments. */
function noise(seed: number, stream: number, index: number): number {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(stream + 1, 0xc2b2ae35);
  state = Math.imul(state ^ (state >>> 15) ^ index, 0x2c1b3c6d);
  state = Math.imul(state ^ (state >>> 12), 0x297a2d39);
  return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
}

const AMBIENT = 22;
const WARM_UP_S = 900;
/** How much warmer than the room each joint gets under load: the big ones near the base the most. */
const JOINT_RISE = [24, 27, 22, 16, 14, 12];

/** Degrees Celsius of joint 1 to 6: a slow rise to its working temperature, a ripple with the load, sensor noise. */
export function jointTemperature(moment: Moment, joint: number): number {
  const { seed, seconds, cycle } = moment;
  const rise = JOINT_RISE[joint - 1] ?? 0;
  const slow = rise * (1 - Math.exp(-seconds / WARM_UP_S));
  const ripple = 0.3 * Math.sin((2 * Math.PI * seconds) / cycle + joint);
  const jitter = 0.1 * (noise(seed, joint, Math.floor(seconds * 10)) - 0.5);
  return rounded(AMBIENT + slow + ripple + jitter, 2);
}

/** End of work cycle `index` in seconds: up to a tenth of a cycle early or late. Cycle 0 begins at about 0. */
function cycleEnd({ seed, cycle }: Moment, index: number): number {
  return cycle * (index + 1 + 0.2 * (noise(seed, 10, index) - 0.5));
}

/** Work cycles done, the duration of the last one in seconds, and the progress of the running one, from 0 to 1. */
export function workCycles(moment: Moment): { count: number; time: number; phase: number } {
  let count = Math.max(0, Math.floor(moment.seconds / moment.cycle) - 1);
  while (cycleEnd(moment, count) <= moment.seconds) count += 1;
  const begin = cycleEnd(moment, count - 1);
  const time = begin - cycleEnd(moment, count - 2);
  const phase = (moment.seconds - begin) / (cycleEnd(moment, count) - begin);
  return { count, time: rounded(time, 3), phase: Math.max(0, phase) };
}

const OPEN_MM = 85;
const PART_MM = 32;

/** Opening in millimetres and grip force in newtons: closes on a part at 30 % of the cycle, opens at 70 %. */
export function gripper(moment: Moment): { position: number; force: number } {
  const { phase, count } = workCycles(moment);
  const ramp = (from: number): number => Math.min(1, Math.max(0, (phase - from) / 0.05));
  const closed = ramp(0.3) - ramp(0.7);
  const part = PART_MM + 0.2 * (noise(moment.seed, 11, count) - 0.5);
  const tick = Math.floor(moment.seconds * 20);
  return {
    position: rounded(OPEN_MM - closed * (OPEN_MM - part), 2),
    force: closed === 1 ? rounded(40 + 2 * (noise(moment.seed, 12, tick) - 0.5), 1) : 0,
  };
}

/** In every minute the door may open once, at a second and for a time that the seed decides. */
function doorOpening(seed: number, minute: number): { from: number; to: number } | undefined {
  if (noise(seed, 20, minute) > 0.4) return undefined;
  const from = 60 * minute + 5 + 30 * noise(seed, 21, minute);
  return { from, to: from + 3 + 12 * noise(seed, 22, minute) };
}

/** Whether the cell's door is closed, and in how many seconds to check again: it changes then, or a minute ends. */
export function door({ seed, seconds }: Moment): { closed: boolean; nextCheck: number } {
  const minute = Math.floor(seconds / 60);
  const opening = doorOpening(seed, minute);
  const closed = opening === undefined || seconds < opening.from || seconds >= opening.to;
  const ahead = [opening?.from, opening?.to, 60 * (minute + 1)].filter(
    (time): time is number => time !== undefined && time > seconds,
  );
  return { closed, nextCheck: Math.min(...ahead) - seconds };
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}

const JOINTS = JOINT_RISE.map((_rise, index) => index + 1);

/** Each signal's channels and values. */
const SIGNALS = {
  'joint-temperature': {
    channels: JOINTS.map((joint) => ({ name: `j${joint}`, unit: '°C', range: [0, 90] as const })),
    samples: (moment: Moment): Samples =>
      Object.fromEntries(
        JOINTS.map((joint) => [`j${joint}`, { value: jointTemperature(moment, joint) }]),
      ),
  },
  gripper: {
    channels: [
      { name: 'position', unit: 'mm', range: [0, 90] as const },
      { name: 'force', unit: 'N' },
    ],
    samples: (moment: Moment): Samples => {
      const { position, force } = gripper(moment);
      return { position: { value: position }, force: { value: force } };
    },
  },
  door: {
    channels: [{ name: '', unit: '', kind: 'boolean' as const }],
    samples: (moment: Moment): Samples => ({ '': { value: door(moment).closed } }),
  },
  cycles: {
    channels: [
      { name: 'count', unit: '', kind: 'number' as const },
      { name: 'time', unit: 's' },
    ],
    samples: (moment: Moment): Samples => {
      const { count, time } = workCycles(moment);
      return { count: { value: count }, time: { value: time } };
    },
  },
} as const;

export default defineDriver({
  name: 'simulated',
  summary: 'Signals of a simulated robot cell, to try the gateway without hardware',
  bus: 'none',
  options: z.strictObject({
    signal: z
      .enum(['joint-temperature', 'gripper', 'door', 'cycles'])
      .describe('j1 to j6; position and force; closed or not; count and time.'),
    seed: z.int().default(1).describe('The same seed gives the same values.'),
    cycle: duration('1s', '1h')
      .prefault('12s')
      .describe('Mean time of one work cycle; the same for all the signals of one cell.'),
  }),
  channels: ({ signal }): readonly Channel[] => SIGNALS[signal].channels,
  async open(_handle, { signal: name, seed, cycle }, { clock, sleep }) {
    const moment = (): Moment => ({
      seed,
      seconds: clock.monotonic() / 1000,
      cycle: cycle / 1000,
    });
    const read = async (): Promise<Samples> => SIGNALS[name].samples(moment());
    if (name !== 'door') return { read };
    return {
      read,
      async *changes(signal) {
        let { closed } = door(moment());
        while (!signal.aborted) {
          const ended = await sleep(1000 * door(moment()).nextCheck + 1, signal).then(
            () => false,
            () => true,
          );
          if (ended) return;
          const next = door(moment()).closed;
          if (next !== closed) yield { '': { value: next } };
          closed = next;
        }
      },
    };
  },
});
