import type { Qos } from '../../support/packets.ts';
import { type CopyOptions, Deliveries, type Sent } from './deliveries.ts';
import { matches } from './topics.ts';

/** A subscription with its options; those before MQTT 5 have none. */
export interface Subscription {
  readonly qos: Qos;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** When retained messages are sent: 0 always, 1 for a new subscription, 2 never. */
  readonly handling: number;
  /** 0 for none. */
  readonly identifier: number;
}

/** A session as the standard wants it [MQTT 3.1.1, section 4.1]. */
export interface ModelSession {
  readonly clientId: string;
  readonly persistent: boolean;
  readonly subscriptions: Map<string, Subscription>;
  readonly deliveries: Deliveries;
  /** How many seconds it outlives its connection. */
  expiry: number;
  /** When its client has gone. */
  awaySince: number;
  online: boolean;
  will: Will | undefined;
}

/** A will; before MQTT 5 without a delay. */
export interface Will {
  readonly sent: Sent;
  readonly five: boolean;
  /** In seconds. */
  readonly delay: number;
}

/** How a client connects. */
export interface Opening {
  readonly clean: boolean;
  readonly five: boolean;
  /** In seconds. */
  readonly expiry: number;
  readonly receiveMaximum: number;
}

/** The shortest time for which a will waits after a clean stop, in milliseconds. */
const GRACE_MS = 60_000;

interface Delayed {
  readonly sent: Sent;
  readonly due: number;
  /**
   * Its delay in seconds where it waits for the time after a clean stop: that is not on disk. Another stop gives the time
   * again, a crash ends it.
   */
  readonly undated?: number;
}

/** What a topic retains; undefined is nothing. */
interface Kept {
  now: Sent | undefined;
  /** What may be there in its place, since nobody knows how far a publisher got. */
  maybe: (Sent | undefined)[];
  /** What was there before, oldest first, and what replaced it: a crash may bring back what is not on disk. */
  before: { value: Sent | undefined; replacedBy: Sent }[];
}

/** The broker in a few lines: what it knows, and what each session is owed for what happens. */
export class Reference {
  readonly sessions = new Map<string, ModelSession>();
  readonly #retained = new Map<string, Kept>();
  readonly #window: number;
  /** Wills that a clean stop has left to the next start. */
  readonly #left = new Map<string, Sent>();
  /** Wills of MQTT 5 that wait for their delay. */
  readonly #delayed = new Map<string, Delayed>();
  #now = 0;

  constructor(window: number) {
    this.#window = window;
  }

  /** CONNECT is accepted; gives the session and whether it was there before. */
  open(clientId: string, opening: Opening): { session: ModelSession; present: boolean } {
    const { clean, five, expiry, receiveMaximum } = opening;
    const before = this.sessions.get(clientId);
    const present = !clean && before?.persistent === true && !this.#isExpired(before);
    if (before && !present) this.#end(before);
    const session: ModelSession = present
      ? before
      : {
          clientId,
          persistent: expiry > 0,
          subscriptions: new Map(),
          deliveries: new Deliveries(this.#window, () => this.#now),
          expiry,
          awaySince: this.#now,
          online: false,
          will: undefined,
        };
    this.sessions.set(clientId, session);
    this.#left.delete(clientId);
    this.#delayed.delete(clientId);
    session.expiry = expiry;
    session.deliveries.five = five;
    session.deliveries.window = Math.min(this.#window, receiveMaximum);
    session.online = true;
    return { session, present };
  }

  #isExpired({ online, awaySince, expiry }: ModelSession): boolean {
    return !online && this.#now - awaySince > expiry * 1000;
  }

  /** The session ends: so does the delay of its will. */
  #end({ clientId }: ModelSession): void {
    this.sessions.delete(clientId);
    const will = this.#delayed.get(clientId);
    this.#delayed.delete(clientId);
    if (will) this.publish(will.sent);
  }

  /** The connection is gone; its will is due unless DISCONNECT came. */
  leave(session: ModelSession, disconnected: boolean): void {
    if (!disconnected) this.lose(session);
    session.will = undefined;
    this.#goAway(session);
    session.deliveries.disconnect();
    if (session.expiry === 0) this.#end(session);
  }

  /** The connection is about to go: the will may arrive. */
  lose(session: ModelSession): void {
    const { will, expiry, clientId } = session;
    session.will = undefined;
    this.#goAway(session);
    if (!will) return;
    const delay = Math.min(will.delay, expiry);
    if (delay > 0) {
      this.#delayed.set(clientId, { sent: will.sent, due: this.#now + delay * 1000 });
      return;
    }
    this.publish(will.sent);
    // When the connection is taken over it may be sent on the old one and again on the new.
    session.deliveries.mayBeDup(will.sent);
  }

