import type { Logger } from 'pino';
import { type Clock, isClockSet } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import type { StateStore } from '../base/state.ts';
import type { KernelFiles } from '../buses/kernel-files.ts';
import { isSynchronised } from './time-sync.ts';

export interface WallClockParts {
  readonly clock: Clock;
  readonly files: KernelFiles;
  /** The answer of `timedatectl` about NTP. */
  askTimedatectl(): Promise<string>;
  readonly log: Logger;
  /** The number of this start of the gateway; known from `start` on. */
  boot(): number;
  /** The state that is kept over restarts; available from `start` on. */
  readonly state: StateStore;
  /** Called once when the time is known to be right. */
  onSet(): void;
}

/** The time of day on a board without a battery-backed clock, which gets the time from a time server. */
export interface WallClock extends Service {
  /** Whether the time is known to be right. */
  isSet(): boolean;
  /** Milliseconds since the epoch; they count evenly until the clock is set, even if the system's clock jumps. */
  now(): number;
  /** The clock's error in milliseconds in that start of the gateway, until it was set; undefined if unknown. */
  stepOf(boot: number): number | undefined;
}

const POLL_MS = 1000;
/** Enough time for a network to start and a server to answer. */
const TROUBLE_MS = 120_000;
/** The number of starts whose readings may still be queued for a plant. */
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
    // Without a service that sets the clock, the clock must have been set before.
    const timeSyncService =
      (await has('/run/systemd', /^timesync$/)) || (await has('/run', /^chrony$/));
    if (!timeSyncService || (await hasBattery(files))) return true;
    return (await isSynchronised(files, parts.askTimedatectl)) !== false;
  };

  const poll = async (): Promise<void> => {
    if (!(await isTrustworthy())) return;
    const step = Math.round(clock.wall() - evenly());
    set = true;
    if (clock.monotonic() - began >= POLL_MS) {
      steps = [...steps, [parts.boot(), step] as const].slice(-KEPT_STEPS);
      parts.state.of(OWNER).set(STEPS, steps);
      log.info({ step }, 'the clock is set');
    }
    parts.onSet();
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
      // Rejects only when aborted: if a poll fails, the clock counts as not set.
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

/** Whether a battery kept the time while the power was off. */
async function hasBattery(files: KernelFiles): Promise<boolean> {
  const seconds = await files.read('/sys/class/rtc/rtc0/since_epoch').catch(() => '');
  return isClockSet(Number(seconds) * 1000);
}

function stepsOf(stored: unknown): readonly Step[] {
  if (!Array.isArray(stored)) return [];
  return stored.filter((step) => Array.isArray(step) && step.every(Number.isFinite));
}
