import type { z } from 'zod';
import { createMemoryState } from '../../src/base/state.ts';
import type { Driver, Handles, Sensor, Tools } from '../../src/driver-kit/driver.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';

export const never: AbortSignal = new AbortController().signal;

/** A clock whose sleepers wake at once, noting for how long they were asked to sleep. */
export function createHastyTools(): {
  tools: Tools;
  slept: number[];
  reported: string[];
  clock: ManualClock;
} {
  const clock = createManualClock();
  const slept: number[] = [];
  const reported: string[] = [];
  const report = (sentence: string): void => void reported.push(sentence);
  const sleep = async (ms: number): Promise<void> => {
    slept.push(ms);
    await clock.advance(ms);
  };
  const state = createMemoryState().of('sensor');
  const line = (name: string): never => {
    throw new Error(`no line ${name} in this test`);
  };
  return { tools: { clock, sleep, state, report, line }, slept, reported, clock };
}

/** Opens a driver with options as a config has them. */
export function openSensor<Bus extends keyof Handles, Options extends z.ZodObject>(
  driver: Driver<Bus, Options>,
  handle: Handles[Bus],
  options: z.input<Options>,
  tools: Tools = createHastyTools().tools,
): Promise<Sensor> {
  return driver.open(handle, driver.options.parse(options), tools, never);
}