  #goAway(session: ModelSession): void {
    if (session.online) session.awaySince = this.#now;
    session.online = false;
  }

  /** So many milliseconds pass. */
  pass(ms: number): void {
    this.#now += ms;
    for (const { deliveries } of this.sessions.values()) deliveries.expire();
    for (const session of [...this.sessions.values()]) {
      if (session.persistent && this.#isExpired(session)) this.#end(session);
    }
    for (const [clientId, { sent, due }] of [...this.#delayed]) {
      if (due > this.#now) continue;
      this.#delayed.delete(clientId);
      this.publish(sent);
    }
  }

  /** A message comes in for the first time. */
  publish(sent: Sent, from?: ModelSession): void {
    if (sent.expiry > 0) sent.expiresAt = this.#now + sent.expiry * 1000;
    this.#route(sent, from);
    if (sent.retain && !sent.topic.startsWith('$SYS/')) this.#retain(sent);
  }

  /** Each session gets it once, at the highest QoS of its filters that match [MQTT-3.3.5-1]. */
  #route(
    sent: Sent,
    from: ModelSession | undefined,
    needed = true,
    at: readonly Qos[] = [0, 1, 2],
  ): void {
    for (const session of this.sessions.values()) {
      const { subscriptions, online, persistent, deliveries } = session;
      const matching = [...subscriptions]
        .filter(([filter]) => matches(filter, sent.topic))
        .map(([, each]) => each)
        .filter(({ noLocal }) => !noLocal || session !== from);
      if (matching.length === 0) continue;
      const qos = Math.min(sent.qos, Math.max(...matching.map((each) => each.qos))) as Qos;
      if (!at.includes(qos) || !(qos > 0 ? online || persistent : online)) continue;
      const flag = sent.retain && matching.some(({ retainAsPublished }) => retainAsPublished);
      const identifiers = identifiersOf(matching);
      deliveries.expect(sent, qos, { retained: false, flag, identifiers, needed });
    }
  }

  #retain(sent: Sent): void {
    const kept = this.#retained.get(sent.topic) ?? { now: undefined, maybe: [], before: [] };
    this.#retained.set(sent.topic, kept);
    kept.before.push({ value: kept.now, replacedBy: sent });
    kept.now = sent.payload === '' ? undefined : sent;
  }

  /** Whether these reached the gateway is not known: each of them may be what is retained. */
  unsure(messages: readonly Sent[]): void {
    for (const sent of messages) {
      for (const { deliveries } of this.sessions.values()) deliveries.unsure(sent);
      const kept = this.#retained.get(sent.topic);
      if (kept && sent.retain) kept.maybe.push(sent.payload === '' ? undefined : sent);
    }
  }

  /** Its publisher has sent it again. */
  publishAgain(sent: Sent, from: ModelSession): void {
    for (const { deliveries } of this.sessions.values()) deliveries.resent(sent);
    // QoS 1 may come a second time; at QoS 0 those may get it who were not there before.
    this.#route(sent, from, false, sent.qos === 1 ? [0, 1] : [0]);
    if (sent.retain) {
      const kept = this.#retained.get(sent.topic)!;
      kept.maybe.push(kept.now);
      kept.before.push({ value: kept.now, replacedBy: sent });
      kept.now = sent.payload === '' ? undefined : sent;
    }
  }

  subscribe(session: ModelSession, wishes: readonly (readonly [string, Subscription])[]): void {
    const { deliveries, subscriptions, persistent } = session;
    const asking: (readonly [string, Subscription])[] = [];
    for (const [filter, subscription] of wishes) {
      const { handling } = subscription;
      if (handling === 0 || (handling === 1 && !subscriptions.has(filter))) {
        asking.push([filter, subscription]);
      }
      subscriptions.set(filter, subscription);
    }
    for (const [topic, { now: kept }] of this.#retained) {
      const now = this.#alive(kept);
      if (!now) continue;
      const granted = asking
        .filter(([filter]) => matches(filter, topic))
        .map(([filter, each]) => ({ ...each, filter, qos: Math.min(each.qos, now.qos) as Qos }));
      const copy = (each: Subscription, needed = true): CopyOptions => ({
        retained: true,
        flag: true,
        identifiers: identifiersOf([each]),
        needed,
      });
      // Where they are sent in several turns, overlapping filters without an identifier may have one copy.
      const sure = new Set<string>();
      for (const each of granted) {
        if (each.qos > 0) continue;
        const key = each.identifier === 0 ? '' : each.filter;
        deliveries.expect(now, 0, copy(each, !sure.has(key)));
        sure.add(key);
      }
      // Above QoS 0 it waits once, whatever the number of filters: they have the same identifier.
      const highest = granted.toSorted((a, b) => b.qos - a.qos)[0];
      if (!highest || highest.qos === 0) continue;
      const waits = deliveries.waits(now, persistent, highest.identifier);
      if (waits !== 'surely') deliveries.expect(now, highest.qos, copy(highest, waits === 'no'));
    }
  }

  /** Undefined for nothing, and for what has expired. */
  #alive(sent: Sent | undefined): Sent | undefined {
    return sent?.expiresAt !== undefined && sent.expiresAt < this.#now ? undefined : sent;
  }

  /** A clean stop: everything is on disk; no will is published before its client had time to come back. */
  stop(): void {
    for (const [clientId, will] of this.#delayed) {
      if (will.undated === undefined) continue;
      this.#delayed.set(clientId, { ...will, due: this.#now + GRACE_MS });
    }
    for (const session of [...this.sessions.values()]) {
      const { will, clientId, expiry } = session;
      if (will?.five) {
        const delay = expiry > 0 ? will.delay : 0;
        const isLonger = delay * 1000 > GRACE_MS;
        const due = this.#now + (isLonger ? delay * 1000 : GRACE_MS);
        this.leave(session, true);
        this.#delayed.set(clientId, {
          sent: will.sent,
          due,
          ...(isLonger ? {} : { undated: delay }),
        });
        continue;
      }
      if (will) this.#left.set(clientId, will.sent);
      this.leave(session, true);
    }
    for (const kept of this.#retained.values()) kept.before = [];
    this.onDisk();
  }

  /** The gateway dies and starts: the wills of those who were connected are published then. */
  crash(): void {
    const wills: Sent[] = [...this.#left.values()];
    this.#left.clear();
    for (const [clientId, { sent, undated }] of [...this.#delayed]) {
      if (undated === undefined) continue;
      this.#delayed.delete(clientId);
      if (undated === 0) wills.push(sent);
      else this.#delayed.set(clientId, { sent, due: this.#now + undated * 1000 });
    }
    for (const session of [...this.sessions.values()]) {
      const { will, clientId, expiry } = session;
      this.leave(session, true);
      session.deliveries.crash();
      if (!will) continue;
      const delay = expiry > 0 ? will.delay : 0;
      if (delay === 0) wills.push(will.sent);
      else this.#delayed.set(clientId, { sent: will.sent, due: this.#now + delay * 1000 });
    }
    for (const kept of this.#retained.values()) {
      // At QoS 0 nobody was promised that it is on disk.
      const durable = kept.before.findLastIndex(
        ({ replacedBy }) => replacedBy.qos > 0 && replacedBy.acknowledged,
      );
      kept.maybe.push(...kept.before.slice(durable + 1).map(({ value }) => value));
      kept.before = [];
    }
    for (const will of wills) this.publish(will);
  }

  onDisk(): void {
    for (const { deliveries } of this.sessions.values()) deliveries.onDisk();
  }

  /** What the gateway says is retained, by topic; throws where it can't be, and believes it from then on. */
  learnRetained(found: ReadonlyMap<string, string>): void {
    for (const topic of found.keys()) {
      if (!this.#retained.has(topic)) throw new Error(`retained on ${topic}, and never was`);
    }
    for (const [topic, kept] of this.#retained) {
      const payload = found.get(topic);
      const values = [kept.now, ...kept.maybe].map((each) => this.#alive(each));
      const value = values.find((each) => each?.payload === payload);
      if (!value && (payload !== undefined || values.every(Boolean))) {
        const could = values.map((each) => each?.payload ?? 'nothing').join(', ');
        throw new Error(`retained on ${topic} is ${payload ?? 'nothing'}, not ${could}`);
      }
      kept.now = value;
      kept.maybe = [];
    }
  }
}

/** In order, each once. */
function identifiersOf(subscriptions: readonly Subscription[]): number[] {
  const all = subscriptions.map(({ identifier }) => identifier).filter((each) => each > 0);
  return [...new Set(all)].sort((a, b) => a - b);
}
