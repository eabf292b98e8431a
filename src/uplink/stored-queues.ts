import { OWN_SESSION } from '../broker/messages/sessions.ts';
import type { StoredSession } from '../store/recovery/load-state.ts';

/** Names in a sentence. */
const NAMES = 5;

/** Messages for an uplink that is not in the config. */
export interface Unclaimed {
  readonly uplink: string;
  readonly messages: number;
}

/** The queues of uplinks that the last run has left on disk, until their uplink takes them. */
export class StoredQueues {
  readonly #byUplink = new Map<string, StoredSession[]>();
  readonly #end: (key: number) => void;

  /** `end` deletes an empty queue, by its number. */
  constructor(sessions: readonly StoredSession[], end: (key: number) => void) {
    for (const session of sessions) {
      const uplink = uplinkOf(session);
      if (uplink === undefined) continue;
      const queues = this.#byUplink.get(uplink);
      if (queues) queues.push(session);
      else this.#byUplink.set(uplink, [session]);
    }
    this.#end = end;
  }

  /** Deletes the empty queues that no uplink has taken. */
  endEmpty(): void {
    for (const [uplink, queues] of this.#byUplink) {
      for (const { key, queue } of queues) if (queue.count === 0) this.#end(key);
      const full = queues.filter(({ queue }) => queue.count > 0);
      if (full.length > 0) this.#byUplink.set(uplink, full);
      else this.#byUplink.delete(uplink);
    }
  }

  /** The queues of one uplink; they are here no more. */
  take(uplink: string): readonly StoredSession[] {
    const queues = this.#byUplink.get(uplink) ?? [];
    this.#byUplink.delete(uplink);
    return queues;
  }

  /** What is left. */
  get unclaimed(): readonly Unclaimed[] {
    return [...this.#byUplink].map(([uplink, queues]) => ({
      uplink,
      messages: queues.reduce((sum, { queue }) => sum + queue.count, 0),
    }));
  }

  /** Deletes the messages for this uplink; returns their number. */
  purge(uplink: string): number {
    let purged = 0;
    for (const { key, queue } of this.take(uplink)) {
      purged += queue.count;
      this.#end(key);
    }
    return purged;
  }
}

function uplinkOf({ clientId }: StoredSession): string | undefined {
  if (!clientId.startsWith(OWN_SESSION)) return undefined;
  return /^\0uplink\/([^/]*)\//.exec(clientId)?.[1];
}

/** A sentence about messages that wait for uplinks which are not in the config; undefined without any. */
export function describeUnclaimed(unclaimed: readonly Unclaimed[]): string | undefined {
  if (unclaimed.length === 0) return undefined;
  const messages = unclaimed.reduce((sum, one) => sum + one.messages, 0);
  const more = unclaimed.length > NAMES ? ' and others' : '';
  const names = unclaimed
    .slice(0, NAMES)
    .map(({ uplink }) => uplink)
    .join(', ');
  return `${messages} messages wait for uplinks that are not in the config (${names}${more}): add the uplink again, or cellgate queue purge --session uplink/${unclaimed[0]!.uplink}`;
}
