import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The system calls that the GPIO character device takes; all return immediately and throw the kernel's error. */
export interface GpioKernel {
  /** Names of the devices, e.g. `gpiochip0`. */
  devices(): readonly string[];
  open(device: string): number;
  close(fd: number): void;
  /** The argument is read and written in place. */
  ioctl(fd: number, request: number, argument: Buffer): void;
  /** Bytes read; called only when there are some. */
  read(fd: number, bytes: Buffer): number;
  /** Calls `listener` whenever there is something to read or the chip went away, until the returned function is called. */
  watch(fd: number, listener: (error: Error | null) => void): () => void;
}

type Ioctl = (fd: number, request: number, argument: Buffer) => number;

interface Poller {
  add(fd: number, events: number): Poller;
  remove(fd: number): Poller;
  close(): void;
}

interface EpollModule {
  readonly Epoll: {
    readonly EPOLLIN: number;
    new (listener: (error: Error | null, fd: number) => void): Poller;
  };
}

/** The machine's own kernel, through the native modules ioctl and epoll. Throws when they are not built. */
export function openGpioKernel(): GpioKernel {
  const require = createRequire(import.meta.url);
  const ioctl = require('ioctl') as Ioctl;
  const { Epoll } = require('epoll') as EpollModule;
  return {
    devices: () => readdirSync('/dev').filter((name) => /^gpiochip\d+$/.test(name)),
    open: (device) => openSync(`/dev/${device}`, 'r+'),
    close: closeSync,
    ioctl(fd, request, argument) {
      ioctl(fd, request, argument);
    },
    read: (fd, bytes) => readSync(fd, bytes, 0, bytes.length, null),
    watch(fd, listener) {
      const poller = new Epoll((error) => listener(error));
      poller.add(fd, Epoll.EPOLLIN);
      return () => poller.remove(fd).close();
    },
  };
}
