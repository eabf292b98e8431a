import { Aedes, type AedesOptions, type Client } from 'aedes';
import type { ConnectPacket } from '../../mqtt/codec.ts';
import type { StoredWill } from '../../store/recovery/load-state.ts';
import type { Store } from '../../store/store.ts';
import type { Connection } from '../clients/connection.ts';
import type { LocalMessage } from '../messages/local-message.ts';
import { AedesPersistence, type AedesWill } from './aedes-persistence.ts';
import { ControlStream } from './control-stream.ts';

export interface ControlPlaneEvents {
  /** The client is registered and every earlier connection with its id is closed. */
  registered(connection: Connection, clientId: string): void;
  /** CONNACK may go out; the session is open when the code is 0. */
  connack(connection: Connection, returnCode: number): void;
  /** aedes has let go of the client. */
  ended(connection: Connection, reason: string): void;
  /** A will is due: in this turn it goes into the next commit. */
  will(message: LocalMessage): void;
}

/** Ids as long as the standard's strings: MQTT 3.1 allows 23 characters, its clients use more. */
const CLIENT_ID_LIMIT = 65_535;

/** aedes with its publishes led into our data plane: nothing of its own reaches its emitter. */
class ControlBroker extends Aedes {
  onWill: ((will: AedesWill) => void) | undefined;

  override publish(
    packet: AedesWill,
    client: unknown,
    done?: (error?: Error | null) => void,
  ): void {
    const callback = typeof client === 'function' ? (client as () => void) : done;
    // aedes' notes to other brokers of a cluster end here.
    if (!packet.topic.startsWith('$SYS/')) this.onWill?.(packet);
    callback?.();
  }
}

/** Connecting, authentication, takeover and wills, as aedes does them behind its public interface. */
export class ControlPlane {
  readonly #broker: ControlBroker;
  readonly #events: ControlPlaneEvents;
  readonly #streams = new WeakMap<Connection, ControlStream>();
  readonly #registered = new Map<string, Client>();
  readonly #persistence: AedesPersistence;
  /** Wills of the last run whose clients have not come back. */
  readonly #left = new Map<string, StoredWill>();
  #grace: NodeJS.Timeout | undefined;
  readonly #reasons = new WeakMap<Connection, string>();

  constructor(store: Store, events: ControlPlaneEvents) {
    this.#events = events;
    const persistence = new AedesPersistence(store, (clientId) => this.#registered.get(clientId));
    this.#persistence = persistence;
    const options: AedesOptions = {
      persistence,
      maxClientsIdLength: CLIENT_ID_LIMIT,
      authorizePublish: (_client, _packet, done) => done(null),
    };
    this.#broker = new ControlBroker(options);
    this.#broker.onWill = (will) => {
      if (persistence.keepsWills) return;
      const { topic, payload, qos, retain } = will;
      const message = { topic, payload: Buffer.from(payload as string), qos: qos as 0, retain };
      events.will(message);
      persistence.publishing(will);
    };
    this.#broker.on('client', (client) => {
      this.#registered.set(client.id, client);
      if (this.#left.delete(client.id)) persistence.forget(client.id);
      events.registered((client.conn as ControlStream).connection, client.id);
    });
    this.#broker.on('clientDisconnect', (client) => {
      if (this.#registered.get(client.id) === client) this.#registered.delete(client.id);
    });
    const keepReason = (client: Client, error: Error): void => {
      this.#reasons.set((client.conn as ControlStream).connection, error.message);
    };
    this.#broker.on('clientError', keepReason);
    this.#broker.on('connectionError', keepReason);
  }

  /**
   * Publishes the wills that the last run has left: after a crash at once, for nobody else tells of those clients;
   * after a clean stop only those of clients that don't come back within `graceMs`.
   */
  async start(left: readonly StoredWill[], graceMs: number): Promise<void> {
    await this.#broker.listen();
    for (const will of left) this.#left.set(will.clientId, will);
    if (graceMs === 0) this.#publishLeft();
    else this.#grace = setTimeout(() => this.#publishLeft(), graceMs);
  }

  #publishLeft(): void {
    for (const { clientId, ...will } of this.#left.values()) {
      this.#events.will(will);
      this.#persistence.forget(clientId);
    }
    this.#left.clear();
  }

  /** Closes what is left. No will is published, for the clients did nothing wrong; they stay for the next start. */
  async stop(): Promise<void> {
    clearTimeout(this.#grace);
    this.#persistence.keepWills();
    await new Promise<void>((resolve) => this.#broker.close(resolve));
  }

  connect(connection: Connection, packet: ConnectPacket): void {
    const stream = new ControlStream(connection, {
      connack: (returnCode) => this.#events.connack(connection, returnCode),
      bytes: (bytes) => connection.sendBuffer.write(bytes),
      ended: () => {
        const reason = this.#reasons.get(connection) ?? 'closed by the broker';
        this.#events.ended(connection, reason);
      },
    });
    this.#streams.set(connection, stream);
    this.#broker.handle(stream);
    stream.connect(packet);
  }

  ping(connection: Connection): void {
    this.#streams.get(connection)?.ping();
  }

  disconnect(connection: Connection): void {
    this.#streams.get(connection)?.disconnect();
  }

  /** The socket is gone: the will is due unless DISCONNECT came before. */
  lost(connection: Connection): void {
    this.#streams.get(connection)?.destroy();
  }
}
