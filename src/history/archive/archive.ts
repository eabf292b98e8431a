import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Faults } from '../../base/faults.ts';
import type { Service } from '../../base/lifecycle.ts';
import { type RequestThread, startRequestThread } from '../../base/request-thread.ts';
import { threadScript } from '../../base/thread-script.ts';
import type { SensorConfig } from '../../config/schema/sensors.ts';
import { readingTopic } from '../../driver-kit/cell-topics.ts';
import type { SensorsObserver } from '../../sensors/sampler.ts';
import type { SensorStatus } from '../../sensors/sensor-status.ts';
import { type ArchiveSeries, archiveFile, type Minute, type Range } from './archive-file.ts';
import { ArchiveRecorder, type PresentValue } from './archive-recorder.ts';
import type { ArchiveReply, ArchiveRequest } from './archive-thread.ts';
import { mergeSlots, type TimedPoints } from './points.ts';

export interface ArchiveConfig {
  readonly sensors: readonly SensorConfig[];
  /** `bytes`: the most that the file may take. */
  readonly store: { readonly history: { readonly bytes: number } };
}

export interface ArchiveParts {
  readonly cell: string;
  /** The data folder. */
  readonly folder: string;
  readonly config: ArchiveConfig;
  readonly sensors: { status(): readonly SensorStatus[] };
  /** Counts evenly until the clock is set: until then nothing is kept. */
  readonly wallClock: { now(): number; isSet(): boolean };
  readonly log: Logger;
  readonly faults: Faults;
}

/** The thread that owns the file; a test passes another one. */
export type ArchiveThread = Pick<RequestThread<ArchiveRequest, ArchiveReply>, 'ask' | 'end'>;

const TICK_MS = 1000;
/** Minutes that wait for a disk that does not take them; older ones are dropped. */
const MOST_WAITING = 10;
const MEMORY = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8 };
const CLOSE_MS = 5000;

/** The history of the sensors that keep it for days: seconds, minutes and hours in `history.db`. */
export class Archive implements Service {
  readonly name = 'archive';
  readonly #parts: ArchiveParts;
  readonly #start: (file: string) => ArchiveThread;
  readonly #recorder = new ArchiveRecorder();
  readonly #waiting: (readonly [start: number, Minute[]])[] = [];
  #config: ArchiveConfig;
  /** By sensor: how long it is kept. */
  #kept: ReadonlyMap<string, number> = new Map();
  #thread: ArchiveThread | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #failure: string | undefined;
  #dropped = 0;
  /** Of the present thread, and of the threads before it. */
  #written = 0;
  #writtenBefore = 0;

  constructor(parts: ArchiveParts, start: (file: string) => ArchiveThread = startThread) {
    this.#parts = parts;
    this.#start = start;
    this.#config = parts.config;
  }

