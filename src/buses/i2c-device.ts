/** One I2C chip: the address is already bound, transfers of the same bus never overlap. */
export interface I2cDevice {
  /**
   * Writes `write`, then reads `readLength` bytes; no other transfer comes in between.
   * After a single byte written, up to 32 are read with a repeated start, else the bus stops before it reads.
   * Rejects with a BusError.
   */
  transfer(write: Uint8Array, readLength: number): Promise<Uint8Array>;
}

/** An I2C address as datasheets and i2cdetect write it: `0x48`. */
export function hex(address: number): string {
  return `0x${address.toString(16).padStart(2, '0')}`;
}

/** Where a chip is, as a key: its users share one mutex. */
export function chipPlace(bus: string, address: number): string {
  return `${hex(address)} on ${bus}`;
}

/** One I2C bus, opened when it is first used. */
export interface I2cBus {
  /** The chip at an address; `place` is what errors call the bus, where that is not its own name. */
  device(address: number, place?: string): I2cDevice;
  close(): Promise<void>;
}
