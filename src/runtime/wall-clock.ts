import type { Logger } from 'pino';
import { type Clock, isClockSet } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import type { StateStore } from '../base/state.ts';
import type { KernelFiles } from '../buses/kernel-files.ts';
import { isSynchronised } from './time-sync.ts';

export interface WallClockParts {
  readonly clock: Clock;
  readonly files: KernelFiles;
  /** What `timedatectl` says about NTP. */
  askTimedatectl(): Promise<string>;
  readonly log: Logger;
  /** Which start of the gateway this is; known from `start` on. */
  boot(): number;
  /** What is kept over restarts; there from `start` on. */
  readonly state: StateStore;
}

/** The time of day on a board that has none until a time server gives it one. */
export interface WallClock extends Service {
  /** Whether the time is known to be right. */
  isSet(): boolean;
  /** Milliseconds since the epoch; until the clock is set they count evenly, whatever is done to the system's clock. */
  now(): number;
  /** By how many milliseconds the clock was wrong in that start of the gateway, until it was set; undefined when unknown. */
  stepOf(boot: number): number | undefined;
}

const POLL_MS = 1000;
/** Time enough for a network to come up and a server to answer. */
const TROUBLE_MS = 120_000;
/** Starts whose readings may still wait for a plant. */
const KEPT_STEPS = 16;
/** No sensor has this name. */
const OWNER = '$clock';
const STEPS = 'steps';

type Step = readonly [boot: number, ms: number];

export function createWallClock(parts: WallClockParts): WallClock {
  const { clock, files, log } = parts;
  const life = new AbortController();
  const [wall, began] = [clock.wall(), clock.monotonic()];
  const evenly = (): number => wall + clock.monotonic() - began;
  let set = false;
  let steps: readonly Step[] = [];

  const isTrustworthy = async (): Promise<boolean> => {
    if (!isClockSet(clock.wall())) return false;
    const has = async (folder: string, name: RegExp): Promise<boolean> => {
      const names = await files.list(folder).catch((): string[] => []);
      return names.some((one) => name.test(one));
    };
    // Without a service that could set the clock it must have been set before.
    const timeSyncService =
      (await has('/run/systemd', /^timesync$/)) || (await has('/run', /^chrony$/));
    if (!timeSyncService || (await hasBattery(files))) return true;
    return (await isSynchronised(files, parts.askTimedatectl)) !== false;
  };

  const poll = async (): Promise<void> => {
    if (!(await isTrustworthy())) return;
    const step = Math.round(clock.wall() - evenly());
    set = true;
    if (clock.monotonic() - began < POLL_MS) return;
    steps = [...steps, [parts.boot(), step] as const].slice(-KEPT_STEPS);
    parts.state.of(OWNER).set(STEPS, steps);
    log.info({ step }, 'the clock is set');
  };

  const watch = async (): Promise<void> => {
    while (!set) {
      await clock.sleep(POLL_MS, life.signal);
      await poll();
    }
  };

  return {
    name: 'clock',
    isSet: () => set,
    now: () => (set ? clock.wall() : evenly()),
    stepOf: (boot) => steps.find((step) => step[0] === boot)?.[1],
    async start() {
      steps = stepsOf(parts.state.of(OWNER).get(STEPS));
      await poll();
      if (!set) log.warn('the clock is not set yet: readings are uncertain until it is');
      // Rejects only when aborted: a poll that fails counts as not set.
      watch().catch(() => undefined);
    },
    async stop() {
      life.abort();
    },
    trouble() {
      if (set || clock.monotonic() - began < TROUBLE_MS) return undefined;
      return 'the clock is not set: no time server has answered, and the board has no battery clock';
    },
  };
}

/** Whether a battery has kept the time while the power was off. */
async function hasBattery(files: KernelFiles): Promise<boolean> {
  const seconds = await files.read('/sys/class/rtc/rtc0/since_epoch').catch(() => '');
  return isClockSet(Number(seconds) * 1000);
}

function stepsOf(stored: unknown): readonly Step[] {
  if (!Array.isArray(stored)) return [];
  return stored.filter((step) => Array.isArray(step) && step.every(Number.isFinite));
}
