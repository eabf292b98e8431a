import type { Transport } from '../../src/net/transport.ts';

/** A transport whose peer reads only when the test calls `take`: until then written bytes stay `pending`. */
export class FakeTransport implements Transport {
  readonly remoteAddress: string = '192.0.2.7';
  readonly copies: boolean;
  readonly calls: string[] = [];
  paused = false;
  /** True for a peer that reads everything at once. */
  fast: boolean;
  /** The buffers themselves, not copies: a later change of their bytes shows. */
  readonly written: Buffer[] = [];
  #pending = 0;
  #taken: (() => void)[] = [];

  constructor(options: { readonly fast?: boolean; readonly copies?: boolean } = {}) {
    this.fast = options.fast ?? true;
    this.copies = options.copies ?? false;
  }

  get pending(): number {
    return this.#pending;
  }

  write(bytes: Buffer): void {
    // A fast peer has read the bytes: later changes can't reach them.
    this.written.push(this.fast ? Buffer.from(bytes) : bytes);
    if (!this.fast) this.#pending += bytes.length;
  }

  onceTaken(callback: () => void): void {
    this.#taken.push(callback);
  }

  /** The peer reads everything; returns all that was written since the last call. */
  take(): Buffer {
    this.#pending = 0;
    const bytes = Buffer.concat(this.written.splice(0));
    for (const callback of this.#taken.splice(0)) callback();
    return bytes;
  }

  /** Makes so many bytes pending, without anything having been written. */
  clog(bytes: number): void {
    this.#pending = bytes;
  }

  pause(): void {
    this.paused = true;
    this.calls.push('pause');
  }

  resume(): void {
    this.paused = false;
    this.calls.push('resume');
  }

  end(): void {
    this.calls.push('end');
  }

  destroy(): void {
    this.calls.push('destroy');
  }
}
