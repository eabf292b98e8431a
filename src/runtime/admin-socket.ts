import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import path from 'node:path';
import type { Logger } from 'pino';
import type { AlarmCommand } from '../alarms/alarm-command.ts';
import type { Service } from '../base/lifecycle.ts';

/** A request to the running gateway. */
export type AdminRequest =
  | { readonly ask: 'status' }
  | { readonly ask: 'reload' }
  /** The last lines of the log. */
  | { readonly ask: 'log' }
  | { readonly ask: 'acknowledge' }
  | { readonly ask: 'purge'; readonly uplink: string }
  /** Deletes what is queued for a client with a stored session. */
  | { readonly ask: 'purgeSession'; readonly clientId: string }
  | { readonly ask: 'set'; readonly name: string; readonly value: string; readonly by: string }
  | { readonly ask: 'simulate'; readonly name: string; readonly what: string }
  | { readonly ask: 'alarms' }
  | { readonly ask: 'alarm'; readonly id: string; readonly command: AlarmCommand }
  /** Deletes the refused messages of an uplink, or of the broker. */
  | { readonly ask: 'purgeRefused'; readonly uplink: string };

/** Answers a request. `progress` gets a sentence about how far it is, as often as there is news. */
export type AdminAnswer = (
  request: AdminRequest,
  progress: (sentence: string) => void,
) => Promise<unknown>;

/** Where the socket is while the data folder takes none: systemd makes it for the service. */
const RUN_FOLDER = '/run/cellgate';

/** The places of the socket: the data folder, whose users may send requests; else a name of it in `runFolder`. */
function socketFiles(folder: string, runFolder: string): readonly string[] {
  const id = createHash('sha256').update(path.resolve(folder)).digest('hex').slice(0, 16);
  return [path.join(folder, 'control.sock'), path.join(runFolder, `control-${id}.sock`)];
}

/** Longest request, in characters: a client id of 65,535 bytes, each of them escaped, and more. */
const LONGEST = 400_000;
/** How long a side waits for the other to write. */
const TIMEOUT_MS = 10_000;
/** How often a gateway that works on a request says so. */
const PROGRESS_MS = 500;
/** How often the gateway checks whether its socket is in its place. */
const CHECK_MS = 10_000;

interface Open {
  readonly file: string;
  readonly inode: number;
  close(): Promise<void>;
}

/**
 * Answers the verbs of the command line over a Unix socket: one line of JSON in; out are lines with the progress while
 * the gateway works on it, and the answer.
 * The gateway also runs on a disk that takes no socket: the socket is in `runFolder` until the disk takes it.
 */
export function createAdminSocket(
  folder: string,
  answer: AdminAnswer,
  log: Logger,
  runFolder = RUN_FOLDER,
): Service {
  const files = socketFiles(folder, runFolder);
  let open: Open | undefined;
  let timer: NodeJS.Timeout | undefined;
  let reported: string | undefined;

  /** Opens the first that is possible, and closes one in a worse place. */
  const openBest = async (): Promise<void> => {
    let failure: unknown;
    for (const file of files) {
      if (open?.file === file && isThere(open)) return;
      try {
        if (open?.file === file) await open.close();
        const next = await listen(file, answer);
        await open?.close();
        open = next;
        report(file);
        return;
      } catch (error) {
        failure ??= error;
      }
    }
    open = undefined;
    if (reported !== 'none')
      log.warn({ err: failure }, 'the command line can not ask this gateway: no control socket');
    reported = 'none';
  };
  const report = (file: string): void => {
    if (reported === 'none') log.info('the command line can ask this gateway again');
    else if (file !== files[0]) log.warn({ file }, 'the data folder takes no control socket');
    reported = file;
  };
  const check = async (): Promise<void> => {
    await openBest();
    timer = setTimeout(() => void check(), CHECK_MS);
    timer.unref();
  };
  return {
    name: 'admin socket',
    start: check,
    async stop() {
      clearTimeout(timer);
      await open?.close();
    },
  };
}

/** Whether the name still leads to the socket. */
function isThere({ file, inode }: Open): boolean {
  return statSync(file, { throwIfNoEntry: false })?.ino === inode;
}

async function listen(file: string, answer: AdminAnswer): Promise<Open> {
  const folder = path.dirname(file);
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o750 });
  rmSync(file, { force: true });
  const server = createServer((socket) => take(socket, answer));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(file, resolve);
  });
  chmodSync(file, 0o600);
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return { file, inode: statSync(file).ino, close };
}

/** Reads the request of a connection, and answers it. */
function take(socket: Socket, answer: AdminAnswer): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
  socket.on('error', () => undefined);
  const receive = (more: string): void => {
    text += more;
    const end = text.indexOf('\n');
    if (end < 0 && text.length <= LONGEST) return;
    socket.off('data', receive);
    socket.resume();
    const line = end < 0 ? undefined : text.slice(0, end);
    void reply(line, answer, (written) => void socket.write(`${written}\n`)).then((last) =>
      socket.end(`${last}\n`),
    );
  };
  socket.on('data', receive);
}

/** Resolves with the last line; `write` gets a line twice a second before that. */
async function reply(
  line: string | undefined,
  answer: AdminAnswer,
  write: (line: string) => void,
): Promise<string> {
  let progress = '';
  const timer = setInterval(() => write(JSON.stringify({ progress })), PROGRESS_MS);
  try {
    if (line === undefined || line.length > LONGEST)
      throw new Error(`the request is longer than ${LONGEST} characters`);
    const ok = await answer(JSON.parse(line) as AdminRequest, (sentence) => {
      progress = sentence;
    });
    return JSON.stringify({ ok });
  } catch (error) {
    return JSON.stringify({ error: (error as Error).message });
  } finally {
    clearInterval(timer);
  }
}

/**
 * Sends a request to the gateway of a data folder; undefined if none runs. `progress` gets a sentence while the gateway
 * works, which may be empty. Throws the error that the gateway returns.
 */
export async function askGateway(
  folder: string,
  request: AdminRequest,
  runFolder = RUN_FOLDER,
  progress: (sentence: string) => void = () => undefined,
): Promise<unknown> {
  let failure: NodeJS.ErrnoException | undefined;
  for (const file of socketFiles(folder, runFolder)) {
    try {
      const { ok, error } = await ask(file, request, progress);
      if (error !== undefined) throw new Error(error);
      return ok;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      if (!NOT_LISTENING.has(code)) failure ??= error as NodeJS.ErrnoException;
    }
  }
  if (!failure) return undefined;
  throw new Error(`could not ask the gateway: ${failure.message}`, { cause: failure });
}

/** What connecting fails with where no gateway listens; EINVAL: the path is too long for a socket. */
const NOT_LISTENING: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'EINVAL']);

interface Answer {
  readonly ok?: unknown;
  readonly error?: string;
  readonly progress?: string;
}

/** Resolves with the answer; rejects with the error of the socket, or where it ends without an answer. */
function ask(
  file: string,
  request: AdminRequest,
  progress: (sentence: string) => void,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(file);
    let received = '';
    const receive = (line: string): void => {
      const answer = JSON.parse(line) as Answer;
      if (answer.progress === undefined) resolve(answer);
      else progress(answer.progress);
    };
    socket.setEncoding('utf8');
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('the gateway does not answer')));
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (more: string) => {
      received += more;
      if (!more.includes('\n')) return;
      const lines = received.split('\n');
      received = lines.pop()!;
      try {
        for (const line of lines) receive(line);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    // Without an effect after the answer.
    socket.on('close', () => reject(new Error('the gateway has ended without an answer')));
    socket.on('error', reject);
  });
}
