import type { PromisifiedBus } from 'i2c-bus';
import { BusError, type BusFault } from './bus-error.ts';
import { hex } from './i2c-device.ts';

/** The part of an open i2c-bus bus that is used here. */
export type RawI2c = Pick<PromisifiedBus, 'i2cRead' | 'i2cWrite' | 'readI2cBlock' | 'close'>;

/** SMBus block transfers, the only ones with a repeated start that i2c-bus offers, end here. */
const BLOCK_LIMIT_BYTES = 32;

/** Writes, then reads `readLength` bytes. Rejects with the error of i2c-bus. */
export async function transfer(
  raw: RawI2c,
  address: number,
  write: Uint8Array,
  readLength: number,
): Promise<Uint8Array> {
  const bytes = Buffer.alloc(readLength);
  const [command] = write;
  if (command !== undefined && write.length === 1 && isBlock(readLength)) {
    const { bytesRead } = await raw.readI2cBlock(address, command, readLength, bytes);
    return complete(bytes, bytesRead);
  }
  if (write.length > 0) await raw.i2cWrite(address, write.length, Buffer.from(write));
  if (readLength === 0) return bytes;
  const { bytesRead } = await raw.i2cRead(address, readLength, bytes);
  return complete(bytes, bytesRead);
}

function isBlock(length: number): boolean {
  return length > 0 && length <= BLOCK_LIMIT_BYTES;
}

function complete(bytes: Uint8Array, bytesRead: number): Uint8Array {
  if (bytesRead !== bytes.length) throw new Error(`${bytesRead} of ${bytes.length} bytes came`);
  return bytes;
}

const ENODEV = 19;

/**
 * Linux numbers. i2c-bus passes on the number of an ioctl's error, but Node has no name for EREMOTEIO there: its `code` is
 * empty. Errors of reads and writes are negative and have a name.
 */
const FAULTS: Readonly<Record<number, BusFault>> = {
  6: 'absent', // ENXIO
  [ENODEV]: 'absent',
  121: 'absent', // EREMOTEIO
  110: 'stuck', // ETIMEDOUT
  16: 'owned', // EBUSY
  2: 'missing', // ENOENT
  1: 'denied', // EPERM
  13: 'denied', // EACCES
};

/** Whether i2c-bus could not set the address: it keeps that file and would use it for the next transfer, at address 0. */
export function isAddressNotSet(cause: unknown): boolean {
  return errnoOf(cause) === ENODEV;
}

function errnoOf(cause: unknown): number {
  const errno = cause instanceof Error && 'errno' in cause ? cause.errno : undefined;
  return typeof errno === 'number' ? Math.abs(errno) : 0;
}

/** An error of i2c-bus as a sentence; `place` is what the error calls the bus of the chip. */
export function i2cError(cause: unknown, bus: string, place: string, address: number): BusError {
  const fault = FAULTS[errnoOf(cause)] ?? 'failed';
  const chip = `${hex(address)} on ${place}`;
  const said = cause instanceof Error ? cause.message : String(cause);
  const sentences: Record<BusFault, string> = {
    absent: `no answer from ${chip}`,
    stuck: `${bus} is stuck: a line is held low, or ${hex(address)} stretches the clock for too long`,
    owned: `${chip} is owned by a kernel driver`,
    missing: `${bus} does not exist: there is no /dev/${bus} (enable it with dtparam=i2c_arm=on or an overlay in config.txt)`,
    denied: `no permission for /dev/${bus}: add the user to group i2c`,
    failed: `the transfer with ${chip} failed: ${said}`,
  };
  return new BusError(fault, sentences[fault], { cause });
}
