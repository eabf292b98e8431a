import type { GpioKernel } from '../../src/buses/gpio-kernel.ts';

/** A chip of the fake kernel: lines in order, an empty name for none. */
export interface FakeChip {
  readonly label: string;
  readonly lines: readonly string[];
  /** The name of the chip, where its device is a link. */
  readonly name?: string;
  /** Who has taken a line, by its offset; changed by requests. */
  readonly owners?: Record<number, string>;
  /** Levels of the pins by offset; written by outputs. */
  readonly levels?: Record<number, boolean>;
  readonly interrupts?: boolean;
}

export interface FakeRequest {
  readonly device: string;
  readonly offsets: readonly number[];
  readonly bytes: Buffer;
}

export interface FakeGpioKernel extends GpioKernel {
  readonly requests: readonly FakeRequest[];
  /** File descriptors that are open. */
  readonly opened: ReadonlySet<number>;
  readonly watchers: number;
  /** Lets the latest request read these bytes. */
  event(bytes: Buffer): void;
  /** Takes the chip away from the latest request. */
  remove(): void;
  /** Opening a device fails with this code. */
  refuse(code: string): void;
}

function kernelError(code: string): Error {
  return Object.assign(new Error(`${code}: ioctl`), { code });
}

/** The kernel's side of the GPIO character device, written from linux/gpio.h; numbers are offsets into its structs. */
export function createFakeGpioKernel(chips: Readonly<Record<string, FakeChip>>): FakeGpioKernel {
  const requests: FakeRequest[] = [];
  const opened = new Set<number>();
  const files = new Map<number, string | FakeRequest>();
  const watchers = new Map<number, (error: Error | null) => void>();
  let nextFd = 10;
  let pending = Buffer.alloc(0);
  let removed = false;
  let refused: string | undefined;

  const openFile = (file: string | FakeRequest): number => {
    nextFd += 1;
    files.set(nextFd, file);
    opened.add(nextFd);
    return nextFd;
  };

  const take = (device: string, chip: FakeChip, bytes: Buffer): void => {
    const count = bytes.readUInt32LE(560);
    const offsets = Array.from({ length: count }, (_, index) => bytes.readUInt32LE(4 * index));
    const owners = chip.owners ?? {};
    if (offsets.some((offset) => owners[offset] !== undefined)) throw kernelError('EBUSY');
    const flags = bytes.readBigUInt64LE(288);
    if ((flags & 0x30n) !== 0n && chip.interrupts === false) throw kernelError('ENXIO');
    for (const offset of offsets) {
      owners[offset] = bytes.toString('latin1', 256, 288).replace(/\0.*$/, '');
    }
    if ((flags & 8n) !== 0n && chip.levels) {
      chip.levels[offsets[0]!] = (bytes.readBigUInt64LE(328) === 1n) !== ((flags & 2n) !== 0n);
    }
    const request = { device, offsets, bytes: Buffer.from(bytes) };
    requests.push(request);
    bytes.writeInt32LE(openFile(request), 588);
  };

  const onChip = (device: string, request: number, bytes: Buffer): void => {
    const chip = chips[device]!;
    if (request === 0x8044b401) {
      bytes.write(chip.name ?? device, 0);
      bytes.write(chip.label, 32);
      bytes.writeUInt32LE(chip.lines.length, 64);
    } else if (request === 0xc100b405) {
      const offset = bytes.readUInt32LE(64);
      const owner = chip.owners?.[offset];
      bytes.write(chip.lines[offset]!, 0);
      bytes.write(owner ?? '', 32);
      bytes.writeBigUInt64LE(owner === undefined ? 4n : 5n, 72);
    } else if (request === 0xc250b407) take(device, chip, bytes);
    else throw kernelError('ENOTTY');
  };

  const onLines = (
    { device, offsets, bytes: asked }: FakeRequest,
    request: number,
    bytes: Buffer,
  ) => {
    if (removed) throw kernelError('ENODEV');
    const levels = chips[device]!.levels ?? {};
    const inverted = (asked.readBigUInt64LE(288) & 2n) !== 0n;
    let bits = bytes.readBigUInt64LE(0);
    for (const [index, offset] of offsets.entries()) {
      const bit = 1n << BigInt(index);
      if (request === 0xc010b40f) levels[offset] = ((bits & bit) !== 0n) !== inverted;
      else if (request !== 0xc010b40e) throw kernelError('ENOTTY');
      else if ((levels[offset] ?? false) !== inverted) bits |= bit;
    }
    bytes.writeBigUInt64LE(bits, 0);
  };

  const wake = (): void => {
    for (const listener of watchers.values()) listener(null);
  };

  return {
    requests,
    opened,
    get watchers() {
      return watchers.size;
    },
    event(bytes) {
      pending = Buffer.concat([pending, bytes]);
      wake();
    },
    remove() {
      removed = true;
      wake();
    },
    refuse(code) {
      refused = code;
    },
    devices: () => Object.keys(chips),
    open(device) {
      if (refused !== undefined) throw kernelError(refused);
      return openFile(device);
    },
    close(fd) {
      const file = files.get(fd);
      opened.delete(fd);
      if (typeof file !== 'object') return;
      for (const offset of file.offsets) delete chips[file.device]?.owners?.[offset];
    },
    ioctl(fd, request, bytes) {
      const file = files.get(fd);
      if (file === undefined || !opened.has(fd)) throw kernelError('EBADF');
      if (typeof file === 'string') onChip(file, request, bytes);
      else onLines(file, request, bytes);
    },
    read(_fd, bytes) {
      if (removed) throw kernelError('ENODEV');
      const length = pending.copy(bytes);
      pending = pending.subarray(length);
      return length;
    },
    watch(fd, listener) {
      watchers.set(fd, listener);
      return () => watchers.delete(fd);
    },
  };
}
