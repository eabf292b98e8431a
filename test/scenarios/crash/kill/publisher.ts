import type { Packet } from '../../../support/packets.ts';
import * as packets from '../../../support/packets.ts';
import type { Codec } from './codec.ts';
import type { Qos, Trail } from './ledger.ts';
import { Wire } from './wire.ts';

export interface PublisherOptions {
  readonly qos: Qos;
  readonly codec: Codec;
  /** PUBLISH packets without their last acknowledgement at once. */
  readonly window: number;
  /** Messages a second; as fast as the window allows without it. */
  readonly rate?: number;
  readonly retain?: boolean;
  /** Bytes of a payload at least. */
  readonly size: number;
  /** No more than this many in one load. */
  readonly limit: number;
  /** PUBRELs are kept back for as long and then sent together. */
  readonly releaseAfterMs?: number;
  /** Whether this message deletes the retained value: it goes without a payload. */
  deletes?(topic: string, number: number): boolean;
}

interface Outgoing {
  readonly trail: Trail;
  readonly number: number;
}

/**
 * A publisher with a persistent session that keeps its own state as the standard demands: after a
 * reconnect it sends again what was not acknowledged, PUBLISH with DUP and PUBREL, each in order.
 */
export class Publisher {
  readonly clientId: string;
  readonly trails: readonly Trail[];
  /** PUBACKs and PUBRECs read since the load began. */
  acknowledgements = 0;
  /** Called at each acknowledgement, the moment it is read. */
  onAcknowledged: () => void = () => undefined;
  sessionPresent = false;
  readonly violations: string[] = [];
  readonly #options: PublisherOptions;
  readonly #port: number;
  #wire: Wire | undefined;
  #publishing = false;
  #sent = 0;
  #turn = 0;
  #began = 0;
  #timer: NodeJS.Timeout | undefined;
  /** In the order of sending. */
  readonly #unacknowledged = new Map<number, Outgoing>();
  /** Received by the broker and not completed, in the order of the PUBRECs. */
  readonly #releasing = new Map<number, Outgoing>();
  #heldReleases: number[] = [];
  #releaseTimer: NodeJS.Timeout | undefined;
  /** Identifiers free for use; the one that came free last is used first, so that one left over at the broker hurts. */
  readonly #free: number[] = [];
  #settled: (() => void) | undefined;

  constructor(port: number, clientId: string, trails: readonly Trail[], options: PublisherOptions) {
    this.#port = port;
    this.clientId = clientId;
    this.trails = trails;
    this.#options = options;
    for (let id = Math.min(options.window, 65_535); id > 0; id--) this.#free.push(id);
  }

  /** Connects, and sends again what is owed. */
  async connect(): Promise<void> {
    this.#wire?.destroy();
    const { wire, connack } = await Wire.connect(
      this.#port,
      { clientId: this.clientId, clean: false },
      (packet, from) => {
        if (from.open) this.#hear(packet);
      },
      this.#options.codec,
    );
    this.#wire = wire;
    this.sessionPresent = connack.sessionPresent;
    this.#heldReleases = [];
    for (const id of this.#releasing.keys()) wire.send(packets.pubrel(id));
    for (const [id, outgoing] of this.#unacknowledged) wire.send(this.#encode(outgoing, id, true));
    this.#fill();
  }

  /** Makes the session one that the broker has acknowledged. */
  async enrol(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#settled = resolve;
      this.#wire!.send(this.#options.codec.subscribe(1, [[`enrolled/${this.clientId}`, 0]]));
    });
  }

  /** Publishes until `pause` or the limit. */
  load(): void {
    this.#publishing = true;
    this.#began = performance.now();
    if (this.#options.rate) this.#timer = setInterval(() => this.#fill(), 4);
    this.#fill();
  }

  pause(): void {
    this.#publishing = false;
    clearInterval(this.#timer);
  }

  /** Resolves when everything sent is acknowledged to the end. */
  async finish(): Promise<void> {
    this.pause();
    if (this.#owing === 0) return;
    await new Promise<void>((resolve) => {
      this.#settled = resolve;
    });
  }

  /** One more message on each topic, acknowledged to the end. */
  async conclude(): Promise<void> {
    for (const trail of this.trails) {
      await this.finish();
      this.#publish(trail);
    }
    await this.finish();
  }

  drop(): void {
    this.#wire?.destroy();
  }

  /** Resolves when the connection is gone and all that came over it is read. */
  async gone(): Promise<void> {
    await this.#wire?.closed;
  }

  async leave(): Promise<void> {
    if (this.#wire?.open) await this.#wire.leave();
  }

  get #owing(): number {
    return this.#unacknowledged.size + this.#releasing.size;
  }

  #fill(): void {
    const { window, rate, limit } = this.#options;
    const due = rate ? ((performance.now() - this.#began) * rate) / 1000 : limit;
    while (
      this.#publishing &&
      this.#wire?.open &&
      this.#owing < window &&
      this.#sent < Math.min(due, limit)
    ) {
      this.#publish(this.trails[this.#turn++ % this.trails.length]!);
      this.#sent++;
    }
  }

  #publish(trail: Trail): void {
    const id = this.#free.pop()!;
    const outgoing = { trail, number: ++trail.published };
    this.#unacknowledged.set(id, outgoing);
    this.#wire!.send(this.#encode(outgoing, id, false));
  }

  #encode({ trail, number }: Outgoing, id: number, dup: boolean): Buffer {
    const { qos, codec, size, retain = false, deletes } = this.#options;
    const payload = deletes?.(trail.topic, number) ? '' : `${number} `.padEnd(size, '.');
    return codec.publish(trail.topic, payload, { qos, id, dup, retain });
  }

  #hear(packet: Packet): void {
    switch (packet.type) {
      case 'puback':
        this.#acknowledged(packet.id, false);
        break;
      case 'pubrec':
        this.#acknowledged(packet.id, true);
        this.#release(packet.id);
        break;
      case 'pubcomp':
        if (this.#releasing.delete(packet.id)) this.#free.push(packet.id);
        break;
      case 'suback':
        break;
      default:
        this.violations.push(`${this.clientId}: a publisher was sent a ${packet.type}`);
    }
    if (this.#owing === 0 && this.#settled) {
      const settled = this.#settled;
      this.#settled = undefined;
      settled();
    }
    this.#fill();
  }

  #acknowledged(id: number, received: boolean): void {
    const outgoing = this.#unacknowledged.get(id);
    if (!outgoing) return;
    this.#unacknowledged.delete(id);
    outgoing.trail.acknowledged.add(outgoing.number);
    this.acknowledgements++;
    if (received) this.#releasing.set(id, outgoing);
    else this.#free.push(id);
    this.onAcknowledged();
  }

  #release(id: number): void {
    const { releaseAfterMs } = this.#options;
    if (!releaseAfterMs) {
      this.#wire!.send(packets.pubrel(id));
      return;
    }
    this.#heldReleases.push(id);
    this.#releaseTimer ??= setTimeout(() => {
      this.#releaseTimer = undefined;
      for (const held of this.#heldReleases.splice(0)) this.#wire?.send(packets.pubrel(held));
    }, releaseAfterMs);
  }
}
