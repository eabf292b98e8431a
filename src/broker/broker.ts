import type { Logger } from 'pino';
import type { Access, AccessChange } from '../access/access.ts';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import { isLoopback, type ListenerConfig } from '../config/schema/schema.ts';
import {
  type ConnectPacket,
  encodeConnack,
  ProtocolError,
  SERVER_UNAVAILABLE,
  type SubscribePacket,
  type UnsubscribePacket,
} from '../mqtt/codec.ts';
import { ListenerSet } from '../net/listeners.ts';
import type { Transport, TransportEvents } from '../net/transport.ts';
import type { Upgrade } from '../net/websocket.ts';
import type { Store } from '../store/store.ts';
import { admit } from './clients/admission.ts';
import { Connection, type ConnectionHandler } from './clients/connection.ts';
import { MemoryBudget } from './clients/memory-budget.ts';
import { TrafficCounters } from './clients/traffic-counters.ts';
import { ControlPlane } from './control/control-plane.ts';
import { DataPlane, type LocalMessage, type ReceivedMessage } from './messages/data-plane.ts';
import { Expiry } from './messages/expiry.ts';
import type { Publication, Subscriber } from './messages/publication.ts';
import type { Session, SessionLimits } from './messages/session.ts';
import { DropCounter } from './stats/drop-counter.ts';
import {
  type BrokerCounts,
  type DropCounts,
  dropsOf,
  type SessionStatus,
  sessionsOf,
  sumsOf,
} from './stats/status.ts';

/** Times in milliseconds, sizes in bytes. */
export interface BrokerLimits extends SessionLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly packet: number;
  readonly keepalive: number;
  readonly connectTimeout: number;
  readonly sessionExpiry: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
}

export interface BrokerParts {
  readonly listeners: readonly ListenerConfig[];
  readonly limits: BrokerLimits;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Who may connect and what they may do; without it, or its rules, the listeners alone decide. */
  readonly access?: Access;
}

/** How long after a clean stop a client may take to come back before its will is published. */
const WILL_GRACE_MS = 60_000;
/** How often keepalives and expiries are looked at. */
const SWEEP_MS = 250;
/** Connections over the limit that may still be told so by a CONNACK. */
const REFUSED_AT_ONCE = 100;
/** A reason is logged once a client in this time. */
const LOG_AGAIN_MS = 60_000;
const LOGGED_REASONS = 1000;

/** The MQTT broker: listeners, connections, aedes for their control and our data plane for their messages. */
export class Broker implements Service, ConnectionHandler {
  readonly name = 'broker';
  readonly #parts: BrokerParts;
  readonly #connections = new Set<Connection>();
  readonly #perAddress = new Map<string, number>();
  readonly #packets = new WeakMap<Connection, ConnectPacket>();
  readonly #present = new WeakMap<Connection, { session: Session; present: boolean }>();
  readonly #drops: DropCounter;
  readonly #plane: DataPlane;
  readonly #memory = new MemoryBudget();
  readonly traffic: TrafficCounters = new TrafficCounters();
  readonly #expiry: Expiry;
  #control!: ControlPlane;
  readonly #doors: ListenerSet;
  readonly #limits: { -readonly [Key in keyof BrokerLimits]: BrokerLimits[Key] };
  #sweep: NodeJS.Timeout | undefined;
  #maximum = 0;
  #packetsReceived = 0;
  #expired = 0;
  #stopping = false;
  readonly #logged = new Map<string, number>();

