import type { Qos, SubscriptionOptions } from '../../mqtt/codec.ts';
import { shareNumber, topicFilterOf } from '../../mqtt/shared-filter.ts';
import type { FlowReader } from './flow-control.ts';
import type { Grant, Publication, Subscriber } from './publication.ts';
import type { Session } from './session.ts';
import { deliverAfterCommit, loadOf, type Member, takesMore } from './share-member.ts';

/** Members that are checked for one message. */
const CHECKS = 128;
/** Messages in the queue of a member that still takes those of members that have left. */
const AHEAD = 64;

/**
 * The subscribers of one `$share/<group>/<filter>` [MQTT 5, section 4.8.2]. Each message goes to one member: in turn to
 * those that can be sent it at once, else to the connected one that has the least to read, else to an absent one whose
 * session keeps it.
 */
export class ShareGroup implements Subscriber {
  readonly filter: string;
  /** The filter that its messages match. */
  readonly topicFilter: string;
  /** Stands for the group in entries on disk. */
  readonly number: number;
  readonly label: string;
  /** Whether a message at QoS 1 or 2 is on disk when a member has it. */
  persistent = false;
  readonly #members = new Map<Session, Member>();
  readonly #present: Member[] = [];
  readonly #absent = new Set<Member>();
  /** Index of the member that is asked next. */
  #next = 0;
  /** The member that has got the last message. */
  #last: Session | undefined;

  constructor(filter: string) {
    this.filter = filter;
    this.topicFilter = topicFilterOf(filter);
    this.number = shareNumber(filter);
    this.label = `the group ${filter}`;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Members whose client is connected. */
  get online(): number {
    return this.#present.length;
  }

  get sessions(): IterableIterator<Session> {
    return this.#members.keys();
  }

  /** Members whose client is away; their sessions keep messages. */
  *absent(): Iterable<Session> {
    for (const { session } of this.#absent) yield session;
  }

  /** Members whose client is connected. */
  *present(): Iterable<Session> {
    for (const { session } of this.#present) yield session;
  }

  has(session: Session): boolean {
    return this.#members.has(session);
  }

  /** Adds a member, or changes what its subscription asks for. */
  join(session: Session, qos: Qos, options: SubscriptionOptions | undefined): void {
    this.leave(session);
    this.#members.set(session, { session, qos, grant: grantOf(options) });
    this.persistent ||= session.persistent;
    this.place(session);
  }

  leave(session: Session): void {
    const member = this.#members.get(session);
    if (!member) return;
    this.#members.delete(session);
    this.#remove(member);
    if (session.persistent) {
      this.persistent = [...this.#members.keys()].some(({ persistent }) => persistent);
    }
    if (this.#last === session) this.#last = undefined;
  }

  /** The member's client has come or gone. */
  place(session: Session): void {
    const member = this.#members.get(session);
    if (!member) return;
    this.#remove(member);
    if (session.online) this.#present.push(member);
    else if (session.persistent) this.#absent.add(member);
  }

  #remove(member: Member): void {
    const index = this.#present.indexOf(member);
    if (index >= 0) this.#present.splice(index, 1);
    this.#absent.delete(member);
  }

  deliver(publication: Publication, qos: Qos): void {
    const member = this.#choose(publication.from, qos);
    if (!member) return;
    const { session, grant } = member;
    this.#last = session;
    publication.grant = grant;
    publication.share = this.number;
    try {
      // What its publisher repeats after a crash must not have been sent before: nothing else holds it at QoS 0.
      if (publication.held && member.qos === 0) deliverAfterCommit(session, publication);
      else session.deliver(publication, Math.min(member.qos, qos) as Qos);
    } finally {
      // The next subscriber has no part in this.
      publication.grant = null;
      publication.share = 0;
    }
  }

  #choose(publisher: Subscriber | null, qos: Qos): Member | undefined {
    const present = this.#present;
    const checks = Math.min(present.length, CHECKS);
    let shortest: Member | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < checks; i++) {
      if (this.#next >= present.length) this.#next = 0;
      const member = present[this.#next++]!;
      const { session } = member;
      if (session === publisher || session.isOver) continue;
      if (takesMore(session)) return member;
      const load = loadOf(session);
      if (load >= least && shortest) continue;
      least = load;
      shortest = member;
    }
    const hasRoom = shortest && !shortest.session.flow.slow && shortest.session.queue.hasRoom(1);
    if (hasRoom || qos === 0) return shortest;
    return this.#keeper(true) ?? shortest ?? this.#keeper(false);
  }

  /** An absent member whose session keeps a message. */
  #keeper(withRoom: boolean, except?: Session): Member | undefined {
    let checks = CHECKS;
    for (const member of this.#absent) {
      const { session, qos } = member;
      if (session.isOver || session === except || qos === 0) continue;
      if (!withRoom || session.queue.hasRoom(1)) return member;
      if (--checks === 0) return undefined;
    }
    return undefined;
  }

  /**
   * The member that gets a message which `source` has and can't deliver; `busy` while all that are connected have enough.
   * An absent member takes it only from a session that has ended; a connected source loses it only to one that can be
   * sent it at once.
   */
  taker(source: Session): Member | 'busy' | undefined {
    let isBusy = false;
    for (const _ of this.#present) {
      if (this.#next >= this.#present.length) this.#next = 0;
      const member = this.#present[this.#next++]!;
      const { session } = member;
      if (session === source || session.isOver) continue;
      if (takesMore(session)) return member;
      isBusy = true;
      if (source.online || member.qos === 0 || session.flow.slow) continue;
      if (session.queue.count < AHEAD && session.queue.hasRoom(1)) return member;
    }
    if (isBusy) return 'busy';
    if (!source.isOver) return undefined;
    return this.#keeper(true, source) ?? this.#keeper(false, source);
  }

  /** Publishers wait for the last member only where no other one reads. */
  get backlogged(): FlowReader | undefined {
    const reader = this.#last?.backlogged;
    if (reader === undefined) return undefined;
    for (const { session } of this.#present) {
      if (!session.flow.slow && session.backlogged === undefined) return undefined;
    }
    return reader;
  }
}

function grantOf(options: SubscriptionOptions | undefined): Grant | null {
  if (!options || (!options.retainAsPublished && options.identifier === 0)) return null;
  const { retainAsPublished, identifier } = options;
  return { retainAsPublished, identifiers: identifier > 0 ? [identifier] : [] };
}
