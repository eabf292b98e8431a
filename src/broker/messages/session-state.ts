import { PacketIdMap } from './packet-id-map.ts';
import type { DropReason, SessionParts } from './session-parts.ts';
import { SubscriptionList } from './subscription-list.ts';

/** Of all sessions that have dropped nothing. Not written. */
const NO_DROPS = new Map<DropReason, number>();

/** What is known of a session besides its messages. */
export abstract class SessionState {
  readonly clientId: string;
  /** Its number on disk; 0 while it is not stored. */
  key: number;
  /** It is on disk. */
  persistent: boolean;
  /** It was on disk when the gateway started. */
  readonly isRestored: boolean;
  /** It subscribes to a group of a shared subscription, or has done so. */
  isMember = false;
  /** How many groups it has joined, also such that it has left. */
  groups = 0;
  readonly subscriptions = new SubscriptionList();
  /** QoS 2 packet identifiers that the client has published and not released, with the digests of their messages. */
  readonly incoming = new PacketIdMap<number>();
  /** The user whose session it is; '' where no client has logged in as one. */
  owner: string;
  /** The address group of its client's last connection; '' where this run has not seen one. */
  address = '';
  /** Its client is a bridge: it gets the retain flag as it was published, and not the messages that it has published. */
  bridge = false;
  /** How long it outlives its connection, in milliseconds; Infinity as long as the config says. */
  expiryMs: number;
  /** When its client disconnected, in milliseconds of `now()`. */
  awaySince: number;
  /** When its client connected, in milliseconds of `now()`; valid while it is connected. */
  onlineSince = 0;
  ended = false;
  /** It has ended, and other members of its groups still get its messages: it is not `ended` for the disk. */
  isLeaving = false;
  /** A client connects with it and has no CONNACK yet. */
  opening = false;
  sent = 0;
  sentOnDisk = 0;
  /**
   * Its client was connected at a crash at this time, and was not before the last start: entries that were queued then,
   * up to this number, may have been sent, though that is not on disk. 0 for none.
   */
  readonly unsureSince: number = 0;
  readonly #unsureUpTo: number = 0;
  readonly deletes = { first: 0, last: 0 };
  /** Messages dropped since the gateway started, by reason. */
  drops: Map<DropReason, number> = NO_DROPS;

  constructor({ context, clientId, key, persistent, stored, expiryMs }: SessionParts) {
    this.clientId = clientId;
    this.isRestored = stored !== undefined;
    this.key = key;
    this.persistent = persistent;
    this.expiryMs = expiryMs;
    this.owner = stored?.owner ?? '';
    this.awaySince = context.now();
    if (!stored) return;
    const { seen } = stored;
    // 0: the gateway crashed while the client was connected; it counts as disconnected now. So does a future time.
    if (seen !== 0) this.awaySince = Math.min(this.awaySince, Math.abs(seen));
    if (seen <= 0) {
      this.unsureSince = this.awaySince;
      this.#unsureUpTo = stored.queue.last;
    }
    this.sent = stored.sent;
    this.sentOnDisk = stored.sent;
  }

  abstract get online(): boolean;

  get label(): string {
    return `client ${this.clientId}`;
  }

  /** Whether the session is no client's any more. */
  get isOver(): boolean {
    return this.ended || this.isLeaving;
  }

  /** Whether an entry may have been sent before a crash. */
  isUnsure(seq: number, at: number): boolean {
    return seq <= this.#unsureUpTo && at <= this.unsureSince;
  }

  /** Whether its client has been disconnected for too long, at this time and with this limit of the config. */
  isExpired(now: number, limitMs: number): boolean {
    return !this.online && !this.opening && now - this.awaySince > Math.min(limitMs, this.expiryMs);
  }

  protected countDrops(reason: DropReason, count: number): void {
    if (this.drops === NO_DROPS) this.drops = new Map();
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + count);
  }

  /** Puts a session that ends with its connection on disk under this number, with what is queued from now on. */
  store(key: number): void {
    this.key = key;
    this.persistent = true;
  }
}
