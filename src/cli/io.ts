import type { EventEmitter } from 'node:events';

/** Where a verb writes lines. */
export interface OutputStream {
  /** `done` is called when the reader has taken the text, or with an error when it has closed its end. */
  write(text: string, done?: (error?: Error | null) => void): unknown;
  readonly isTTY?: boolean | undefined;
  /** Size of the terminal. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

/** The environment of a verb, so that a test can run it in its own process. */
export interface Io {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Emits the signals and, as `process` does, `uncaughtException` and `unhandledRejection`. */
  readonly events: EventEmitter;
  /** Ends the process immediately. */
  exit(code: number): void;
  /** Reports to the parent process that clients can connect, and where. */
  ready(urls: readonly string[]): void;
}

/** The exit codes of every verb. */
export const EXIT = { ok: 0, trouble: 1, usage: 2, notRunning: 3, bug: 70 } as const;

/** The real process. */
export const processIo: Io = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  events: process,
  exit: (code) => process.exit(code),
  ready: (urls) => void process.send?.({ urls }),
};
