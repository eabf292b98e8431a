import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import type { Sample, Tools } from './sensor.ts';

/** A chip is no longer as `open` has set it up. The gateway publishes the reason and opens the sensor again. */
export class SettingsLostError extends Error {}

/** Why bytes that a chip sends come from no chip; undefined if they may be real. A line without a chip that drives it is high. */
export function deadLine(bytes: Uint8Array): string | undefined {
  if (bytes.every((byte) => byte === 0))
    return 'all bits read 0: the data line is held low, or the chip has no supply';
  if (bytes.every((byte) => byte === 0xff))
    return 'all bits read 1: the chip does not drive the data line';
  return undefined;
}

/**
 * Throws a SettingsLostError unless bytes of registers are as set up, in the bits of the mask (default: all).
 * `read` is everything that the chip has sent for this sample: a dead line is recognised by it.
 */
export function checkSettings(
  found: Uint8Array,
  expected: Uint8Array,
  { mask, read = found }: { mask?: Uint8Array; read?: Uint8Array } = {},
): void {
  const differs = expected.some(
    (byte, at) => ((byte ^ (found[at] ?? 0)) & (mask?.[at] ?? 0xff)) !== 0,
  );
  if (!differs) return;
  const reason = deadLine(read);
  throw new SettingsLostError(
    reason ?? 'the chip has lost its settings: it was reset, or another program has changed them',
  );
}

/** The option of a chip with an id: another id that is also right, as a compatible chip has. */
export const acceptOption = z
  .strictObject({
    id: z.int().min(0).max(0xffff).describe('The id that the chip says, e.g. 0x190f.'),
  })
  .optional()
  .describe(
    'Takes a compatible chip with another id: { id: 0x190f }. The log says so at the start.',
  );

/** What a chip says about itself. */
export interface ChipId {
  /** The chip with its article, e.g. `an INA226`. */
  readonly chip: string;
  /** What the datasheet calls the id, with its verb: `its manufacturer ID is`. */
  readonly called: string;
  /** The bytes as they were read, the high one first. */
  readonly bytes: Uint8Array;
  readonly expected: number;
  readonly accept: { readonly id: number } | undefined;
}

/** Throws unless the id is the expected one, or the one that the config accepts, which is reported in the log. */
export function checkId({ chip, called, bytes, expected, accept }: ChipId, tools: Tools): void {
  const id = bytes.reduce((value, byte) => value * 256 + byte, 0);
  const shown = (value: number): string =>
    `0x${value.toString(16).padStart(2 * bytes.length, '0')}`;
  if (id === expected) return;
  if (id === accept?.id) {
    tools.report(
      `taken for ${chip} because of accept: ${called} ${shown(id)} instead of ${shown(expected)}`,
    );
    return;
  }
  throw new Error(
    deadLine(bytes) ?? `not ${chip}: ${called} ${shown(id)}, expected ${shown(expected)}`,
  );
}

/** The value that a register has before the first conversion, and for how long. */
export interface PowerOnValue {
  readonly clock: Clock;
  readonly value: number;
  readonly unit: string;
  /** The longest conversion. */
  readonly conversionMs: number;
  /** A value that was closer to it than this may also have reached it. */
  readonly near: number;
}

/**
 * Samples of values, among which is the one that the chip also has after a reset: it is `uncertain` when it comes
 * suddenly, until a conversion must be over. After that it is real.
 */
export function qualifyPowerOn({ clock, value: powerOn, unit, conversionMs, near }: PowerOnValue) {
  let last: number | undefined;
  let since: number | undefined;
  return (value: number): Sample => {
    const wasFar = last !== undefined && Math.abs(last - powerOn) > near;
    if (value === powerOn && wasFar) {
      since ??= clock.monotonic();
      const reason = `${powerOn} ${unit} is also what the chip says before it has measured`;
      if (clock.monotonic() - since < conversionMs) return { value, quality: 'uncertain', reason };
    }
    last = value;
    since = undefined;
    return { value };
  };
}
