import { type TransferListItem, Worker, type WorkerOptions } from 'node:worker_threads';

/** A worker thread that gives one reply to each request, in their order. */
export interface RequestThread<Request, Reply> {
  /** Rejects when the thread has ended; `moved` is moved to the thread and not copied. */
  ask(request: Request, moved?: readonly TransferListItem[]): Promise<Reply>;
  /** Sends what has no reply: where the thread has ended, the next request says so. */
  send(request: Request, moved?: readonly TransferListItem[]): void;
  /** Ends the thread within so many milliseconds. */
  end(ms: number): Promise<void>;
}

export interface RequestThreadParts {
  readonly script: URL;
  readonly options: WorkerOptions;
  /** Whether the process stays alive for this thread. */
  readonly keepsProcess: boolean;
  /** The sentence of the error once the thread has ended. */
  readonly ended: string;
}

/** Starts the thread. Throws where the system has no room for another one. */
export function startRequestThread<Request, Reply>({
  script,
  options,
  keepsProcess,
  ended,
}: RequestThreadParts): RequestThread<Request, Reply> {
  const worker = new Worker(script, options);
  if (!keepsProcess) worker.unref();
  const waiting: { resolve(reply: Reply): void; reject(error: Error): void }[] = [];
  let broken: Error | undefined;
  const fail = (error: Error): void => {
    broken ??= error;
    for (const { reject } of waiting.splice(0)) reject(broken);
  };
  worker.on('message', (reply: Reply) => waiting.shift()?.resolve(reply));
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error(ended)));
  return {
    ask: (request, moved = []) =>
      new Promise((resolve, reject) => {
        if (broken) return reject(broken);
        // First: where it throws, there will be no reply.
        worker.postMessage(request, moved);
        waiting.push({ resolve, reject });
      }),
    send: (request, moved = []) => worker.postMessage(request, moved),
    async end(ms) {
      const late = new Promise<void>((resolve) => setTimeout(resolve, ms).unref());
      await Promise.race([worker.terminate(), late]);
    },
  };
}
