import type { Packet, Publish } from '../../../support/packets.ts';
import * as packets from '../../../support/packets.ts';
import type { Codec } from './codec.ts';
import type { Qos, Trail } from './ledger.ts';
import { Wire } from './wire.ts';

/** Which part a subscriber plays before the kill. */
export const PRESENCES = ['absent', 'online', 'gone'] as const;
export type Presence = (typeof PRESENCES)[number];

/**
 * A subscriber with a persistent session and, as a correct QoS 2 receiver, with persistent state of its
 * own: a PUBLISH whose identifier it holds is answered and not given to the application again.
 */
export class Subscriber {
  readonly clientId: string;
  sessionPresent = false;
  readonly violations: string[] = [];
  /** QoS 2 messages sent again without DUP. */
  unmarked = 0;
  readonly #port: number;
  readonly #trails = new Map<string, Trail>();
  readonly #qos: Qos;
  readonly #delayMs: number;
  readonly #codec: Codec;
  #wire: Wire | undefined;
  #subscribed: (() => void) | undefined;
  #awaited: (() => void) | undefined;
  /** QoS 2 identifiers received and not released, with what came under them. */
  readonly #held = new Map<number, string>();
  readonly #highest = new Map<string, number>();

  /** Acknowledges after `delayMs`, in order. */
  constructor(
    port: number,
    clientId: string,
    trails: readonly Trail[],
    qos: Qos,
    delayMs: number,
    codec: Codec,
  ) {
    this.#codec = codec;
    this.#port = port;
    this.clientId = clientId;
    this.#qos = qos;
    this.#delayMs = delayMs;
    for (const trail of trails) this.#trails.set(trail.topic, trail);
  }

  async connect(): Promise<void> {
    this.#wire?.destroy();
    const { wire, connack } = await Wire.connect(
      this.#port,
      { clientId: this.clientId, clean: false },
      (packet, from) => {
        if (from.open) this.#hear(packet, from);
      },
      this.#codec,
    );
    this.#wire = wire;
    this.sessionPresent = connack.sessionPresent;
  }

  async subscribe(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#subscribed = resolve;
      const wishes = [...this.#trails.keys()].map((topic) => [topic, this.#qos] as const);
      this.#wire!.send(this.#codec.subscribe(1, wishes));
    });
  }

  drop(): void {
    this.#wire?.destroy();
  }

  async leave(): Promise<void> {
    if (this.#wire?.open) await this.#wire.leave();
  }

  /** Resolves when the last message of every topic has come. */
  async caughtUp(): Promise<void> {
    for (const trail of this.#trails.values()) {
      while ((this.#highest.get(trail.topic) ?? 0) < trail.published) {
        await new Promise<void>((resolve) => {
          this.#awaited = resolve;
        });
      }
    }
  }

  #hear(packet: Packet, wire: Wire): void {
    switch (packet.type) {
      case 'publish':
        this.#receive(packet);
        this.#answer(
          wire,
          packet.qos === 2 ? packets.pubrec(packet.id) : packets.puback(packet.id),
        );
        break;
      case 'pubrel':
        this.#held.delete(packet.id);
        this.#answer(wire, packets.pubcomp(packet.id));
        break;
      case 'suback':
        this.#subscribed?.();
        break;
      default:
        this.violations.push(`${this.clientId}: a subscriber was sent a ${packet.type}`);
    }
  }

  #receive({ topic, payload, qos, id, dup }: Publish): void {
    const trail = this.#trails.get(topic);
    if (!trail || qos !== this.#qos) {
      this.violations.push(`${this.clientId}: QoS ${qos} on ${topic}`);
      return;
    }
    const number = Number.parseInt(payload, 10);
    const what = `${topic} ${number}`;
    if (qos === 2) {
      const held = this.#held.get(id);
      if (held !== undefined) {
        if (held !== what) {
          this.violations.push(`${this.clientId}: ${what} under ${id}, which holds ${held}`);
        }
        if (!dup) this.unmarked++;
        return;
      }
      this.#held.set(id, what);
    }
    trail.received.push(number);
    if (number > (this.#highest.get(topic) ?? 0)) this.#highest.set(topic, number);
    this.#awaited?.();
  }

  #answer(wire: Wire, answer: Buffer): void {
    if (this.#delayMs === 0) wire.send(answer);
    else setTimeout(() => wire.send(answer), this.#delayMs);
  }
}
