import { chmodSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import path from 'node:path';
import type { Logger } from 'pino';
import type { Service } from '../base/lifecycle.ts';

/** A request to the running gateway. */
export type AdminRequest =
  | { readonly ask: 'status' }
  | { readonly ask: 'reload' }
  | { readonly ask: 'purge'; readonly uplink: string };

/** The socket inside the data folder: a user who may read the data may send requests. */
function socketFile(folder: string): string {
  return path.join(folder, 'control.sock');
}

/** Longest request, in characters. */
const LONGEST = 4096;
const TIMEOUT_MS = 10_000;
const RETRY_MS = 10_000;

/**
 * Answers the verbs of the command line over a Unix socket: one line of JSON in, one out.
 * The gateway also runs on a disk without room for the socket's name; it then tries again until there is room.
 */
export function createAdminSocket(
  folder: string,
  answer: (request: AdminRequest) => Promise<unknown>,
  log: Logger,
): Service {
  let server: Server | undefined;
  let again: NodeJS.Timeout | undefined;
  let failed = false;
  const open = async (): Promise<void> => {
    try {
      server = await listen(socketFile(folder), answer);
      if (failed) log.info('the command line can ask this gateway again');
    } catch (error) {
      if (!failed)
        log.warn({ error }, 'the command line can not ask this gateway: no control socket');
      failed = true;
      again = setTimeout(() => void open(), RETRY_MS);
    }
  };
  return {
    name: 'admin socket',
    start: open,
    async stop() {
      clearTimeout(again);
      await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    },
  };
}

async function listen(
  file: string,
  answer: (request: AdminRequest) => Promise<unknown>,
): Promise<Server> {
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
  return server;
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
export async function askGateway(folder: string, request: AdminRequest): Promise<unknown> {
  const text = await new Promise<string | undefined>((resolve, reject) => {
    const socket = createConnection(socketFile(folder));
    let received = '';
    socket.setEncoding('utf8');
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('the gateway does not answer')));
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (more: string) => {
      received += more;
    });
    socket.on('end', () => resolve(received));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(new Error(`could not ask the gateway: ${error.message}`, { cause: error }));
    });
  });
  if (text === undefined) return undefined;
  const { ok, error } = JSON.parse(text) as { ok?: unknown; error?: string };
  if (error !== undefined) throw new Error(error);
  return ok;
}