  constructor(parts: BrokerParts) {
    this.#parts = parts;
    this.#drops = new DropCounter(parts.log);
    const { store, clock } = parts;
    this.#limits = { ...parts.limits };
    const limits = this.#limits;
    this.#doors = new ListenerSet({
      limits,
      clock,
      log: parts.log,
      accept: (transport) => this.#accept(transport),
      onTrouble: (address, reason) => this.#logOnce(address, reason, 'listener in trouble'),
    });
    const now = (): number => store.storedClock.now();
    this.#plane = new DataPlane({
      store,
      limits,
      drops: this.#drops,
      memory: this.#memory,
      traffic: this.traffic,
      refused: (clientId, reason) => this.#logOnce(clientId, reason, 'subscription refused'),
      now,
    });
    this.#expiry = new Expiry({
      sessions: this.#plane.sessions,
      limits,
      now,
      end: (session) => this.#expire(session),
    });
  }

  async start(): Promise<void> {
    const { store, listeners, access } = this.#parts;
    this.#plane.recover();
    if (access) access.onChanged = (change) => this.#accessChanged(access, change);
    this.#control = new ControlPlane(store, {
      registered: (connection, clientId) => this.#registered(connection, clientId),
      connack: (connection, returnCode) => this.#connack(connection, returnCode),
      ended: (connection, reason) => connection.close(reason),
      will: (message) => this.#plane.publishWill(message),
    });
    const { wills, stoppedCleanly } = store.recovered;
    await this.#control.start(wills, stoppedCleanly ? WILL_GRACE_MS : 0);
    try {
      await this.#doors.applyConfig(listeners);
    } catch (error) {
      await this.#closeAll();
      throw error;
    }
    this.#sweep = setInterval(() => this.sweep(), SWEEP_MS);
  }

  /**
   * Other listeners and limits, while clients are connected. Rejects when a listener can't open; calling it with what
   * was before then puts that back.
   */
  async applyConfig({ listeners, limits }: Pick<BrokerParts, 'listeners' | 'limits'>) {
    Object.assign(this.#limits, limits);
    await this.#doors.applyConfig(listeners);
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweep);
    this.#drops.stop();
    await this.#closeAll();
  }

  /** Addresses that clients can connect to. */
  get urls(): readonly string[] {
    return this.#doors.urls;
  }

  /** What is wrong with its certificates, in a sentence. */
  troubles(): string[] {
    return this.#doors.troubles();
  }

  get counts(): BrokerCounts {
    let packetsReceived = this.#packetsReceived;
    for (const connection of this.#connections) packetsReceived += connection.packetsReceived;
    return {
      connected: this.#connections.size,
      maximum: this.#maximum,
      ...sumsOf(this.#plane, this.#drops),
      packetsReceived,
      expired: this.#expired,
    };
  }

  get sessions(): readonly SessionStatus[] {
    return sessionsOf(
      this.#plane.sessions.values(),
      this.#connections,
      this.#parts.store.storedClock,
    );
  }

  get drops(): DropCounts {
    return dropsOf(this.#plane.sessions, this.#drops);
  }

  /** Ends a client's connection, its will follows; false where it is not connected. */
  disconnectClient(clientId: string): boolean {
    for (const connection of this.#connections) {
      if (connection.session?.clientId !== clientId) continue;
      connection.close('disconnected by an operator');
      return true;
    }
    return false;
  }

  /** A way in for clients over an HTTP server of somebody else's, which looks at where they come from. */
  async webSocketUpgradeHandler(anonymous: boolean): Promise<Upgrade> {
    const { createWebSocketUpgradeHandler } = await import('../net/websocket.ts');
    const { packet } = this.#limits;
    const accept = (transport: Transport) => this.#accept(transport);
    return createWebSocketUpgradeHandler({ packet, anonymous, accept, isAllowed: () => true });
  }

  /** Resolves when all that the message owes is on disk; a QoS 0 message owes nothing. */
  publishLocal(message: LocalMessage): Promise<void> {
    return this.#plane.publishLocal(message);
  }

  /**
   * Hands every matching message to a part of the gateway until the returned function is called.
   * An error of its own is logged: it must not reach whoever published.
   */
  subscribeLocal(filter: string, receive: (message: ReceivedMessage) => void): () => void {
    return this.#plane.subscribeLocal(filter, (message) => {
      try {
        receive(message);
      } catch (error) {
        if (!this.#isNews(`${filter} ${error}`)) return;
        const { topic } = message;
        this.#parts.log.error({ error, topic }, 'a part of the gateway failed on a message');
      }
    });
  }

  /** Gives the subscriber every matching message from then on; before `start` too, so that it misses none. */
  attach(filter: string, subscriber: Subscriber): () => void {
    this.#plane.router.subscribe(filter, subscriber, 2);
    return () => this.#plane.router.unsubscribe(filter, subscriber);
  }

  async #closeAll(): Promise<void> {
    this.#stopping = true;
    await this.#doors.close();
    await this.#control.stop();
    for (const connection of [...this.#connections]) connection.close('the gateway stops');
  }

  #accept(transport: Transport): TransportEvents | undefined {
    const { clock } = this.#parts;
    const limits = this.#limits;
    const { remoteAddress } = transport;
    const fromAddress = (this.#perAddress.get(remoteAddress) ?? 0) + 1;
    if (
      this.#stopping ||
      this.#connections.size >= limits.connections + REFUSED_AT_ONCE ||
      (fromAddress > limits.connectionsPerAddress + REFUSED_AT_ONCE && !isLoopback(remoteAddress))
    ) {
      this.#logOnce(remoteAddress, 'too many connections');
      return undefined;
    }
    const connection = new Connection(
      transport,
      this,
      limits,
      () => clock.monotonic(),
      this.#memory,
      this.traffic,
    );
    this.traffic.sockets++;
    this.#connections.add(connection);
    this.#perAddress.set(remoteAddress, fromAddress);
    this.#maximum = Math.max(this.#maximum, this.#connections.size);
    return connection;
  }

  connect(connection: Connection, packet: ConnectPacket): void {
    const limits = this.#limits;
    if (
      this.#connections.size > limits.connections ||
      (this.#perAddress.get(connection.remoteAddress)! > limits.connectionsPerAddress &&
        !isLoopback(connection.remoteAddress))
    ) {
      this.#refuse(connection, 'too many connections', SERVER_UNAVAILABLE);
      return;
    }
    this.#packets.set(connection, packet);
    void this.#admit(connection, packet);
  }

  async #admit(connection: Connection, packet: ConnectPacket): Promise<void> {
    const { log, access } = this.#parts;
    if (access?.hasRules) {
      const refusal = await admit(access, connection, packet, this.#plane.sessions).catch(
        (error: unknown) => {
          log.error({ error }, 'could not judge a CONNECT');
          return { reason: 'it could not be judged', returnCode: SERVER_UNAVAILABLE };
        },
      );
      if (connection.closed) return;
      if (refusal) {
        this.#refuse(connection, refusal.reason, refusal.returnCode);
        return;
      }
    }
    this.#control.connect(connection, packet);
  }

  /** With another access file every client has to connect again; other rules close or restrict only those they concern. */
  #accessChanged(access: Access, change: AccessChange): void {
    for (const connection of [...this.#connections]) {
      if (change === 'file') {
        connection.close('another access file');
        continue;
      }
      const { session } = connection;
      if (!connection.access || !session) continue;
      const { identity } = connection.access;
      const rights = access.rightsOf(identity, session.clientId);
      if (!rights) {
        connection.close('no longer let in by the access file');
        continue;
      }
      connection.access = { identity, rights };
      this.#plane.revokeSubscriptions(session, rights);
    }
  }

  #refuse(connection: Connection, reason: string, returnCode: number): void {
    connection.sendBuffer.write(encodeConnack(false, returnCode));
    connection.close(reason);
  }

  #registered(connection: Connection, clientId: string): void {
    if (connection.closed) return;
    const { clean } = this.#packets.get(connection)!;
    const opened = this.#plane.openSession(clientId, clean);
    this.#present.set(connection, opened);
    if (!connection.access) return;
    const { identity, rights } = connection.access;
    this.#plane.setOwner(opened.session, identity.user ?? '');
    this.#plane.revokeSubscriptions(opened.session, rights);
  }

  #connack(connection: Connection, returnCode: number): void {
    if (connection.closed) return;
    const opened = this.#present.get(connection);
    if (returnCode !== 0 || !opened) {
      this.#refuse(
        connection,
        `refused with return code ${returnCode}`,
        returnCode || SERVER_UNAVAILABLE,
      );
      return;
    }
    const { keepalive, protocolName } = this.#packets.get(connection)!;
    this.#packets.delete(connection);
    connection.silenceLimitMs = keepalive * 1500;
    // MQTT 3.1 has no session-present flag.
    const present = opened.present && protocolName === 'MQTT';
    connection.sendBuffer.write(encodeConnack(present, 0));
    connection.open(opened.session);
  }

  publish(connection: Connection, publication: Publication, packetId: number): void {
    this.#plane.publish(connection, publication, packetId);
  }

  release(connection: Connection, packetId: number): void {
    this.#plane.release(connection, packetId);
  }

  subscribe(connection: Connection, packet: SubscribePacket): void {
    this.#plane.subscribe(connection, packet);
  }

  unsubscribe(connection: Connection, packet: UnsubscribePacket): void {
    this.#plane.unsubscribe(connection, packet);
  }

  ping(connection: Connection): void {
    this.#control.ping(connection);
  }

  disconnect(connection: Connection): void {
    this.#control.disconnect(connection);
  }

  closed(connection: Connection, reason: string): void {
    if (!this.#connections.delete(connection)) return;
    const { remoteAddress, session } = connection;
    this.#packetsReceived += connection.packetsReceived;
    const left = this.#perAddress.get(remoteAddress)! - 1;
    if (left > 0) this.#perAddress.set(remoteAddress, left);
    else this.#perAddress.delete(remoteAddress);
    const opened = session ?? this.#present.get(connection)?.session;
    if (opened) this.#plane.clientGone(opened);
    if (!connection.leaving) this.#control.lost(connection);
    if (!this.#stopping && !connection.leaving) {
      this.#logOnce(opened?.clientId || remoteAddress, reason);
    }
  }

  /** Looks for what has run out: keepalives, sessions, messages. Done by itself four times a second. */
  sweep(): void {
    this.#sweepConnections();
    this.#expiry.sweep();
  }

  #expire(session: Session): void {
    this.#expired++;
    this.#plane.endSession(session, 'session-expired');
    this.#parts.log.info({ client: session.clientId }, 'session expired');
  }

  #sweepConnections(): void {
    for (const connection of this.#connections) {
      connection.sendBuffer.measure();
      if (!connection.overdue) continue;
      const reason = connection.session ? 'keepalive ran out' : 'no CONNECT in time';
      connection.fail(new ProtocolError(reason));
    }
  }

  #logOnce(client: string, reason: string, what = 'connection closed'): void {
    if (this.#isNews(`${client} ${reason}`)) this.#parts.log.info({ client, reason }, what);
  }

  /** False for what was logged a short while ago. */
  #isNews(key: string): boolean {
    const now = this.#parts.clock.monotonic();
    const before = this.#logged.get(key);
    if (before !== undefined && now - before < LOG_AGAIN_MS) return false;
    if (this.#logged.size >= LOGGED_REASONS) this.#logged.clear();
    this.#logged.set(key, now);
    return true;
  }
}
