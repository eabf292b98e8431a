import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Service } from '../base/lifecycle.ts';

/** What the process uses; parameters, so that a test has its own. */
export interface ProcessUse {
  /** Milliseconds on the monotonic clock. */
  now(): number;
  /** Milliseconds of processor time since the start. */
  cpuMs(): number;
  /** Resident bytes. */
  rss(): number;
  /** Collects all garbage. */
  collect(): void;
}

/** Of this process. */
export const ownUse: ProcessUse = {
  now: () => performance.now(),
  cpuMs() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  rss: () => process.memoryUsage.rss(),
  collect() {
    // Node has the function only in contexts that are made while V8 has this flag.
    setFlagsFromString('--expose-gc');
    const collect: unknown = runInNewContext('globalThis.gc');
    setFlagsFromString('--no-expose-gc');
    if (typeof collect === 'function') collect();
  },
};

const POLL_MS = 5000;
/** The share of one processor below which the gateway is idle. */
const IDLE_SHARE = 0.08;
/** So many polls must find it idle: half a minute. */
const IDLE_POLLS = 6;
/** A collection is made where the process has grown by so much since the one before. */
const GROWTH_BYTES = 4 * 1024 ** 2;

/**
 * Gives memory back after a load: without one V8 collects no garbage, so that what a load has left stays. The collection
 * takes some ten milliseconds, once after each load and once after the start.
 */
export class IdleMemory implements Service {
  readonly name = 'idle memory';
  readonly #use: ProcessUse;
  #timer: NodeJS.Timeout | undefined;
  /** At the last poll. */
  #at = 0;
  #cpuMs = 0;
  #idlePolls = 0;
  /** Resident bytes after the last collection. */
  #rest = 0;

  constructor(use: ProcessUse = ownUse) {
    this.#use = use;
  }

  async start(): Promise<void> {
    this.#at = this.#use.now();
    this.#cpuMs = this.#use.cpuMs();
    this.#timer = setInterval(() => this.poll(), POLL_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }

  poll(): void {
    const [at, cpuMs] = [this.#use.now(), this.#use.cpuMs()];
    const isIdle = cpuMs - this.#cpuMs < (at - this.#at) * IDLE_SHARE;
    this.#at = at;
    this.#cpuMs = cpuMs;
    this.#idlePolls = isIdle ? this.#idlePolls + 1 : 0;
    if (this.#idlePolls < IDLE_POLLS) return;
    this.#idlePolls = 0;
    if (this.#use.rss() < this.#rest + GROWTH_BYTES) return;
    this.#use.collect();
    this.#rest = this.#use.rss();
  }
}
