import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import path from 'node:path';
import type { Logger } from 'pino';
import type { Service } from '../base/lifecycle.ts';

/** A request to the running gateway. */
export type AdminRequest =
  | { readonly ask: 'status' }
  | { readonly ask: 'reload' }
  | { readonly ask: 'acknowledge' }
  | { readonly ask: 'purge'; readonly uplink: string }
  /** Deletes the refused messages of an uplink, or of the broker. */
  | { readonly ask: 'purgeRefused'; readonly uplink: string };

/** Where the socket is while the data folder takes none: systemd makes it for the service. */
const RUN_FOLDER = '/run/cellgate';

/** The places of the socket: the data folder, whose users may send requests; else a name of it in `runFolder`. */
function socketFiles(folder: string, runFolder: string): readonly string[] {
  const id = createHash('sha256').update(path.resolve(folder)).digest('hex').slice(0, 16);
  return [path.join(folder, 'control.sock'), path.join(runFolder, `control-${id}.sock`)];
}

/** Longest request, in characters. */
const LONGEST = 4096;
const TIMEOUT_MS = 10_000;
/** How often the gateway checks whether its socket is in its place. */
const CHECK_MS = 10_000;

interface Open {
  readonly file: string;
  readonly inode: number;
  close(): Promise<void>;
}

/**
 * Answers the verbs of the command line over a Unix socket: one line of JSON in, one out.
 * The gateway also runs on a disk that takes no socket: the socket is in `runFolder` until the disk takes it.
 */
export function createAdminSocket(
  folder: string,
  answer: (request: AdminRequest) => Promise<unknown>,
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

async function listen(
  file: string,
  answer: (request: AdminRequest) => Promise<unknown>,
): Promise<Open> {
  const folder = path.dirname(file);
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o750 });
  rmSync(file, { force: true });
  const server = createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', (more: string) => {
      text += more;
      if (text.length > LONGEST) socket.destroy();
      if (!text.includes('\n')) return;
      const line = text.slice(0, text.indexOf('\n'));
      text = '';
      void reply(line, answer).then((text) => socket.end(`${text}\n`));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(file, resolve);
  });
  chmodSync(file, 0o600);
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return { file, inode: statSync(file).ino, close };
}

async function reply(
  line: string,
  answer: (request: AdminRequest) => Promise<unknown>,
): Promise<string> {
  try {
    return JSON.stringify({ ok: await answer(JSON.parse(line) as AdminRequest) });
  } catch (error) {
    return JSON.stringify({ error: (error as Error).message });
  }
}

/** Sends a request to the gateway of a data folder; undefined if none runs. Throws the error that the gateway returns. */
export async function askGateway(
  folder: string,
  request: AdminRequest,
  runFolder = RUN_FOLDER,
): Promise<unknown> {
  let failure: NodeJS.ErrnoException | undefined;
  for (const file of socketFiles(folder, runFolder)) {
    try {
      const { ok, error } = JSON.parse(await ask(file, request)) as {
        ok?: unknown;
        error?: string;
      };
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

/** Resolves with the answer; rejects with the error of the socket. */
function ask(file: string, request: AdminRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(file);
    let received = '';
    socket.setEncoding('utf8');
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('the gateway does not answer')));
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (more: string) => {
      received += more;
    });
    socket.on('end', () => resolve(received));
    socket.on('error', reject);
  });
}
