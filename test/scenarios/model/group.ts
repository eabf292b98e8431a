import type { Publish } from '../../support/packets.ts';
import type * as p from '../../support/packets-5.ts';
import type { Sent } from './deliveries.ts';
import { checkProperties } from './properties.ts';

/** A shared subscription whose topics no other filter matches. */
export const SHARED_FILTER = '$share/g/$s/+';
export const SHARED_TOPIC = '$s/';

/** A message that some member is owed. */
interface Owed {
  readonly sent: Sent;
  /** It must come; else it may. */
  needed: boolean;
  /** A member's session was kept when it came: it survives a crash. */
  readonly isDurable: boolean;
  /** A member may have been sent it on a connection that is gone. */
  mayBeDup: boolean;
  /** The member that it came to first, and how often it came. */
  first: string | undefined;
}

/** What the members of one group are owed together [MQTT 5, section 4.8.2]; which member gets a message is left open. */
export class Group {
  /** By client id: whether the session is kept. */
  readonly #members = new Map<string, boolean>();
  readonly #owed = new Map<string, Owed>();

  join(clientId: string, isKept: boolean): void {
    this.#members.set(clientId, isKept);
  }

  leave(clientId: string): void {
    this.#members.delete(clientId);
    if (this.#members.size === 0) this.#forgive(() => true);
  }

  has(clientId: string): boolean {
    return this.#members.has(clientId);
  }

  get #isKept(): boolean {
    return [...this.#members.values()].includes(true);
  }

  publish(sent: Sent): void {
    const needed = this.#members.size > 0;
    const isDurable = this.#isKept;
    const { payload } = sent;
    this.#owed.set(payload, { sent, needed, isDurable, mayBeDup: false, first: undefined });
  }

  /** A member's connection is gone. */
  lost(clientId: string): void {
    if (!this.has(clientId)) return;
    for (const each of this.#owed.values()) each.mayBeDup = true;
  }

  /** A session has ended: what was begun there at QoS 2 goes to no other member [MQTT-4.8.2-5]. */
  ended(clientId: string): void {
    if (!this.has(clientId)) return;
    this.#forgive(({ sent }) => sent.qos === 2);
    this.leave(clientId);
  }

  /** The gateway stops or dies, before its sessions without an expiry end. */
  stopped(): void {
    const isKept = this.#isKept;
    this.#forgive(({ isDurable }) => !isDurable || !isKept);
    for (const each of this.#owed.values()) each.mayBeDup = true;
  }

  #forgive(which: (owed: Owed) => boolean): void {
    for (const each of this.#owed.values()) if (which(each)) each.needed = false;
  }

  /** A member has got a message; `now` is of the model's clock, undefined for a client without properties. */
  arrived(clientId: string, packet: Publish, now: number | undefined): void {
    const { payload, topic, qos, dup } = packet;
    const owed = this.#owed.get(payload);
    const words = `'${payload}' on ${topic} at ${clientId} (qos ${qos}${dup ? ' dup' : ''})`;
    if (!owed) throw new Error(`never published for the group: ${words}`);
    if (qos > owed.sent.qos) throw new Error(`above its QoS: ${words}`);
    if (owed.first === undefined) {
      if (dup && !owed.mayBeDup) throw new Error(`DUP on a first arrival: ${words}`);
    } else {
      if (!dup) throw new Error(`a second time without DUP: ${words}`);
      if (!owed.mayBeDup) throw new Error(`a second time without a reason: ${words}`);
      if (qos === 2 && owed.first !== clientId) throw new Error(`at QoS 2 also here: ${words}`);
    }
    owed.first ??= clientId;
    if (now !== undefined) checkProperties(owed.sent, packet as unknown as p.Packet5, now);
  }

  /** What must still come, in words; undefined for nothing, and where no member is left. */
  get missing(): string | undefined {
    for (const { sent, needed, first } of this.#owed.values()) {
      if (needed && first === undefined) return `'${sent.payload}' on ${sent.topic} for the group`;
    }
    return undefined;
  }
}
