import type { PromisifiedBus } from 'i2c-bus';
import { type Clock, systemClock } from '../base/clock.ts';
import { BusError, type BusFault } from './bus-error.ts';
import { hex, type I2cBus, type I2cDevice } from './i2c-device.ts';

/** The part of an open i2c-bus bus that is used here. */
export type RawI2c = Pick<PromisifiedBus, 'i2cRead' | 'i2cWrite' | 'readI2cBlock' | 'close'>;

export interface I2cParts {
  /** Opens `/dev/i2c-<number>`; the real one comes from the i2c-bus module, loaded when it is first needed. */
  readonly open?: (busNumber: number) => Promise<RawI2c>;
  readonly clock?: Clock;
  /** After this a transfer counts as stuck; the kernel's own limit is about 1 s. */
  readonly timeoutMs?: number;
}

interface Job {
  readonly place: string;
  readonly address: number;
  readonly write: Uint8Array;
  readonly readLength: number;
  resolve(bytes: Uint8Array): void;
  reject(error: BusError): void;
}

/** SMBus block transfers, the only ones with a repeated start that i2c-bus offers, end here. */
const BLOCK_LIMIT_BYTES = 32;

const openReal = async (busNumber: number): Promise<RawI2c> => {
  const { default: module } = await import('i2c-bus');
  return module.openPromisified(busNumber);
};

/**
 * One bus by its name, e.g. `i2c-1`: one transfer at a time, in order, opened when first used and again after a fault.
 * Throws a BusError when the name is none.
 */
export function createI2cBus(name: string, parts: I2cParts = {}): I2cBus {
  const { open = openReal, clock = systemClock, timeoutMs = 3000 } = parts;
  const match = /^i2c-(\d+)$/.exec(name);
  if (match === null)
    throw new BusError('missing', `"${name}" is no I2C bus: expected i2c-1 or alike`);
  const busNumber = Number(match[1]);

  const waiting: Job[] = [];
  let raw: RawI2c | undefined;
  let busy = false;
  let overdue: string | undefined;
  let heldBy: number | undefined;
  let closed = false;

  const stuck = (address: string): BusError =>
    new BusError('stuck', `${name} is stuck: the transfer with ${address} has not come back`);

  /**
   * One chip that holds the clock is that chip's trouble. When the next one comes back stuck too, it is the bus, and
   * who waits is told at once instead of after a second for each before him.
   */
  const judge = (address: number, error?: BusError): void => {
    const held = error?.fault === 'stuck' ? address : undefined;
    if (held !== undefined && heldBy !== undefined && held !== heldBy) {
      const message = `${name} is stuck: a line is held low, no chip can be reached`;
      for (const next of waiting.splice(0)) next.reject(new BusError('stuck', message));
    }
    heldBy = held;
  };

  const shut = (): BusError => new BusError('failed', `${name} is closed`);

  const release = async (): Promise<void> => {
    const old = raw;
    raw = undefined;
    await old?.close().catch(() => undefined);
  };

  const run = async ({ place, address, write, readLength }: Job): Promise<Uint8Array> => {
    try {
      raw ??= await open(busNumber);
      return await transfer(raw, address, write, readLength);
    } catch (cause) {
      const error = translated(cause, name, place, address);
      // i2c-bus keeps a file whose address could not be set and would use it next time, at address 0: start afresh.
      if (error.fault !== 'absent' || errnoOf(cause) === ENODEV) await release();
      throw error;
    }
  };

  /** Rejects those who wait behind a transfer that does not come back; the slot stays taken until it does. */
  const watch = async (job: Job, signal: AbortSignal): Promise<void> => {
    await clock.sleep(timeoutMs, signal);
    overdue = hex(job.address);
    job.reject(stuck(overdue));
    for (const next of waiting.splice(0)) next.reject(stuck(overdue));
  };

  const pump = async (): Promise<void> => {
    const job = busy ? undefined : waiting.shift();
    if (job === undefined) return;
    busy = true;
    const done = new AbortController();
    watch(job, done.signal).catch(() => undefined);
    await run(job)
      .finally(() => done.abort())
      .then(
        (bytes) => {
          judge(job.address);
          job.resolve(bytes);
        },
        (error: BusError) => {
          judge(job.address, error);
          job.reject(error);
        },
      );
    if (overdue !== undefined || closed) await release();
    overdue = undefined;
    busy = false;
    void pump();
  };

  return {
    device: (address, place = name): I2cDevice => ({
      transfer: (write, readLength) =>
        new Promise((resolve, reject) => {
          if (overdue !== undefined) return reject(stuck(overdue));
          if (closed) return reject(shut());
          waiting.push({
            place,
            address,
            write: Uint8Array.from(write),
            readLength,
            resolve,
            reject,
          });
          void pump();
        }),
    }),
    async close() {
      closed = true;
      for (const job of waiting.splice(0)) job.reject(shut());
      if (!busy) await release();
    },
  };
}

async function transfer(
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
 * Linux numbers. i2c-bus hands on the number of an ioctl's error, but Node has no name for EREMOTEIO there: its `code` is
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

function errnoOf(cause: unknown): number {
  const errno = cause instanceof Error && 'errno' in cause ? cause.errno : undefined;
  return typeof errno === 'number' ? Math.abs(errno) : 0;
}

function translated(cause: unknown, bus: string, place: string, address: number): BusError {
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
