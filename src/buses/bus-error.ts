/** Why a bus failed: no answer, lines held, owned by the kernel, no such bus or line, no permission, anything else. */
export type BusFault = 'absent' | 'stuck' | 'owned' | 'missing' | 'denied' | 'failed';

/** A bus error as a sentence for people, e.g. `no answer from 0x48 on i2c-1`; `cause` is the kernel's error. */
export class BusError extends Error {
  readonly fault: BusFault;

  constructor(fault: BusFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BusError';
    this.fault = fault;
  }
}
