import type { Will } from '../../mqtt/connect.ts';
import type { StoredDelayedWill } from '../../store/recovery/load-state.ts';
import type { Store } from '../../store/store.ts';

/** A will that is published: its message, and the time of the stored clock at which that expires. */
export interface DueWill extends Will {
  readonly expiresAt: number | null;
}

export interface DelayedWillsParts {
  readonly store: Pick<Store, 'journal' | 'storedClock'>;
  /** How long the session of an absent client lives, in milliseconds; 0 for none. A will waits no longer. */
  sessionMs(clientId: string): number;
  /** Publishes in this turn, so that one commit deletes the will and stores its messages. */
  publish(will: DueWill, clientId: string): void;
  /** Calls back with every message of the topic until the returned function is called. */
  watch(topic: string, published: () => void): () => void;
}

/** The will of one client: of one that is connected, or of one whose connection has ended. */
interface KeptWill {
  readonly will: Will;
  /** When it is published, in milliseconds of the stored clock; undefined while its client is connected. */
  due: number | undefined;
  /** Set where a message of its topic makes it void. */
  readonly unwatch?: () => void;
}

/** Stored instead of a time while the client is connected. */
const CONNECTED = 0;
const NO_PROPERTIES = new Uint8Array(0);
const NO_EXPIRY = -1;

/**
 * The wills of clients of MQTT 5 [MQTT 5, section 3.1.2.5]. A will is published when its delay has passed after the end of
 * the connection, or when the session ends, whichever is first. A new connection to the session makes it void. Both times
 * are on disk, so a restart changes neither.
 */
export class DelayedWills {
  readonly #parts: DelayedWillsParts;
  readonly #wills = new Map<string, KeptWill>();
  #bytes = 0;
  #stopped = false;

  constructor(parts: DelayedWillsParts) {
    this.#parts = parts;
  }

  /** Of the wills whose clients are absent. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The same of one client. */
  bytesOf(clientId: string): number {
    const kept = this.#wills.get(clientId);
    return kept?.due === undefined ? 0 : willBytes(kept.will);
  }

  /**
   * Takes the wills that the last run has left. A client that was connected then has lost its connection now; after a
   * clean stop it has at least `graceMs` milliseconds to come back, and any message of the will's topic makes it void:
   * the client may be back under another id.
   */
  start(left: readonly StoredDelayedWill[], graceMs: number): void {
    for (const { clientId, due, ...stored } of left) {
      const will = {
        ...stored,
        expiry: stored.expiry === NO_EXPIRY ? undefined : stored.expiry,
        properties: stored.properties.length > 0 ? stored.properties : undefined,
      };
      if (due === CONNECTED) this.#startLost(clientId, will, stored.delay * 1000, graceMs);
      else {
        const kept: KeptWill = { will, due: undefined };
        this.#wills.set(clientId, kept);
        this.#wait(kept, due);
      }
    }
  }

  /** The client was connected until the end of the last run. */
  #startLost(clientId: string, will: Will, willDelayMs: number, graceMs: number): void {
    const delayMs = Math.min(willDelayMs, this.#parts.sessionMs(clientId));
    const unwatch =
      graceMs > 0 ? this.#parts.watch(will.topic, () => this.drop(clientId)) : undefined;
    const kept: KeptWill = { will, due: undefined, ...(unwatch && { unwatch }) };
    this.#wills.set(clientId, kept);
    if (delayMs > graceMs) this.#setDue(clientId, kept, delayMs);
    // Not on disk: a further stop in this time gives its client the time again.
    else if (graceMs > 0) this.#wait(kept, this.#parts.store.storedClock.now() + graceMs);
    // Now: the next connection of this client must not make it void.
    else this.#publish(clientId, will);
  }

  /** The client has connected: the will of its session's last connection is void, and this one is kept. */
  connected(clientId: string, will: Will | undefined): void {
    if (will) {
      this.#remove(clientId);
      this.#wills.set(clientId, { will, due: undefined });
      this.#parts.store.journal.add([
        'putDelayedWill',
        clientId,
        will.topic,
        will.qos,
        will.retain ? 1 : 0,
        Uint8Array.from(will.payload),
        will.properties ? Uint8Array.from(will.properties) : NO_PROPERTIES,
        will.expiry ?? NO_EXPIRY,
        will.delay ?? 0,
        CONNECTED,
      ]);
    } else this.drop(clientId);
  }

  /** The client has disconnected in order: there is no will. */
  drop(clientId: string): void {
    if (this.#remove(clientId)) this.#parts.store.journal.add(['deleteDelayedWill', clientId]);
  }

  /** Without the disk; whether there was one. */
  #remove(clientId: string): boolean {
    const kept = this.#wills.get(clientId);
    if (!kept) return false;
    this.#wills.delete(clientId);
    kept.unwatch?.();
    if (kept.due !== undefined) this.#bytes -= willBytes(kept.will);
    return true;
  }

  /** Its client is absent, until then at the latest. */
  #wait(kept: KeptWill, due: number): void {
    kept.due = due;
    this.#bytes += willBytes(kept.will);
  }

  /** The connection has ended, and the session ends in so many milliseconds if its client does not come back. */
  lost(clientId: string, sessionMs: number): void {
    const kept = this.#wills.get(clientId);
    if (this.#stopped || !kept || kept.due !== undefined) return;
    const delayMs = Math.min((kept.will.delay ?? 0) * 1000, sessionMs);
    if (delayMs > 0) this.#setDue(clientId, kept, delayMs);
    else this.#publish(clientId, kept.will);
  }

  /** The session has ended: a will that waits for its delay is published. */
  sessionEnded(clientId: string): void {
    const kept = this.#wills.get(clientId);
    if (kept?.due !== undefined) this.#publish(clientId, kept.will);
  }

  /** The gateway stops: the end of a connection says nothing about its client. */
  stop(): void {
    this.#stopped = true;
  }

  /** Publishes the wills whose delay has passed; called several times a second. */
  sweep(): void {
    const now = this.#parts.store.storedClock.now();
    let due: [string, KeptWill][] | undefined;
    for (const each of this.#wills) {
      if (each[1].due === undefined || each[1].due > now) continue;
      due ??= [];
      due.push(each);
    }
    if (!due) return;
    // Before the first is published: wills of one topic do not make each other void.
    for (const [, { unwatch }] of due) unwatch?.();
    for (const [clientId, { will }] of due) this.#publish(clientId, will);
  }

  #setDue(clientId: string, kept: KeptWill, delayMs: number): void {
    const due = this.#parts.store.storedClock.now() + delayMs;
    this.#wait(kept, due);
    this.#parts.store.journal.add(['delayedWillDue', due, clientId]);
  }

  #publish(clientId: string, will: Will): void {
    this.drop(clientId);
    const expiresAt =
      will.expiry === undefined ? null : this.#parts.store.storedClock.now() + will.expiry * 1000;
    this.#parts.publish({ ...will, expiresAt }, clientId);
  }
}

/** Bytes in memory, without what each entry of a map takes. */
function willBytes({ topic, payload, properties }: Will): number {
  return Buffer.byteLength(topic) + payload.length + (properties?.length ?? 0);
}
