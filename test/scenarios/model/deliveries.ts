import type { Publish, Qos } from '../../support/packets.ts';
import * as p from '../../support/packets-5.ts';
import { checkProperties } from './properties.ts';

/** One PUBLISH that some client, a will or nobody yet has sent; its payload tells it from all others. */
export interface Sent {
  readonly topic: string;
  readonly payload: string;
  readonly qos: Qos;
  readonly retain: boolean;
  /** Its publisher was told that it has arrived. */
  acknowledged: boolean;
  /** Those of MQTT 5 that are the same for every receiver. */
  readonly properties: p.Properties;
  /** Message expiry in seconds; 0 for none. */
  readonly expiry: number;
  /** In milliseconds of the model's clock; known once it is published. */
  expiresAt: number | undefined;
  /** It was sent again over a connection of MQTT 3.1.1, which has no properties. */
  stripped: boolean;
}

/** What a copy has from the subscriptions that match. */
export interface CopyOptions {
  /** It answers a SUBSCRIBE. */
  readonly retained: boolean;
  /** The retain flag, which MQTT 5 may keep as it was published. */
  readonly flag: boolean;
  /** Subscription identifiers, in order. */
  readonly identifiers: readonly number[];
  /** It must arrive; else it may. */
  readonly needed?: boolean;
}

/** A copy of a message that a session is owed, or may get. */
interface Copy {
  readonly sent: Sent;
  readonly qos: Qos;
  /** It answers a SUBSCRIBE. */
  readonly retain: boolean;
  readonly flag: boolean;
  readonly identifiers: readonly number[];
  /** `gone`: arrived and acknowledged; after a crash it may come again. */
  state: 'waiting' | 'flying' | 'gone';
  /** It must arrive; else it may. */
  needed: boolean;
  id: number;
  /** How far the QoS 2 handshake is. */
  phase: 'published' | 'received' | 'released';
  /** What a resumed connection begins with. */
  again: 'nothing' | 'publish' | 'pubrel' | 'either';
  /** A first arrival may say DUP: a crash hid whether it was sent. */
  mayBeDup: boolean;
  /** Its client has refused it at QoS 2: a crash may bring it again as a PUBLISH. */
  wasRefused: boolean;
  /** That it was sent is on disk: another time it must say DUP. */
  sentOnDisk: boolean;
}

/** What one session is owed, what is in flight to it, and whether that which arrives is right. */
export class Deliveries {
  #copies: Copy[] = [];
  /** How many messages may be in flight at once. */
  window: number;
  /** Whether the connection is one of MQTT 5. */
  five = false;
  readonly #now: () => number;

  constructor(window: number, now: () => number) {
    this.window = window;
    this.#now = now;
  }

