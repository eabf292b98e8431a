import type { StoredWill } from '../../store/recovery/load-state.ts';
import type { LocalMessage } from '../messages/local-message.ts';

export interface KeptWillsParts {
  publish(will: LocalMessage, clientId: string): void;
  /** Deletes the will of this client id on disk. */
  forget(clientId: string): void;
  /** Calls back with every message of the topic until the returned function is called. */
  watch(topic: string, published: () => void): () => void;
}

/** An id that aedes has assigned to a client without one: in MQTT 3.1.1 the client does not learn it. */
const ASSIGNED_ID = /^aedes_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The wills that the last run has left. After a crash they are published at once, because their clients were lost with
 * it. After a clean stop a will waits for its client, unless no client can come back with its id. A client that comes
 * back, or any message of the will's topic, makes the will void: the topic then has something later to say.
 */
export class KeptWills {
  readonly #parts: KeptWillsParts;
  readonly #waiting = new Map<string, { will: StoredWill; unwatch(): void }>();
  #grace: NodeJS.Timeout | undefined;

  constructor(parts: KeptWillsParts) {
    this.#parts = parts;
  }

  /** Publishes at once, or after `graceMs` milliseconds those whose clients have not come back. */
  start(left: readonly StoredWill[], graceMs: number): void {
    const waits = ({ clientId }: StoredWill): boolean => graceMs > 0 && !ASSIGNED_ID.test(clientId);
    // First: what is published here must not make the wills void that wait.
    for (const will of left) if (!waits(will)) this.#publish(will);
    for (const will of left) {
      if (!waits(will)) continue;
      const unwatch = this.#parts.watch(will.topic, () => this.drop(will.clientId));
      this.#waiting.set(will.clientId, { will, unwatch });
    }
    if (this.#waiting.size > 0) this.#grace = setTimeout(() => this.#publishWaiting(), graceMs);
  }

  /** The will of this client id is void. */
  drop(clientId: string): void {
    const kept = this.#waiting.get(clientId);
    if (!kept) return;
    this.#waiting.delete(clientId);
    kept.unwatch();
    this.#parts.forget(clientId);
  }

  /** Those that still wait stay on disk for the next start. */
  stop(): void {
    clearTimeout(this.#grace);
  }

  #publishWaiting(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    // Before the first is published: wills of one topic do not make each other void.
    for (const { unwatch } of waiting) unwatch();
    for (const { will } of waiting) this.#publish(will);
  }

  #publish({ clientId, ...will }: StoredWill): void {
    this.#parts.publish(will, clientId);
    this.#parts.forget(clientId);
  }
}
