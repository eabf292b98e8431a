import { Client5 } from '../../../support/client-5.ts';
import type { Packet5 } from '../../../support/packets-5.ts';
import * as p from '../../../support/packets-5.ts';
import { until } from '../../../support/until.ts';

/** Longer than a busy machine stands still. */
const PATIENCE_MS = 30_000;

/** A subscriber with a session and, as the standard demands, with state of its own over connections. */
export class Watcher {
  readonly arrived: { readonly packet: Packet5; readonly at: number }[] = [];
  readonly #clientId: string;
  readonly #now: () => number;
  readonly #held = new Set<number>();
  #client: Client5 | undefined;

  constructor(clientId: string, now: () => number) {
    this.#clientId = clientId;
    this.#now = now;
  }

  /** Resolves with whether its session was there. */
  async connect(port: number): Promise<boolean> {
    this.#client?.destroy();
    const client = await Client5.open('tcp', port);
    this.#client = client;
    await client.connect({
      clientId: this.#clientId,
      clean: false,
      properties: [['sessionExpiry', 0xffffffff]],
    });
    void this.#listen(client);
    void this.#complete(client);
    return client.connack.sessionPresent === true;
  }

  async subscribe(filter: string): Promise<void> {
    await this.#client!.subscribe([[filter, 2]]);
  }

  /** Resolves when this message has arrived. */
  async until(payload: string): Promise<void> {
    const hasArrived = (): boolean => this.arrived.some(({ packet }) => packet.payload === payload);
    await until(`the watcher has got ${payload}`, hasArrived, PATIENCE_MS);
  }

  /** Takes what comes the moment it comes, until the connection ends. */
  async #listen(client: Client5): Promise<void> {
    for (;;) {
      const packet = await client.take('publish').catch(() => undefined);
      if (packet) this.#receive(client, packet);
      else if (client.raw.state !== 'open') return;
    }
  }

  #receive(client: Client5, packet: Packet5): void {
    const id = packet.id!;
    if (!this.#held.has(id)) this.arrived.push({ packet, at: this.#now() });
    if (packet.qos === 1) return client.send(p.acknowledge('puback', id));
    this.#held.add(id);
    client.send(p.acknowledge('pubrec', id));
  }

  /** Answers each PUBREL, also one of the connection before. */
  async #complete(client: Client5): Promise<void> {
    for (;;) {
      const packet = await client.take('pubrel').catch(() => undefined);
      if (packet) {
        this.#held.delete(packet.id!);
        client.send(p.acknowledge('pubcomp', packet.id!));
      } else if (client.raw.state !== 'open') return;
    }
  }

  destroy(): void {
    this.#client?.destroy();
  }
}
