import { fstatSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Logger, pino } from 'pino';
import { isSecretKey } from './secrets.ts';

/** The destination of the lines: standard output, or a test's own. */
export interface LogSink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** The file descriptor, if it has one. */
  readonly fd?: number | undefined;
}

/** The levels of systemd's journal, which reads the number in front of a line. */
const PRIORITIES: Readonly<Record<string, number>> = { fatal: 2, error: 3, warn: 4, info: 6 };
const DEBUG = 7;

/** A line of the log, numbered since the start. */
export interface NumberedLine {
  readonly number: number;
  /** The logged JSON. */
  readonly line: string;
}

/** The last lines of the log in memory, for the page. */
export interface LogTail {
  keep(line: string): void;
  /** The lines after this number, oldest first. */
  after(number: number): NumberedLine[];
}

const TAIL_LINES = 300;
const TAIL_LINE = 4096;

/** A tail without lines. It keeps at most 300; a line that is too long is left out. */
export function createLogTail(): LogTail {
  let lines: NumberedLine[] = [];
  let count = 0;
  return {
    keep(line) {
      count++;
      if (line.length > TAIL_LINE) return;
      lines.push({ number: count, line: line.trimEnd() });
      if (lines.length >= 2 * TAIL_LINES) lines = lines.slice(-TAIL_LINES);
    },
    after: (number) => lines.slice(-TAIL_LINES).filter((line) => line.number > number),
  };
}

/** Objects are logged to this depth, which also ends circular references. */
const DEPTH = 6;

/**
 * Logs JSON lines, or lines for people on a terminal that is not systemd's journal.
 * Writes before it returns, so that the last line before a crash is not lost. Values are hidden if their key names a secret.
 */
export function createLog(
  level: string,
  sink: LogSink,
  env: Readonly<Record<string, string | undefined>>,
  tail?: LogTail,
): Logger {
  const people = sink.isTTY === true && !env.JOURNAL_STREAM;
  const format = people ? createFormat(usesColour(sink, env)) : undefined;
  const journal = isJournal(sink, env);
  const log: Logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: (error: Error) => errorFields(error, log.isLevelEnabled('debug')) },
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => blank(fields, 0) as Record<string, unknown>,
      },
    },
    {
      write(line: string) {
        tail?.keep(line);
        if (journal) sink.write(`<${priorityOf(line)}>${line}`);
        else sink.write(format ? format(line) : line);
      },
    },
  );
  // pino hands the bindings of a child to no formatter; children inherit this method.
  const { child } = log;
  const children: WeakRef<{ level: string }>[] = [];
  log.child = function (this: Logger, bindings: object, options?: object) {
    const made = child.call(this, blank(bindings, 0) as object, options);
    children.push(new WeakRef(made));
    return made;
  } as typeof child;
  families.set(log, children);
  return log;
}

/** The name of a fault of a bus or a line. Its sentence says all; a stack of the gateway would look like a defect of it. */
const BUS_ERROR = 'BusError';

function errorFields(error: Error, withStack: boolean): object {
  const fields = pino.stdSerializers.err(error);
  if (withStack || error?.name !== BUS_ERROR) return fields;
  return { type: fields.type, message: fields.message };
}

/** Loaded only if the log is for a terminal. */
function createFormat(colorize: boolean): (line: string) => string {
  const { prettyFactory } = createRequire(import.meta.url)(
    'pino-pretty',
  ) as typeof import('pino-pretty');
  return prettyFactory({
    colorize,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
  });
}

/** Whether the output goes to systemd's journal: a child process of a service may write elsewhere. */
function isJournal({ fd }: LogSink, env: Readonly<Record<string, string | undefined>>): boolean {
  if (fd === undefined || !env.JOURNAL_STREAM) return false;
  const { dev, ino } = fstatSync(fd);
  return env.JOURNAL_STREAM === `${dev}:${ino}`;
}

function priorityOf(line: string): number {
  const [, level = ''] = /^\{"level":"([a-z]+)"/.exec(line) ?? [];
  return PRIORITIES[level] ?? DEBUG;
}

/** The children of each log that `createLog` made. */
const families = new WeakMap<Logger, WeakRef<{ level: string }>[]>();

/** Sets the lowest level that the log and its children write. */
export function setLevel(log: Logger, level: string): void {
  log.level = level;
  const children = families.get(log) ?? [];
  const alive = children.filter((child) => child.deref() !== undefined);
  children.splice(0, children.length, ...alive);
  for (const child of alive) {
    const one = child.deref();
    if (one) one.level = level;
  }
}

/** Colours only on a terminal, and not when `NO_COLOR` is set. */
export function usesColour(
  sink: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return sink.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

function blank(value: unknown, depth: number): unknown {
  if (Array.isArray(value)) return depth < DEPTH ? value.map((one) => blank(one, depth + 1)) : '…';
  if (!isPlain(value)) return value;
  if (depth >= DEPTH) return '…';
  const entries = Object.entries(value).map(([key, one]) => [
    key,
    isSecretKey(key) ? '[redacted]' : blank(one, depth + 1),
  ]);
  return Object.fromEntries(entries);
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
