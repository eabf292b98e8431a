import { createInterface } from 'node:readline/promises';
import type { Drivers } from '../driver-kit/driver.ts';
import type { Purged } from '../runtime/admin-requests.ts';
import {
  exportQueue,
  listQueues,
  purgeQueue,
  type QueuedMessage,
  type QueueSummary,
} from '../store/admin/queue-admin.ts';
import { ask } from './ask.ts';
import { type ConfigOption, withData } from './config-file.ts';
import { EXIT, type Io } from './io.ts';
import { writePaced } from './paced-output.ts';

/** What `queue` can do. */
export type QueueAction = 'list' | 'export' | 'purge';

export interface QueueOption extends ConfigOption {
  readonly session?: string | undefined;
  readonly yes?: boolean | undefined;
}

/** `queue list|export|purge`: the messages that are queued for sessions and uplinks. */
export function queue(
  action: QueueAction,
  options: QueueOption,
  io: Io,
  drivers: Drivers,
): Promise<number> {
  return withData(options, io, drivers, async (folder) => {
    if (action === 'purge') return purge(folder, options, io);
    const { session } = options;
    if (session !== undefined && !isThere(folder, session)) return unknown(session, io);
    if (action === 'list') list(folder, session, io);
    else await writePaced(lines(exportQueue(folder, session)), io.stdout);
    return EXIT.ok;
  });
}

/** Whether it has a queue, or is the refused messages of an uplink, which may be none. */
function isThere(folder: string, session: string): boolean {
  const [, uplink] = /^refused\/(.+)$/.exec(session) ?? [];
  if (listQueues(folder, session).length > 0) return true;
  return uplink !== undefined && listQueues(folder, `uplink/${uplink}`).length > 0;
}

function unknown(session: string, io: Io): number {
  io.stderr.write(`cellgate: there is no queue of ${session} (see queue list)\n`);
  return EXIT.trouble;
}

function* lines(messages: Iterable<QueuedMessage>): Iterable<string> {
  for (const message of messages) yield `${JSON.stringify(message)}\n`;
}

function list(folder: string, session: string | undefined, io: Io): void {
  const queues = listQueues(folder, session);
  if (queues.length === 0) io.stdout.write('no messages are queued\n');
  for (const { session: name, messages, bytes, oldest } of queues) {
    const since = oldest === null ? '' : `, since ${new Date(oldest).toISOString()}`;
    io.stdout.write(`${name}: ${messages} messages, ${bytes} bytes${since}\n`);
  }
}

async function purge(folder: string, options: QueueOption, io: Io): Promise<number> {
  const { session } = options;
  if (!session) {
    io.stderr.write('cellgate: name a queue with --session NAME (see queue list)\n');
    return EXIT.usage;
  }
  const [found] = listQueues(folder, session);
  if (!found) return unknown(session, io);
  if (!options.yes && !(await agrees(`Delete ${found.messages} messages for ${session}?`, io))) {
    io.stderr.write('cellgate: nothing was deleted; --yes deletes without asking\n');
    return EXIT.trouble;
  }
  const { deleted, inFlight } = await deleteQueue(folder, found, io);
  const left = inFlight === 0 ? '' : `, ${inFlight} in flight stay`;
  io.stdout.write(`${deleted} messages deleted${left}\n`);
  return EXIT.ok;
}

/** By the gateway where one runs, else on disk. */
async function deleteQueue(
  folder: string,
  { session, messages }: QueueSummary,
  io: Io,
): Promise<Purged> {
  const [, kind, uplink] = /^(uplink|refused)\/(.+)$/.exec(session) ?? [];
  if (kind === 'uplink' && uplink !== undefined) {
    const purged = await ask(folder, { ask: 'purge', uplink }, io);
    if (purged !== undefined) return purged as Purged;
  } else if (kind === 'refused' && uplink !== undefined) {
    if ((await ask(folder, { ask: 'purgeRefused', uplink }, io)) !== undefined) {
      return { deleted: messages, inFlight: 0 };
    }
  } else {
    const purged = await ask(folder, { ask: 'purgeSession', clientId: session }, io);
    if (purged !== undefined) return purged as Purged;
  }
  return { deleted: purgeQueue(folder, session), inFlight: 0 };
}

async function agrees(question: string, io: Io): Promise<boolean> {
  if (io.stdout.isTTY !== true || process.stdin.isTTY !== true) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test(await terminal.question(`${question} [y/N] `));
  } finally {
    terminal.close();
  }
}
