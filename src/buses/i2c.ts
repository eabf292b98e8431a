import { type Clock, systemClock } from '../base/clock.ts';
import { BusError } from './bus-error.ts';
import { hex, type I2cBus, type I2cDevice } from './i2c-device.ts';
import { i2cError, isAddressNotSet, type RawI2c, transfer } from './i2c-transfer.ts';

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

const openReal = async (busNumber: number): Promise<RawI2c> => {
  const { default: module } = await import('i2c-bus');
  return module.openPromisified(busNumber);
};

/**
 * One bus by its name, e.g. `i2c-1`: one transfer at a time, in order, opened when first used and again after a fault.
 * Throws a BusError when the name is none.
 */
export function createI2cBus(name: string, parts: I2cParts = {}): I2cBus {
  const match = /^i2c-(\d+)$/.exec(name);
  if (match === null)
    throw new BusError('missing', `"${name}" is no I2C bus: expected i2c-1 or alike`);
  return new KernelI2cBus(name, Number(match[1]), parts);
}

class KernelI2cBus implements I2cBus {
  readonly #name: string;
  readonly #busNumber: number;
  readonly #open: (busNumber: number) => Promise<RawI2c>;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #waiting: Job[] = [];
  #raw: RawI2c | undefined;
  #busy = false;
  /** The address whose transfer has not come back in time. */
  #overdue: string | undefined;
  /** The address whose last transfer held the bus. */
  #heldBy: number | undefined;
  #closed = false;

  constructor(name: string, busNumber: number, parts: I2cParts) {
    const { open = openReal, clock = systemClock, timeoutMs = 3000 } = parts;
    this.#name = name;
    this.#busNumber = busNumber;
    this.#open = open;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  device(address: number, place = this.#name): I2cDevice {
    return {
      transfer: (write, readLength) =>
        new Promise((resolve, reject) => {
          if (this.#overdue !== undefined) return reject(this.#stuck(this.#overdue));
          if (this.#closed) return reject(this.#closedError());
          const copy = Uint8Array.from(write);
          this.#waiting.push({ place, address, write: copy, readLength, resolve, reject });
          void this.#pump();
        }),
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#rejectWaiting(this.#closedError());
    if (!this.#busy) await this.#release();
  }

  async #pump(): Promise<void> {
    const job = this.#busy ? undefined : this.#waiting.shift();
    if (job === undefined) return;
    this.#busy = true;
    const done = new AbortController();
    this.#watch(job, done.signal).catch(() => undefined);
    await this.#run(job)
      .finally(() => done.abort())
      .then(
        (bytes) => {
          this.#noteHolder(undefined);
          job.resolve(bytes);
        },
        (error: BusError) => {
          this.#noteHolder(error.fault === 'stuck' ? job.address : undefined);
          job.reject(error);
        },
      );
    if (this.#overdue !== undefined || this.#closed) await this.#release();
    this.#overdue = undefined;
    this.#busy = false;
    void this.#pump();
  }

  async #run({ place, address, write, readLength }: Job): Promise<Uint8Array> {
    try {
      this.#raw ??= await this.#open(this.#busNumber);
      return await transfer(this.#raw, address, write, readLength);
    } catch (cause) {
      const error = i2cError(cause, this.#name, place, address);
      if (error.fault !== 'absent' || isAddressNotSet(cause)) await this.#release();
      throw error;
    }
  }

  /** Rejects a transfer that does not come back and those behind it; the bus stays busy until it does. */
  async #watch(job: Job, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(this.#timeoutMs, signal);
    this.#overdue = hex(job.address);
    job.reject(this.#stuck(this.#overdue));
    this.#rejectWaiting(this.#stuck(this.#overdue));
  }

  /**
   * One chip that holds the clock is a fault of that chip. When the next chip comes back stuck too, the fault is the
   * bus: all waiting transfers are rejected at once, as each would take another second.
   */
  #noteHolder(address: number | undefined): void {
    if (address !== undefined && this.#heldBy !== undefined && address !== this.#heldBy) {
      const message = `${this.#name} is stuck: a line is held low, no chip can be reached`;
      this.#rejectWaiting(new BusError('stuck', message));
    }
    this.#heldBy = address;
  }

  #rejectWaiting(error: BusError): void {
    for (const job of this.#waiting.splice(0)) job.reject(error);
  }

  async #release(): Promise<void> {
    const raw = this.#raw;
    this.#raw = undefined;
    await raw?.close().catch(() => undefined);
  }

  #stuck(address: string): BusError {
    const message = `${this.#name} is stuck: the transfer with ${address} has not come back`;
    return new BusError('stuck', message);
  }

  #closedError(): BusError {
    return new BusError('failed', `${this.#name} is closed`);
  }
}
