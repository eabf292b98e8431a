import { createInterface } from 'node:readline/promises';
import type { Drivers } from '../driver-kit/driver.ts';
import { askGateway } from '../runtime/admin-socket.ts';
import {
  exportQueue,
  listQueues,
  purgeQueue,
  type QueueSummary,
} from '../store/admin/queue-admin.ts';
import { type ConfigOption, withData } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

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
    if (action === 'list') list(folder, options.session, io);
    else {
      for (const message of exportQueue(folder, options.session)) {
        io.stdout.write(`${JSON.stringify(message)}\n`);
      }
    }
    return EXIT.ok;
  });
}

function list(folder: string, session: string | undefined, io: Io): void {
  const queues = listQueues(folder).filter((one) => !session || one.session === session);
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
  const found = listQueues(folder).find((one) => one.session === session);
  if (!found) {
    io.stderr.write(`cellgate: there is no queue of ${session} (see queue list)\n`);
    return EXIT.trouble;
  }
  if (!options.yes && !(await agrees(`Delete ${found.messages} messages for ${session}?`, io))) {
    io.stderr.write('cellgate: nothing was deleted; --yes deletes without asking\n');
    return EXIT.trouble;
  }
  io.stdout.write(`${await deleteQueue(folder, found)} messages deleted\n`);
  return EXIT.ok;
}

async function deleteQueue(folder: string, { session, messages }: QueueSummary): Promise<number> {
  const [, kind, uplink] = /^(uplink|refused)\/(.+)$/.exec(session) ?? [];
  if (kind === 'uplink' && uplink !== undefined) {
    const purged = await askGateway(folder, { ask: 'purge', uplink });
    if (purged !== undefined) return purged as number;
  } else if (kind === 'refused' && uplink !== undefined) {
    if ((await askGateway(folder, { ask: 'purgeRefused', uplink })) !== undefined) return messages;
  } else if ((await askGateway(folder, { ask: 'status' })) !== undefined) {
    throw new Error(`the queue of ${session} can be purged while the gateway does not run`);
  }
  return purgeQueue(folder, session);
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
