import { Readable } from 'node:stream';
import type { Store } from '../../store/store.ts';

/** A will as aedes stores and reads it. */
export interface AedesWill {
  topic: string;
  payload: Buffer | string;
  qos: number;
  retain: boolean;
  brokerId?: string;
  clientId?: string;
}

interface AedesClient {
  readonly id: string;
}

interface ClosableClient extends AedesClient {
  readonly closed: boolean;
}

export interface AedesPersistenceParts<Client> {
  readonly store: Store;
  /** aedes' client object that has the id at present. */
  registered(clientId: string): object | undefined;
  /** aedes has registered the client, and would answer its CONNECT next. */
  accepted(client: Client): void;
}

/**
 * The persistence that aedes needs as the control plane: it stores wills. Sessions, queues and retained messages belong
 * to the data plane, so the functions for them do nothing.
 */
export class AedesPersistence<Client extends ClosableClient = ClosableClient> {
  readonly #parts: AedesPersistenceParts<Client>;
  readonly #wills = new Map<string, { will: AedesWill; owner: AedesClient }>();
  #brokerId = '';
  keepsWills = false;

  constructor(parts: AedesPersistenceParts<Client>) {
    this.#parts = parts;
  }

  /** A native async function: aedes refuses any other. */
  async setup(broker: { id: string }): Promise<void> {
    this.#brokerId = broker.id;
  }

  async putWill(client: AedesClient, will: AedesWill): Promise<void> {
    will.brokerId = this.#brokerId;
    will.clientId = client.id;
    this.#wills.set(client.id, { will, owner: client });
    const payload = Uint8Array.from(Buffer.from(will.payload as string));
    this.#parts.store.journal.add([
      'putWill',
      client.id,
      will.topic,
      will.qos,
      will.retain ? 1 : 0,
      payload,
    ]);
  }

  async getWill(client: AedesClient): Promise<AedesWill | undefined> {
    return this.#wills.get(client.id)?.will;
  }

  /** The will is published in this turn of the event loop, so that one commit deletes it and stores its messages. */
  publishing(will: AedesWill): void {
    const clientId = will.clientId!;
    if (this.#wills.get(clientId)?.will !== will) return;
    this.#wills.delete(clientId);
    this.forget(clientId);
  }

  /**
   * aedes deletes by client id when a client has closed. After a takeover the will with this id may already be the
   * new client's, which is kept.
   */
  async delWill(client: AedesClient): Promise<AedesWill | undefined> {
    const stored = this.#wills.get(client.id);
    if (!stored || this.keepsWills) return undefined;
    const registered = this.#parts.registered(client.id);
    if (registered && registered !== stored.owner && client !== stored.owner) return undefined;
    this.#wills.delete(client.id);
    this.forget(client.id);
    return stored.will;
  }

  /** The gateway stops: from here on the end of a client does not delete its will. */
  keepWills(): void {
    this.keepsWills = true;
  }

  /** Deletes the will on disk with this id, unless it belongs to a client that has connected since. */
  forget(clientId: string): void {
    if (!this.#wills.has(clientId)) this.#parts.store.journal.add(['deleteWill', clientId]);
  }

  /** Wills of other brokers; our wills are published when their client is lost, or at the start after a crash. */
  streamWill(brokers: Record<string, unknown> = {}): Readable {
    const foreign = [...this.#wills.values()]
      .map(({ will }) => will)
      .filter(({ brokerId }) => brokerId !== this.#brokerId && !brokers[brokerId ?? '']);
    return Readable.from(foreign);
  }

  async storeRetained(): Promise<void> {}
  async addSubscriptions(): Promise<void> {}
  async removeSubscriptions(): Promise<void> {}
  async cleanSubscriptions(): Promise<void> {}

  /**
   * aedes calls this before it sends CONNACK, and when the client has closed. The first one is never finished, as CONNACK
   * is sent by the data plane: what aedes does after it, for messages that it does not have, costs more than all before.
   */
  async cleanIncoming(client: Client): Promise<void> {
    if (client.closed) return;
    this.#parts.accepted(client);
    await new Promise<never>(() => undefined);
  }

  async subscriptionsByClient(): Promise<never[]> {
    return [];
  }
  async subscriptionsByTopic(): Promise<never[]> {
    return [];
  }
  async outgoingEnqueueCombi(): Promise<void> {}
  outgoingStream(): Readable {
    return Readable.from([]);
  }
  createRetainedStreamCombi(): Readable {
    return Readable.from([]);
  }
}
