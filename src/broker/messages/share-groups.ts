import type { Faults } from '../../base/faults.ts';
import type { Qos, SubscriptionOptions } from '../../mqtt/codec.ts';
import type { Router } from './router.ts';
import type { Session } from './session.ts';
import { ShareGroup } from './share-group.ts';
import { ShareMoves } from './share-moves.ts';

export interface ShareGroupsParts {
  readonly router: Router;
  readonly faults: Faults;
  readonly limits: { readonly absentQueueBytes: number };
  /** Whether commits fail: nothing is moved on disk. */
  diskFails(): boolean;
  /** Puts a session on disk that ends with its connection. */
  store(session: Session): void;
  /** The messages of a session that has ended are with other members: deletes it. */
  finish(session: Session): void;
  now(): number;
}

/** The groups of all shared subscriptions, and what their members leave behind. */
export class ShareGroups {
  /** Subscriptions of members, and bytes of their filters; the router counts each group besides. */
  readonly members = { count: 0, bytes: 0 };
  readonly #parts: ShareGroupsParts;
  readonly #groups = new Map<string, ShareGroup>();
  readonly #byNumber = new Map<number, ShareGroup>();
  readonly #of = new Map<Session, Set<ShareGroup>>();
  readonly #moves: ShareMoves;

  constructor(parts: ShareGroupsParts) {
    this.#parts = parts;
    this.#moves = new ShareMoves({ ...parts, groupOf: (number) => this.#byNumber.get(number) });
  }

  /** Groups with a member. */
  get count(): number {
    return this.#groups.size;
  }

  get groups(): Iterable<ShareGroup> {
    return this.#groups.values();
  }

  /** In how many groups a session is a member. */
  countOf(session: Session): number {
    return this.#of.get(session)?.size ?? 0;
  }

  /** A member subscribes, or subscribes again with other options. `filter` is the whole one, with the share name. */
  join(filter: string, session: Session, qos: Qos, options?: SubscriptionOptions): void {
    const { router } = this.#parts;
    const group = this.#groups.get(filter) ?? this.#create(filter);
    if (!group.has(session)) {
      this.members.count++;
      session.groups++;
      this.members.bytes += Buffer.byteLength(filter);
    }
    const wasPersistent = group.persistent;
    group.join(session, qos, options);
    const groups = this.#of.get(session) ?? new Set();
    this.#of.set(session, groups.add(group));
    session.isMember = true;
    // Where one member's session outlives its connection, the messages of the others survive a crash, for that member.
    if (group.persistent) this.#store(wasPersistent ? [session] : group.sessions);
    // Also for a known group: whether it is persistent may have changed.
    router.subscribe(group.topicFilter, group, 2);
    if (session.online) this.#moves.takeFromAbsent(group);
  }

  #create(filter: string): ShareGroup {
    const group = new ShareGroup(filter);
    this.#groups.set(filter, group);
    this.#byNumber.set(group.number, group);
    return group;
  }

  #store(sessions: Iterable<Session>): void {
    for (const session of sessions) {
      if (!session.persistent && !session.isOver) this.#parts.store(session);
    }
  }

  /** A member unsubscribes, or its session has ended. */
  leave(filter: string, session: Session): void {
    const group = this.#groups.get(filter);
    if (!group?.has(session)) return;
    const { router } = this.#parts;
    this.members.count--;
    this.members.bytes -= Buffer.byteLength(filter);
    group.leave(session);
    const groups = this.#of.get(session)!;
    groups.delete(group);
    if (groups.size === 0) this.#of.delete(session);
    if (group.size > 0) return router.forgetRoutes();
    router.unsubscribe(group.topicFilter, group);
    this.#groups.delete(filter);
    if (this.#byNumber.get(group.number) === group) this.#byNumber.delete(group.number);
  }

  /** A member's client has connected: it gets what others can't deliver. */
  came(session: Session): void {
    this.#moves.remove(session);
    for (const group of this.#of.get(session) ?? []) {
      group.place(session);
      this.#moves.takeFromAbsent(group);
    }
  }

  /** A member's client has gone: others get what it was not sent. */
  went(session: Session): void {
    for (const group of this.#of.get(session) ?? []) group.place(session);
    if (!session.isOver) this.#moves.add(session);
  }

  /** A member has nothing more to be sent. */
  idle(): void {
    if (this.#moves.isWaiting) this.#moves.kick();
  }

  /** Whether the session that ends may have messages for others. */
  mayHaveMessages(session: Session): boolean {
    if (this.#groups.size === 0 || !(session.isMember || session.isRestored)) return false;
    return session.queue.count > 0 || session.inflight > 0;
  }

  /** Gives the messages of a session that has ended to others; then `finish` is called. */
  takeAll(session: Session): void {
    this.#moves.add(session);
  }

  /** Called several times a second: finds members that have messages and do not acknowledge any. */
  sweep(): void {
    for (const group of this.#groups.values()) this.#moves.takeFromStalled(group);
    this.#moves.sweep();
  }
}
