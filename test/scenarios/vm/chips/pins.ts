import type { Chip } from './chip.ts';

/** A chip with pins that the world around it drives. */
export interface PinChip extends Chip {
  /** Levels from outside, pin 0 in bit 0. */
  levels: number;
  /** Whether it pulls its interrupt output low. */
  readonly interrupting: boolean;
  /** The level that it drives a pin to; undefined for an input. */
  drives(pin: number): boolean | undefined;
}
