import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Random } from '../../../support/random.ts';
import { serveNbd } from './nbd.ts';

const BYTES = 256 * 1024 * 1024;
const SECTOR = 512;
const CHUNK = 1024 * 1024;

/** How unflushed writes survive: by sectors, so that they are torn; each as a whole; or the first of them in order. */
const WAYS = ['sectors', 'requests', 'order'] as const;

/** What a power cut did to the writes that the machine had not flushed, in sectors. */
export interface Cut {
  readonly way: (typeof WAYS)[number];
  readonly unflushed: number;
  readonly dropped: number;
}

/**
 * An ext4 disk with a write cache that loses its content with the power, as a card or SSD has. It is served here rather
 * than logged by QEMU, so that what had been flushed when QEMU was killed is known and not put together afterwards.
 */
export interface VolatileDisk {
  /** Arguments with which QEMU has it as its first virtio disk. */
  readonly args: readonly string[];
  /** How long a flush takes at most: while it runs, nothing of it is safe. */
  flushMs: number;
  /** Whether there is something that a power cut could take. */
  readonly dirty: boolean;
  /** Takes the power away: from now on nothing is made safe any more, and no flush is answered. */
  off(): void;
  /** Gives it back, after the machine is gone: parts of what was not flushed are there. */
  on(random: Random): Promise<Cut>;
  close(): Promise<void>;
}

interface Write {
  readonly offset: number;
  readonly data: Buffer;
}

/** Makes one and serves it; `random` says how long each flush takes. */
export async function createDisk(random: Random): Promise<VolatileDisk> {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-disk-'));
  const path = join(folder, 'nbd');
  // What the machine reads, and what a power cut can't take.
  const [seen, safe] = [Buffer.alloc(BYTES), Buffer.alloc(BYTES)];
  format(join(folder, 'image'), seen, safe);
  let unflushed: Write[] = [];
  let connection: Promise<void> = Promise.resolve();
  let powered = true;

  const server = createServer((socket) => {
    connection = serveNbd(socket, {
      bytes: BYTES,
      read: (offset, length) => Buffer.from(seen.subarray(offset, offset + length)),
      write(offset, data) {
        data.copy(seen, offset);
        unflushed.push({ offset, data });
      },
      async flush() {
        const last = unflushed.at(-1);
        const ms = random.next() * disk.flushMs;
        if (ms >= 1) await new Promise((resolve) => setTimeout(resolve, ms));
        if (!powered) return new Promise(() => undefined);
        // A flush that a later one has overtaken finds nothing left to do.
        const count = last === undefined ? 0 : unflushed.indexOf(last) + 1;
        for (const { offset, data } of unflushed.splice(0, count)) data.copy(safe, offset);
      },
    });
  });

  const disk: VolatileDisk = {
    args: [
      '-blockdev',
      `driver=nbd,node-name=disk,server.type=unix,server.path=${path}`,
      ...['-device', 'virtio-blk-pci,drive=disk'],
    ],
    flushMs: 0,
    get dirty() {
      return unflushed.length > 0;
    },
    off() {
      powered = false;
    },
    async on(luck) {
      await connection;
      powered = true;
      const lost = unflushed;
      unflushed = [];
      const way = luck.pick(WAYS);
      const survivors = choose(lost, way, luck);
      for (const { offset, data } of survivors) data.copy(safe, offset);
      for (const { offset, data } of lost) safe.copy(seen, offset, offset, offset + data.length);
      const all = sectors(lost);
      return { way, unflushed: all, dropped: all - sectors(survivors) };
    },
    async close() {
      server.close();
      await connection;
      rmSync(folder, { recursive: true, force: true });
    },
  };
  server.listen(path);
  await once(server, 'listening');
  return disk;
}

function sectors(writes: readonly Write[]): number {
  return writes.reduce((sum, { data }) => sum + data.length, 0) / SECTOR;
}

/** Those that reached the medium all the same. */
function choose(
  writes: readonly Write[],
  way: Cut['way'],
  { next, between, pick }: Random,
): Write[] {
  if (way === 'order') return writes.slice(0, between(0, writes.length));
  const share = pick([0.1, 0.5, 0.9]);
  const parts = way === 'requests' ? writes : writes.flatMap(torn);
  return parts.filter(() => next() < share);
}

function torn({ offset, data }: Write): Write[] {
  return Array.from({ length: data.length / SECTOR }, (_, n) => ({
    offset: offset + n * SECTOR,
    data: data.subarray(n * SECTOR, (n + 1) * SECTOR),
  }));
}

/** Puts an empty ext4 file system into the buffers; what is zero in it stays untouched and so takes no memory. */
function format(file: string, ...targets: readonly Buffer[]): void {
  writeFileSync(file, '');
  truncateSync(file, BYTES);
  const now = '-E lazy_itable_init=0,lazy_journal_init=0';
  execFileSync('mkfs.ext4', ['-q', '-F', ...now.split(' '), file], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  const input = openSync(file, 'r');
  const zeros = Buffer.alloc(CHUNK);
  const chunk = Buffer.alloc(CHUNK);
  for (let at = 0; at < BYTES; at += CHUNK) {
    readSync(input, chunk, 0, CHUNK, at);
    if (!chunk.equals(zeros)) for (const target of targets) chunk.copy(target, at);
  }
  closeSync(input);
  rmSync(file);
}
