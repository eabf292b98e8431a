import { Worker } from 'node:worker_threads';
import { threadScript } from '../base/thread-script.ts';

export type SlowRequest =
  | { readonly kind: 'read'; readonly path: string; readonly limitBytes: number }
  | { readonly kind: 'space'; readonly path: string };

export type SlowReply = {
  readonly text?: string;
  readonly space?: { readonly free: number; readonly total: number };
  readonly failed?: string;
  readonly code?: string;
};

/** A thread that answers one request at a time. */
export interface SlowThread {
  /** Rejects when the thread has ended. */
  ask(request: SlowRequest): Promise<SlowReply>;
  end(): void;
}

/**
 * Files whose reads block for long, such as a thermometer on 1-Wire (0.75 s), or without end, such as a network file system
 * that is gone. Each place (a bus, a chip) has one read at a time, in order; places share a few threads of this process,
 * which nothing else uses: I2C, passwords and host names never wait for them.
 */
export interface SlowFiles {
  /** Rejects with the error of the kernel, with its `code`. */
  ask(place: string, request: SlowRequest): Promise<SlowReply>;
  /** Ends the threads; one that is blocked in the kernel ends when its read does. */
  close(): void;
}

/** Places that are stuck at the same time before others wait for them too. */
const MOST_THREADS = 4;
/** Requests that wait for one place. Each sensor has one at a time, so there are more only in a fault. */
const MOST_WAITING = 256;

interface Job {
  readonly request: SlowRequest;
  resolve(reply: SlowReply): void;
  reject(error: Error): void;
}

/** Starts threads when they are first needed. */
export function createSlowFiles(start: () => SlowThread = startThread): SlowFiles {
  return new ThreadedFiles(start);
}

class ThreadedFiles implements SlowFiles {
  readonly #start: () => SlowThread;
  /** Jobs by place, the place that has waited longest first. */
  readonly #waiting = new Map<string, Job[]>();
  readonly #busy = new Set<string>();
  readonly #idle: SlowThread[] = [];
  readonly #threads = new Set<SlowThread>();
  #closed = false;

  constructor(start: () => SlowThread) {
    this.#start = start;
  }

  ask(place: string, request: SlowRequest): Promise<SlowReply> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error(`${request.path}: the gateway is stopping`));
      const jobs = this.#waiting.get(place) ?? [];
      if (jobs.length >= MOST_WAITING) return reject(new Error(`too many reads wait for ${place}`));
      jobs.push({ request, resolve, reject });
      this.#waiting.set(place, jobs);
      this.#next();
    });
  }

  close(): void {
    this.#closed = true;
    for (const jobs of this.#waiting.values()) {
      for (const { request, reject } of jobs)
        reject(new Error(`${request.path}: the gateway is stopping`));
    }
    this.#waiting.clear();
    for (const thread of this.#threads) thread.end();
  }

  /** Gives a thread to each place that waits and has none. */
  #next(): void {
    for (const [place, jobs] of this.#waiting) {
      if (this.#busy.has(place)) continue;
      let thread: SlowThread | undefined;
      try {
        thread = this.#freeThread();
      } catch (error) {
        this.#waiting.delete(place);
        for (const { reject } of jobs)
          reject(new Error('no thread for slow files', { cause: error }));
        continue;
      }
      if (thread === undefined) return;
      const job = jobs.shift();
      // Behind the other places, for their turn.
      this.#waiting.delete(place);
      if (jobs.length > 0) this.#waiting.set(place, jobs);
      if (job !== undefined) void this.#run(place, job, thread);
    }
  }

  #freeThread(): SlowThread | undefined {
    const idle = this.#idle.pop();
    if (idle !== undefined || this.#threads.size >= MOST_THREADS) return idle;
    const thread = this.#start();
    this.#threads.add(thread);
    return thread;
  }

  async #run(place: string, job: Job, thread: SlowThread): Promise<void> {
    this.#busy.add(place);
    try {
      const reply = await thread.ask(job.request);
      this.#idle.push(thread);
      if (reply.failed === undefined) job.resolve(reply);
      else job.reject(Object.assign(new Error(reply.failed), { code: reply.code }));
    } catch (error) {
      this.#threads.delete(thread);
      job.reject(error instanceof Error ? error : new Error(String(error)));
    }
    this.#busy.delete(place);
    if (!this.#closed) this.#next();
  }
}

/** It holds one file at a time. */
const MEMORY = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

function startThread(): SlowThread {
  const worker = new Worker(threadScript('slow-file-thread'), { resourceLimits: MEMORY });
  let current: Omit<Job, 'request'> | undefined;
  let broken: Error | undefined;
  const fail = (error: Error): void => {
    broken ??= error;
    current?.reject(broken);
    current = undefined;
  };
  // While it has nothing to do, it does not keep the process alive.
  worker.unref();
  worker.on('message', (reply: SlowReply) => {
    worker.unref();
    current?.resolve(reply);
    current = undefined;
  });
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('the thread for slow files has ended')));
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (broken !== undefined) return reject(broken);
        worker.ref();
        current = { resolve, reject };
        worker.postMessage(request);
      }),
    end: () => void worker.terminate(),
  };
}
