const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** The first four bytes; the lowest bit says that checksums are over big-endian words. */
const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;

/** What is left of one commit in flight, or of two after two power cuts, is less. */
const COMMITS_BEHIND_DAMAGE = 4;

type Checksum = readonly [number, number];

export interface WalFrame {
  /** The page number, from 1. */
  readonly page: number;
  /** The page's content: a part of the log's bytes, not a copy. */
  readonly content: Buffer;
  /** In the last frame of a commit, the number of pages that the database then has; 0 in all other frames. */
  readonly pagesAfterCommit: number;
}

/** The latest committed content of each page in a log. */
export interface CommittedPages {
  readonly pages: ReadonlyMap<number, Buffer>;
  /** The number of pages of the database after the last commit; 0 if there is no commit. */
  readonly count: number;
}

/**
 * Reads the frames of a write-ahead log from memory [SQLite file format, section 4]. As SQLite does, it ends at the
 * first frame that is incomplete, has other salts than the header or a wrong checksum: such a frame was left by an
 * earlier use of the file, or a power cut interrupted its write.
 *
 * It does not read files, use the shared-memory file, change or checkpoint the log, or check whether pages make
 * sense. It does not know which frames a checkpoint has copied to the database file already.
 */
export class WalReader {
  readonly pageSize: number;
  readonly #bytes: Buffer;
  readonly #littleEndian: boolean;
  #checksum: Checksum;
  #offset = HEADER_BYTES;

  private constructor(bytes: Buffer, pageSize: number, littleEndian: boolean, checksum: Checksum) {
    this.#bytes = bytes;
    this.pageSize = pageSize;
    this.#littleEndian = littleEndian;
    this.#checksum = checksum;
  }

  /** A reader before the first frame; undefined if the header is too short, unknown or has a wrong checksum. */
  static open(bytes: Buffer): WalReader | undefined {
    if (bytes.length < HEADER_BYTES) return undefined;
    const magic = bytes.readUInt32BE(0);
    if (magic !== MAGIC_LITTLE_ENDIAN && magic !== MAGIC_BIG_ENDIAN) return undefined;
    const littleEndian = magic === MAGIC_LITTLE_ENDIAN;
    const checksum = checksumOf(bytes, 0, 24, littleEndian, [0, 0]);
    if (!isStored(checksum, bytes, 24)) return undefined;
    const pageSize = bytes.readUInt32BE(8);
    return isPageSize(pageSize)
      ? new WalReader(bytes, pageSize, littleEndian, checksum)
      : undefined;
  }

  /** The offset of the next frame's header in bytes. */
  get offset(): number {
    return this.#offset;
  }

  /** The next frame, committed or not; undefined at the end of the log. */
  next(): WalFrame | undefined {
    const bytes = this.#bytes;
    const start = this.#offset;
    const content = start + FRAME_HEADER_BYTES;
    const end = content + this.pageSize;
    if (end > bytes.length) return undefined;
    const hasSaltsOfHeader = bytes.compare(bytes, 16, 24, start + 8, start + 16) === 0;
    if (!hasSaltsOfHeader) return undefined;
    const ofHeader = checksumOf(bytes, start, start + 8, this.#littleEndian, this.#checksum);
    const checksum = checksumOf(bytes, content, end, this.#littleEndian, ofHeader);
    if (!isStored(checksum, bytes, start + 16)) return undefined;
    this.#checksum = checksum;
    this.#offset = end;
    return {
      page: bytes.readUInt32BE(start),
      content: bytes.subarray(content, end),
      pagesAfterCommit: bytes.readUInt32BE(start + 4),
    };
  }

  /** Passes over a frame that is not valid: those after it are checked against its stored checksum. False at the end. */
  skip(): boolean {
    const start = this.#offset;
    const end = start + FRAME_HEADER_BYTES + this.pageSize;
    if (end > this.#bytes.length) return false;
    this.#checksum = [this.#bytes.readUInt32BE(start + 16), this.#bytes.readUInt32BE(start + 20)];
    this.#offset = end;
    return true;
  }

  /** Reads all remaining frames, as SQLite does; frames after the last commit are ignored. */
  readCommitted(): CommittedPages {
    const reading = new Reading();
    for (let frame = this.next(); frame; frame = this.next()) reading.take(frame);
    return reading;
  }

  /**
   * Reads all remaining frames, also those after a damaged one; undefined if none is damaged. A power cut may leave
   * the commit that was in flight behind a frame that is not valid: only several commits prove a damage.
   */
  readBeyondDamage(): CommittedPages | undefined {
    const reading = new Reading();
    let commits = 0;
    let isBroken = false;
    do {
      for (let frame = this.next(); frame; frame = this.next()) {
        reading.take(frame);
        if (isBroken && frame.pagesAfterCommit > 0) commits++;
      }
      isBroken = true;
    } while (this.skip());
    return commits >= COMMITS_BEHIND_DAMAGE ? reading : undefined;
  }
}

/** The latest content of each page in the frames that were taken. */
class Reading implements CommittedPages {
  readonly pages = new Map<number, Buffer>();
  count = 0;
  readonly #uncommitted = new Map<number, Buffer>();

  take({ page, content, pagesAfterCommit }: WalFrame): void {
    this.#uncommitted.set(page, content);
    if (pagesAfterCommit === 0) return;
    for (const [number, latest] of this.#uncommitted) this.pages.set(number, latest);
    this.#uncommitted.clear();
    this.count = pagesAfterCommit;
  }
}

/** Whether SQLite allows this page size: a power of two from 512 to 65,536 bytes. */
export function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65_536 && (size & (size - 1)) === 0;
}

/** The checksum continued over `start` to `end` [section 4.2]. */
function checksumOf(
  bytes: Buffer,
  start: number,
  end: number,
  littleEndian: boolean,
  before: Checksum,
): Checksum {
  let [one, two] = before;
  for (let at = start; at < end; at += 8) {
    const low = littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
    const high = littleEndian ? bytes.readUInt32LE(at + 4) : bytes.readUInt32BE(at + 4);
    one = (one + low + two) >>> 0;
    two = (two + high + one) >>> 0;
  }
  return [one, two];
}

function isStored([one, two]: Checksum, bytes: Buffer, offset: number): boolean {
  return one === bytes.readUInt32BE(offset) && two === bytes.readUInt32BE(offset + 4);
}