  async start(): Promise<void> {
    await this.applyConfig(this.#config);
  }

  async applyConfig(config: ArchiveConfig): Promise<void> {
    this.#config = config;
    this.#kept = new Map(
      config.sensors.flatMap(({ name, history }) =>
        history !== undefined && typeof history === 'object' ? [[name, history.keep] as const] : [],
      ),
    );
    if (this.#kept.size > 0 && !this.#timer) {
      const tick = (): void => this.#tick();
      const guarded = this.#parts.faults.guard('feed', 'recording the long history', tick);
      this.#timer = setInterval(guarded, TICK_MS);
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#add(this.#recorder.end());
    await this.#writing;
    await this.#thread?.ask({ kind: 'close' }).catch(() => undefined);
    await this.#thread?.end(CLOSE_MS);
  }

  /** Gets every sample. */
  readonly observe: SensorsObserver = (sensor, channel, { value, quality }) => {
    if (!this.#kept.has(sensor)) return;
    this.#recorder.observe(readingTopic(this.#parts.cell, sensor, channel), value, quality);
  };

  /** Whether the history of a topic is kept in the present config. */
  isKept(topic: string): boolean {
    return [...this.#present()].some((one) => one.topic === topic);
  }

  /** The series of a value, also of one whose sensor is no longer there. Rejects where the file can't be read. */
  async read(range: Range): Promise<ArchiveSeries> {
    if (!this.#thread && this.#kept.size === 0 && !existsSync(archiveFile(this.#parts.folder))) {
      return { slotMs: TICK_MS, points: [] };
    }
    const reply = await this.#threadOf().ask({ kind: 'read', range });
    if (reply.kind === 'failed') throw new Error(reply.message);
    const { series } = reply as Extract<ArchiveReply, { kind: 'series' }>;
    const pending = this.#recorder
      .pending(range.topic)
      .filter(([time]) => time >= range.from && time < range.to);
    return withLater(series, pending);
  }

  trouble(): string | undefined {
    if (this.#failure === undefined) return undefined;
    const lost = this.#dropped === 0 ? '' : `; ${this.#dropped} minutes are lost`;
    return `the long history can't be written: ${this.#failure}${lost}`;
  }

  #tick(): void {
    const { wallClock } = this.#parts;
    if (wallClock.isSet()) this.#add(this.#recorder.tick(wallClock.now(), this.#present()));
  }

  *#present(): Iterable<PresentValue> {
    for (const { name, channels } of this.#parts.sensors.status()) {
      const keepMs = this.#kept.get(name);
      if (keepMs === undefined) continue;
      for (const { topic, value, quality } of channels) {
        if (quality !== undefined) yield { topic, keepMs, value, quality };
      }
    }
  }

  #add(minute: readonly [start: number, Minute[]] | undefined): void {
    if (!minute) return;
    this.#waiting.push(minute);
    if (this.#waiting.length > MOST_WAITING) {
      this.#waiting.shift();
      this.#dropped++;
    }
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Writes the minutes that are not written, oldest first; after a failure it is tried again with the next minute. */
  async #write(): Promise<void> {
    const { log } = this.#parts;
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const [start, minutes] = next;
      const mostBytes = this.#config.store.history.bytes;
      const reply = await this.#threadOf()
        .ask({ kind: 'append', start, minutes, mostBytes })
        .catch((error: Error): ArchiveReply => ({ kind: 'failed', message: error.message }));
      if (reply.kind !== 'done') {
        const message = reply.kind === 'failed' ? reply.message : reply.kind;
        if (this.#failure !== message) log.error(`the long history can't be written: ${message}`);
        this.#failure = message;
        break;
      }
      if (this.#failure !== undefined) log.info('the long history is written again');
      if (reply.aside) log.error(`the file of the long history was damaged; it is ${reply.aside}`);
      this.#written = reply.written;
      this.#failure = undefined;
      this.#dropped = 0;
      if (this.#waiting[0] === next) this.#waiting.shift();
    }
  }

  /** Bytes that were written since the start. */
  get bytesWritten(): number {
    return this.#writtenBefore + this.#written;
  }

  /** A thread that has ended is started again. */
  #threadOf(): ArchiveThread {
    this.#thread ??= this.#watched(this.#start(archiveFile(this.#parts.folder)));
    return this.#thread;
  }

  #watched(thread: ArchiveThread): ArchiveThread {
    const ask = (request: ArchiveRequest): Promise<ArchiveReply> =>
      thread.ask(request).catch((error: unknown) => {
        this.#thread = undefined;
        this.#writtenBefore = this.bytesWritten;
        this.#written = 0;
        throw error;
      });
    return { ask, end: thread.end };
  }
}

/** The series with the seconds of the present minute, which are not in the file. */
function withLater({ slotMs, points }: ArchiveSeries, later: TimedPoints): ArchiveSeries {
  return { slotMs, points: mergeSlots([...points, ...later], slotMs) };
}

function startThread(file: string): ArchiveThread {
  return startRequestThread({
    script: threadScript('archive-thread'),
    options: { workerData: { file }, resourceLimits: MEMORY },
    keepsProcess: false,
    ended: 'the thread of the long history has ended',
  });
}
