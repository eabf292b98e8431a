import { execFile } from 'node:child_process';
import type { Logger } from 'pino';
import type { Service } from '../lifecycle.ts';

export interface SupervisionParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** What stands still that a restart would mend, as a sentence; undefined while all goes on. */
  stuck(): string | undefined;
}

/** Times that the watchdog is fed within its limit. */
const FEEDS = 3;
const NOTIFY_MS = 10_000;

/**
 * Tells systemd that the gateway is up, and from then on that it is alive: only while broker, store and samplers
 * go on. A program does the telling, since Node has no datagrams on Unix sockets: the unit needs NotifyAccess=all.
 */
export function createSupervision({ env, log, stuck }: SupervisionParts): Service {
  let timer: NodeJS.Timeout | undefined;
  let told: string | undefined;
  const notify = (state: string): Promise<void> =>
    new Promise((resolve) => {
      if (!env.NOTIFY_SOCKET) return resolve();
      execFile('systemd-notify', [state], { timeout: NOTIFY_MS }, (error) => {
        if (error && told !== error.message) log.warn({ error }, 'could not tell systemd');
        told = error?.message;
        resolve();
      });
    });
  const feed = (): void => {
    const what = stuck();
    if (what === undefined) void notify('WATCHDOG=1');
    else log.error(`the watchdog is not fed: ${what}`);
  };
  return {
    name: 'supervision',
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
