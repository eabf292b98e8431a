import type { Qos } from '../../support/packets.ts';
import { Deliveries, type Sent } from './deliveries.ts';
import { matches } from './topics.ts';

/** A session as the standard wants it [MQTT 3.1.1, section 4.1]. */
export interface ModelSession {
  readonly clientId: string;
  readonly persistent: boolean;
  readonly subscriptions: Map<string, Qos>;
  readonly deliveries: Deliveries;
  online: boolean;
  will: Sent | undefined;
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

  constructor(window: number) {
    this.#window = window;
  }

  /** CONNECT is accepted; gives the session and whether it was there before. */
  open(clientId: string, clean: boolean): { session: ModelSession; present: boolean } {
    const before = this.sessions.get(clientId);
    const present = !clean && before?.persistent === true;
    const session: ModelSession = present
      ? before
      : {
          clientId,
          persistent: !clean,
          subscriptions: new Map(),
          deliveries: new Deliveries(this.#window),
          online: false,
          will: undefined,
        };
    this.sessions.set(clientId, session);
    this.#left.delete(clientId);
    session.online = true;
    return { session, present };
  }

  /** The connection is gone; its will is due unless DISCONNECT came. */
  leave(session: ModelSession, disconnected: boolean): void {
    if (!disconnected) this.lose(session);
    session.will = undefined;
    session.online = false;
    session.deliveries.disconnect();
    if (!session.persistent) this.sessions.delete(session.clientId);
  }

  /** The connection is about to go: the will may arrive. */
  lose(session: ModelSession): void {
    const { will } = session;
    session.will = undefined;
    session.online = false;
    if (!will) return;
    this.publish(will);
    // When the connection is taken over it may be sent on the old one and again on the new.
    session.deliveries.mayBeDup(will);
  }

  /** A message comes in for the first time. */
  publish(sent: Sent): void {
    this.#route(sent);
    if (sent.retain && !sent.topic.startsWith('$SYS/')) this.#retain(sent);
  }

  /** Each session gets it once, at the highest QoS of its filters that match [MQTT-3.3.5-1]. */
  #route(sent: Sent, needed = true, at: readonly Qos[] = [0, 1, 2]): void {
    for (const { subscriptions, online, persistent, deliveries } of this.sessions.values()) {
      let granted = -1;
      for (const [filter, qos] of subscriptions) {
        if (qos > granted && matches(filter, sent.topic)) granted = qos;
      }
      if (granted < 0) continue;
      const qos = Math.min(granted, sent.qos) as Qos;
      if (!at.includes(qos)) continue;
      if (qos > 0 ? online || persistent : online) deliveries.expect(sent, qos, false, needed);
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
  publishAgain(sent: Sent): void {
    for (const { deliveries } of this.sessions.values()) deliveries.resent(sent);
    // QoS 1 may come a second time; at QoS 0 those may get it who were not there before.
    this.#route(sent, false, sent.qos === 1 ? [0, 1] : [0]);
    if (sent.retain) {
      const kept = this.#retained.get(sent.topic)!;
      kept.maybe.push(kept.now);
      kept.before.push({ value: kept.now, replacedBy: sent });
      kept.now = sent.payload === '' ? undefined : sent;
    }
  }

  subscribe(session: ModelSession, wishes: readonly (readonly [string, Qos])[]): void {
    const { deliveries, subscriptions, persistent } = session;
    for (const [filter, qos] of wishes) subscriptions.set(filter, qos);
    for (const [topic, { now }] of this.#retained) {
      if (!now) continue;
      const granted = wishes
        .filter(([filter]) => matches(filter, topic))
        .map(([, qos]) => Math.min(qos, now.qos) as Qos);
      for (const qos of granted) if (qos === 0) deliveries.expect(now, 0, true);
      // Above QoS 0 it waits once, whatever the number of filters.
      const highest = Math.max(0, ...granted) as Qos;
      const waits = deliveries.waits(now, persistent);
      if (highest > 0 && waits !== 'surely') {
        deliveries.expect(now, highest, true, waits === 'no');
      }
    }
  }

  /** A clean stop: everything is on disk; no will is published before its client had time to come back. */
  stop(): void {
    for (const session of [...this.sessions.values()]) {
      if (session.will) this.#left.set(session.clientId, session.will);
      this.leave(session, true);
    }
    for (const kept of this.#retained.values()) kept.before = [];
    this.onDisk();
  }

  /** The gateway dies and starts: the wills of those who were connected are published then. */
  crash(): void {
    const wills: Sent[] = [...this.#left.values()];
    this.#left.clear();
    for (const session of [...this.sessions.values()]) {
      if (session.will) wills.push(session.will);
      this.leave(session, true);
      session.deliveries.crash();
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
      const values = [kept.now, ...kept.maybe];
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
