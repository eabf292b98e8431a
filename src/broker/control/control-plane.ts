import { Aedes, type AedesOptions, type Client } from 'aedes';
import { writeToStream } from 'mqtt-packet';
import type { ConnectPacket } from '../../mqtt/connect.ts';
import type { Recovered } from '../../store/recovery/load-state.ts';
import type { Store } from '../../store/store.ts';
import type { Connection } from '../clients/connection.ts';
import type { LocalMessage } from '../messages/local-message.ts';
import { AedesPersistence, type AedesWill } from './aedes-persistence.ts';
import { ControlStream } from './control-stream.ts';
import { DelayedWills, type DueWill } from './delayed-wills.ts';
import { KeptWills } from './kept-wills.ts';

/** Why aedes closes a client, where it gives no error. */
const STOPPING = 'the gateway stops';
const TAKEN_OVER = 'another client has connected with its client id';

export interface ControlPlaneEvents {
  /** The client is registered and every earlier connection with its id is closed. */
  registered(connection: Connection, clientId: string): void;
  /** CONNACK may be sent; the client is accepted when the code is 0. */
  connack(connection: Connection, returnCode: number): void;
  /** aedes has closed the client. */
  ended(connection: Connection, reason: string): void;
  /** A will must be published, in this turn, so that it is in the next commit. */
  will(message: LocalMessage | DueWill, clientId: string): void;
  /** How long the session of an absent client lives, in milliseconds; 0 for none. */
  sessionMs(clientId: string): number;
  /** Calls back with every message of the topic until the returned function is called. */
  watch(topic: string, published: () => void): () => void;
}

/** The longest string of the standard: MQTT 3.1 allows ids of 23 characters, but its clients use longer ones. */
const CLIENT_ID_LIMIT = 65_535;

// Else the first CONNACK makes a buffer for each of 65,536 numbers: tens of milliseconds in one turn, and their memory.
writeToStream.cacheNumbers = false;

const PINGRESP = Buffer.from([0xd0, 0]);
/** Refuses a will to aedes, which deletes it then. */
const DISCONNECTED = new Error('the client has disconnected');

function isLeaving(client: Client | null): boolean {
  return (client?.conn as ControlStream | undefined)?.isLeaving === true;
}

/** aedes whose publications go to our data plane instead of aedes' emitter. */
class ControlBroker extends Aedes {
  onWill: ((will: AedesWill) => void) | undefined;

  override publish(
    packet: AedesWill,
    client: unknown,
    done?: (error?: Error | null) => void,
  ): void {
    const callback = typeof client === 'function' ? (client as () => void) : done;
    // aedes' messages to other brokers of a cluster are dropped here.
    if (!packet.topic.startsWith('$SYS/')) this.onWill?.(packet);
    callback?.();
  }
}

/** Connecting, takeover and wills, done by aedes through its public interface. */
export class ControlPlane {
  /** The wills of clients of MQTT 5. */
  readonly delayedWills: DelayedWills;
  readonly #broker: ControlBroker;
  readonly #events: ControlPlaneEvents;
  readonly #streams = new WeakMap<Connection, ControlStream>();
  readonly #registered = new Map<string, Client>();
  readonly #persistence: AedesPersistence<Client>;
  readonly #kept: KeptWills;
  #isStopping = false;
  readonly #reasons = new WeakMap<Connection, string>();

  constructor(store: Store, events: ControlPlaneEvents) {
    this.#events = events;
    const persistence = new AedesPersistence<Client>({
      store,
      registered: (clientId) => this.#registered.get(clientId),
      accepted: ({ conn }) => events.connack((conn as ControlStream).connection, 0),
    });
    this.#persistence = persistence;
    this.delayedWills = new DelayedWills({
      store,
      sessionMs: (clientId) => events.sessionMs(clientId),
      publish: (will, clientId) => events.will(will, clientId),
      watch: (topic, published) => events.watch(topic, published),
    });
    this.#kept = new KeptWills({
      publish: (will, clientId) => events.will(will, clientId),
      forget: (clientId) => persistence.forget(clientId),
      watch: (topic, published) => events.watch(topic, published),
    });
    const options: AedesOptions = {
      persistence,
      maxClientsIdLength: CLIENT_ID_LIMIT,
      authorizePublish: (client, _will, done) => done(isLeaving(client) ? DISCONNECTED : null),
    };
    this.#broker = new ControlBroker(options);
    this.#broker.onWill = (will) => {
      if (persistence.keepsWills) return;
      const { topic, payload, qos, retain } = will;
      const message = { topic, payload: Buffer.from(payload as string), qos: qos as 0, retain };
      events.will(message, will.clientId!);
      persistence.publishing(will);
    };
    this.#broker.on('client', (client) => {
      this.#registered.set(client.id, client);
      this.#kept.drop(client.id);
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

  /** Takes the wills that the last run has left: see `KeptWills`. */
  async start(
    { wills, delayedWills }: Pick<Recovered, 'wills' | 'delayedWills'>,
    graceMs: number,
  ): Promise<void> {
    await this.#broker.listen();
    this.#kept.start(wills, graceMs);
    this.delayedWills.start(delayedWills, graceMs);
  }

  /** Closes all clients. Wills are not published, because the clients did nothing wrong; they are kept for the next start. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#kept.stop();
    this.delayedWills.stop();
    this.#persistence.keepWills();
    await new Promise<void>((resolve) => this.#broker.close(resolve));
  }

  connect(connection: Connection, packet: ConnectPacket): void {
    const stream = new ControlStream(connection, {
      refused: (returnCode) => this.#events.connack(connection, returnCode),
      ended: () => {
        const reason = this.#reasons.get(connection) ?? (this.#isStopping ? STOPPING : TAKEN_OVER);
        this.#events.ended(connection, reason);
      },
    });
    this.#streams.set(connection, stream);
    this.#broker.handle(stream);
    stream.connect(packet);
  }

  ping({ sendBuffer }: Connection): void {
    sendBuffer.write(PINGRESP);
  }

  disconnect(connection: Connection): void {
    if (connection.protocol5) this.delayedWills.drop(connection.session!.clientId);
    this.#streams.get(connection)?.disconnect();
  }

  /** The connection is lost: the will is published unless DISCONNECT was received before. */
  lost(connection: Connection): void {
    const { session, protocol5 } = connection;
    if (session && protocol5) {
      this.delayedWills.lost(session.clientId, session.isOver ? 0 : session.expiryMs);
    }
    this.#streams.get(connection)?.destroy();
  }
}