  expect(sent: Sent, qos: Qos, options: CopyOptions): void {
    const { retained, flag, identifiers, needed = true } = options;
    this.#copies.push({
      sent,
      qos,
      retain: retained,
      flag,
      identifiers,
      needed,
      state: 'waiting',
      id: 0,
      phase: 'published',
      again: 'nothing',
      mayBeDup: false,
      wasRefused: false,
      sentOnDisk: false,
    });
  }

  /** Whether the message is queued or in flight; only copies and persistent sessions' messages are known by content. */
  waits(
    { topic, payload }: Sent,
    persistent: boolean,
    identifier: number,
  ): 'surely' | 'maybe' | 'no' {
    const copies = this.#copies.filter(
      ({ sent, qos, state, phase, mayBeDup, identifiers }) =>
        sent.topic === topic &&
        sent.payload === payload &&
        (!this.five ||
          (identifier === 0 ? identifiers.length === 0 : identifiers.includes(identifier))) &&
        qos > 0 &&
        (state === 'waiting' || (state === 'flying' && phase === 'published') || mayBeDup),
    );
    if (copies.length === 0) return 'no';
    const isSure = ({ state, needed, again, mayBeDup, retain }: Copy): boolean =>
      state !== 'gone' && needed && again !== 'either' && !mayBeDup && (retain || persistent);
    return copies.some(isSure) ? 'surely' : 'maybe';
  }

  get #flying(): Copy[] {
    return this.#copies.filter(({ state }) => state === 'flying');
  }

  /** As many messages are in flight as may be; those that a resumed connection has not brought again are not. */
  get #full(): boolean {
    return this.#flying.filter(({ again }) => again === 'nothing').length >= this.window;
  }

  /** Everything that must have come by now has come. */
  get settled(): boolean {
    return this.missing === undefined;
  }

  /** What must still come, in words. */
  get missing(): string | undefined {
    const full = this.#full;
    for (const copy of this.#copies) {
      if (copy.state === 'flying' && copy.again !== 'nothing' && copy.needed && !full) {
        return `${copy.again} again of ${tell(copy)}`;
      }
      // What expired after a crash may be known to the gateway as never sent: then its PUBREL does not come.
      const isKnown = copy.again === 'nothing' || copy.needed;
      if (copy.state === 'flying' && copy.phase === 'received' && isKnown) {
        return `PUBREL of ${tell(copy)}`;
      }
      if (copy.state === 'waiting' && copy.needed && (copy.qos === 0 || !full)) return tell(copy);
    }
    return undefined;
  }

  /** What was due was there: copies that may have come and did not will not come. */
  dropUnneeded(): void {
    const full = this.#full;
    this.#copies = this.#copies.filter(({ needed, state, qos, mayBeDup }) => {
      if (qos > 0 && full) return true;
      return state === 'waiting' ? needed : state === 'flying' || !mayBeDup;
    });
  }

  /** A PUBLISH has arrived. */
  published(packet: Publish): void {
    const same = (copy: Copy): boolean =>
      copy.sent.topic === packet.topic &&
      copy.sent.payload === packet.payload &&
      copy.qos === packet.qos &&
      copy.flag === packet.retain &&
      (!this.five || copy.identifiers.join() === identifiers);
    const identifiers = this.five ? identifiersOf(packet).join() : '';
    const resent = this.#copies.find(
      (copy) =>
        copy.state === 'flying' &&
        (copy.again === 'publish' || copy.again === 'either') &&
        copy.id === packet.id &&
        same(copy),
    );
    if (resent) {
      if (this.five) checkProperties(resent.sent, packet as unknown as p.Packet5, this.#now());
      return this.#publishedAgain(resent, packet);
    }
    const candidates = this.#copies.filter(
      (each) =>
        same(each) &&
        (each.state === 'waiting' ||
          (each.state === 'gone' && each.mayBeDup && (each.qos === 1 || each.wasRefused))),
    );
    const copy =
      // With DUP it is one that may have been sent; its publisher's second copy need not be that.
      (packet.dup ? candidates.find(({ mayBeDup }) => mayBeDup) : undefined) ??
      // Empty messages can't be told apart: it is rather the one that must come.
      (packet.payload === '' ? candidates.find(isOwed) : undefined) ??
      candidates.find(({ state }) => state === 'waiting') ??
      candidates[0];
    if (!copy) throw new Error(`must not arrive: ${show(packet)}`);
    if (this.five) checkProperties(copy.sent, packet as unknown as p.Packet5, this.#now());
    if (copy.state === 'waiting') this.#inOrder(copy, packet);
    if (packet.dup && !copy.mayBeDup) throw new Error(`DUP on a first arrival: ${show(packet)}`);
    if (packet.qos === 0) {
      this.#copies.splice(this.#copies.indexOf(copy), 1);
      return;
    }
    const flying = this.#flying;
    if (flying.some(({ id }) => id === packet.id)) {
      throw new Error(`identifier in flight is used again: ${show(packet)}`);
    }
    if (this.#full) throw new Error(`over the window: ${show(packet)}`);
    copy.state = 'flying';
    copy.id = packet.id;
    copy.phase = 'published';
    copy.again = 'nothing';
    copy.needed = true;
    copy.mayBeDup = false;
    // A second copy stands only for the case that the first did not arrive; a retained one for a further subscription.
    if (copy.retain) return;
    for (const other of this.#copies) {
      if (other !== copy && other.state === 'waiting' && other.sent === copy.sent && same(other)) {
        other.needed = false;
      }
    }
  }

  #publishedAgain(copy: Copy, packet: Publish): void {
    if (!packet.dup && !copy.mayBeDup) throw new Error(`sent again without DUP: ${show(packet)}`);
    const earlier = this.#copies
      .slice(0, this.#copies.indexOf(copy))
      .find(
        (other) =>
          other.state === 'flying' &&
          other.again === 'publish' &&
          other.needed &&
          other.qos === copy.qos &&
          other.sent.qos === copy.sent.qos &&
          other.sent.topic === copy.sent.topic,
      );
    if (earlier) throw new Error(`sent again before ${tell(earlier)}: ${show(packet)}`);
    copy.again = 'nothing';
    copy.phase = 'published';
    copy.needed = true;
    copy.mayBeDup = false;
  }

  /** Messages of one topic and QoS keep their order [MQTT-4.6.0-6]. */
  #inOrder(copy: Copy, packet: Publish): void {
    // Empty messages can't be told apart; what need not come is a repetition.
    if (copy.retain || !copy.needed || packet.payload === '') return;
    const earlier = this.#copies
      .slice(0, this.#copies.indexOf(copy))
      .find(
        (other) =>
          other.state === 'waiting' &&
          other.needed &&
          !other.retain &&
          other.sent.payload !== '' &&
          other.qos === copy.qos &&
          other.sent.qos === copy.sent.qos &&
          other.sent.topic === copy.sent.topic,
      );
    if (earlier) throw new Error(`arrived before ${tell(earlier)}: ${show(packet)}`);
  }

  /** A PUBREL has arrived. */
  released(id: number): void {
    const copy = this.#copies.find(
      (each) => each.id === id && each.state === 'flying' && each.qos === 2,
    );
    if (copy && (copy.phase === 'received' || copy.again !== 'nothing')) {
      if (copy.again === 'publish') throw new Error(`PUBREL in place of ${tell(copy)}`);
      copy.phase = 'released';
      copy.again = 'nothing';
      return;
    }
    if (
      this.#copies.some(
        (each) => each.id === id && each.state === 'gone' && each.mayBeDup && each.qos === 2,
      )
    ) {
      return;
    }
    throw new Error(`PUBREL ${id} that nobody asked for`);
  }

  /** The client sends PUBREC. */
  receiving(id: number): void {
    const copy = this.#flying.find((each) => each.id === id);
    if (copy) copy.phase = 'received';
  }

  /** The client sends PUBACK or PUBCOMP. */
  done(id: number): void {
    const copy = this.#flying.find((each) => each.id === id);
    if (copy) copy.state = 'gone';
  }

  /** Time has passed: what has expired and was not sent does not arrive any more. */
  expire(): void {
    const now = this.#now();
    const hasExpired = ({ sent }: Copy): boolean =>
      sent.expiresAt !== undefined && sent.expiresAt < now;
    this.#copies = this.#copies.filter(
      (copy) => copy.state !== 'waiting' || copy.mayBeDup || !hasExpired(copy),
    );
    for (const copy of this.#copies) {
      // Whether it was sent before the crash is not known: if not, it has expired.
      if (copy.mayBeDup && hasExpired(copy)) copy.needed = false;
    }
  }

  /** The client of MQTT 5 does not take it: as if it had arrived. */
  refused(id: number): void {
    const copy = this.#flying.find((each) => each.id === id);
    if (copy) Object.assign(copy, { state: 'gone', wasRefused: true });
  }

  /** All that has happened is on disk: what is acknowledged from now on can't come again even after a crash. */
  onDisk(): void {
    this.#copies = this.#copies.filter(({ state, mayBeDup }) => state !== 'gone' || mayBeDup);
    for (const copy of this.#flying) if (!copy.mayBeDup) copy.sentOnDisk = true;
  }

  /** The connection is gone; the session stays. QoS 0 goes with it. */
  disconnect(): void {
    this.#copies = this.#copies.filter(({ qos }) => qos > 0);
    for (const copy of this.#flying) {
      if (copy.again !== 'nothing') continue;
      copy.again = copy.phase === 'published' ? 'publish' : 'pubrel';
    }
  }

  /** The gateway has died. What was under way may be there or not; what was acknowledged may be there again. */
  crash(): void {
    this.disconnect();
    for (const copy of this.#copies) {
      const certain = copy.sent.acknowledged;
      if (copy.state === 'waiting') {
        copy.mayBeDup = true;
        if (!certain) copy.needed = false;
      } else if (copy.state === 'gone') copy.mayBeDup = true;
      else {
        if (copy.phase === 'received') copy.again = 'either';
        copy.mayBeDup = !copy.sentOnDisk;
        if (certain || copy.qos === 2) continue;
        // A QoS 1 message may be sent before it is on disk: it is as if it had never been there.
        copy.state = 'waiting';
        copy.again = 'nothing';
        copy.needed = false;
      }
    }
  }

  /** The connection of its publisher is gone before it was acknowledged: it may have got through. */
  unsure(sent: Sent): void {
    for (const copy of this.#copies) {
      if (copy.sent === sent && copy.state === 'waiting') copy.needed = false;
    }
  }

  /** The topic's retained message was replaced while it was under way: the old one need not come any more. */
  overtaken(topic: string): void {
    for (const copy of this.#copies) {
      if (copy.sent.topic === topic && copy.retain && copy.state === 'waiting') copy.needed = false;
    }
  }

  /** Whether it was sent before can't be known from outside: it may have been on its way when the connection went. */
  mayBeDup(sent: Sent): void {
    for (const copy of this.#copies) {
      if (copy.sent === sent && copy.state === 'waiting') copy.mayBeDup = true;
    }
  }

  /** Its publisher has sent it again: now it must arrive. */
  resent(sent: Sent): void {
    for (const copy of this.#copies) {
      if (copy.sent === sent && copy.state === 'waiting') copy.needed = true;
    }
  }
}

function identifiersOf(packet: Publish): number[] {
  const values = p.valuesIn(packet as unknown as p.Packet5, 'subscriptionIdentifier');
  return (values as number[]).toSorted((a, b) => a - b);
}

function isOwed({ state, needed }: Copy): boolean {
  return state === 'waiting' && needed;
}

function tell({ sent, qos, retain, id }: Copy): string {
  return `'${sent.payload}' on ${sent.topic} (qos ${qos}${retain ? ' retained' : ''} id ${id})`;
}

function show(packet: Publish): string {
  const { topic, payload, qos, retain, dup, id } = packet;
  const { properties } = packet as unknown as p.Packet5;
  const flags = `${retain ? ' retained' : ''}${dup ? ' dup' : ''}`;
  return `'${payload}' on ${topic} (qos ${qos}${flags} id ${id})${properties ? ` ${JSON.stringify(properties)}` : ''}`;
}
