/** Places of `size` bytes in one buffer, from which packets are copied cheaply. Readers share them. */
export interface KeepSlots {
  readonly buffer: Buffer;
  readonly size: number;
  readonly hasFree: boolean;
  /** The offset of a free slot; there is one. */
  take(): number;
  free(start: number): void;
}
