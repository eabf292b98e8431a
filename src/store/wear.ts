import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const YEAR_MS = 365.25 * 86_400_000;
/** A shorter time says nothing about a year. */
const LEAST_MS = 60_000;
/**
 * Flash takes about 1,000 writes of each cell, and a card writes up to three times what it is given: it erases
 * whole blocks.
 */
const CYCLES = 1000;
const FACTOR = 3;
const SECTOR_BYTES = 512;

/** What the gateway writes to its disk, and how long the disk takes that. */
export interface Wear {
  /** By what was written since the start; null in the first minute. */
  readonly bytesPerYear: number | null;
  /** Size of the disk; null if unknown, as are the next two where the kernel does not show them. */
  readonly diskBytes: number | null;
  /** What is used of the lifetime, by the card itself: 0 to 1, in steps of 0.1. */
  readonly lifeUsed: number | null;
  /** The reserve of blocks, by the card itself: normal, 80 % used, 90 % used. */
  readonly reserve: 'normal' | 'warning' | 'urgent' | null;
  /** How long the disk takes what the gateway writes, at 1,000 cycles of each cell; null if unknown. */
  readonly yearsLeft: number | null;
}

/** What the kernel shows of a disk. */
export type Disk = Pick<Wear, 'diskBytes' | 'lifeUsed' | 'reserve'>;

const UNKNOWN: Disk = { diskBytes: null, lifeUsed: null, reserve: null };
/** PRE_EOL_INFO of JEDEC eMMC 5.0, section 7.4.16. */
const RESERVES: Readonly<Record<number, Disk['reserve']>> = {
  1: 'normal',
  2: 'warning',
  3: 'urgent',
};

/** The disk of a folder, by its files below `root`; tests use another root. */
export function diskOf(folder: string, root = '/'): Disk {
  try {
    const { dev } = statSync(folder);
    // As glibc's major() and minor() for device numbers of 32 bits.
    const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
    const device = realpathSync(join(root, `sys/dev/block/${major}:${minor}`));
    const disk = read(join(device, 'partition')) === undefined ? device : dirname(device);
    const size = Number.parseInt(read(join(disk, 'size')) ?? '', 10) * SECTOR_BYTES;
    return {
      diskBytes: size > 0 && basename(disk) !== 'block' ? size : null,
      lifeUsed: lifeUsed(read(join(disk, 'device/life_time'))),
      reserve: RESERVES[Number.parseInt(read(join(disk, 'device/pre_eol_info')) ?? '', 16)] ?? null,
    };
  } catch {
    // Not a disk of this computer, for example a file system in memory or on the network.
    return UNKNOWN;
  }
}

/** The worse of the two kinds of memory in a card, in tenths: `0x02 0x01` [JEDEC eMMC 5.0, section 7.4.15]; 0 is unknown. */
function lifeUsed(text: string | undefined): number | null {
  const tenths = (text ?? '').split(/\s+/).map((each) => Number.parseInt(each, 16));
  const worst = Math.max(0, ...tenths.filter(Number.isFinite));
  return worst === 0 ? null : Math.min(1, worst / 10);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The wear of a disk by `bytes` that were written in `ms`. */
export function wearOf(disk: Disk, bytes: number, ms: number): Wear {
  const bytesPerYear = ms < LEAST_MS ? null : Math.round((bytes / ms) * YEAR_MS);
  const { diskBytes, lifeUsed } = disk;
  const left = diskBytes === null ? 0 : (diskBytes * CYCLES * (1 - (lifeUsed ?? 0))) / FACTOR;
  const isKnown = diskBytes !== null && bytesPerYear !== null && bytesPerYear > 0;
  const yearsLeft = isKnown ? Math.round((left / bytesPerYear) * 10) / 10 : null;
  return { ...disk, bytesPerYear, yearsLeft };
}
