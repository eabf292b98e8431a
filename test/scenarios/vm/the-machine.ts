import { type Machine, startMachine } from './machine.ts';

let booted: Promise<Machine> | undefined;

/** The machine that the test files share, as they run in one process one after the other: it boots once. */
export function theMachine(): Promise<Machine> {
  booted ??= startMachine();
  return booted;
}
