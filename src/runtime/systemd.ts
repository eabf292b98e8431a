import { createRequire } from 'node:module';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Service } from '../base/lifecycle.ts';

export interface SystemdParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** One sentence about a part that makes no progress and may do so after a restart; undefined if there is none. */
  stuck(): string | undefined;
}

/** The send function of unix-dgram; it calls the callback before it returns. */
interface Datagrams {
  createSocket(type: 'unix_dgram'): {
    send(bytes: Buffer, offset: number, length: number, path: string, sent: Sent): void;
    close(): void;
  };
}
type Sent = (error?: Error) => void;

/** The watchdog is fed so many times within its limit. */
const FEEDS = 3;
/** systemd reads its socket late while it is busy: the send is repeated for two seconds in total. */
const TRIES = 20;
const RETRY_MS = 100;

/**
 * Notifies systemd that the gateway is up, and then feeds the watchdog, but only while broker, store and samplers
 * make progress. Sent by the main process itself, so that the unit accepts no others (NotifyAccess=main).
 */
export function createSystemd({ env, log, stuck }: SystemdParts): Service {
  let timer: NodeJS.Timeout | undefined;
  let failure: string | undefined;
  const notify = async (state: string): Promise<void> => {
    if (!env.NOTIFY_SOCKET) return;
    try {
      await sendRetrying(env.NOTIFY_SOCKET, state);
      failure = undefined;
    } catch (error) {
      const { message } = error as Error;
      if (failure !== message) log.warn({ err: error }, 'could not notify systemd');
      failure = message;
    }
  };
  const feed = (): void => {
    const reason = stuck();
    if (reason === undefined) void notify('WATCHDOG=1');
    else log.error(`the watchdog is not fed: ${reason}`);
  };
  return {
    name: 'systemd',
    async start() {
      await notify('READY=1');
      const limit = Number(env.WATCHDOG_USEC ?? 0) / 1000;
      if (limit > 0) timer = setInterval(feed, limit / FEEDS);
    },
    async stop() {
      clearInterval(timer);
      await notify('STOPPING=1');
    },
  };
}

/** Sends one datagram; rejects with the last error if systemd does not accept it. */
async function sendRetrying(path: string, state: string): Promise<void> {
  for (let left = TRIES; ; left--) {
    const error = send(path, Buffer.from(state));
    if (!error) return;
    if (left <= 1) throw error;
    await wait(RETRY_MS);
  }
}

/** Node has no datagrams on Unix sockets; the module is loaded only where systemd listens. */
function send(path: string, bytes: Buffer): Error | undefined {
  const datagrams = createRequire(import.meta.url)('unix-dgram') as Datagrams;
  let failed: Error | undefined;
  // A socket for each message: an open socket would prevent the end of the process.
  const socket = datagrams.createSocket('unix_dgram');
  socket.send(bytes, 0, bytes.length, path, (error) => {
    failed = error;
  });
  socket.close();
  return failed;
}
