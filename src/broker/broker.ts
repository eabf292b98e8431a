import type { Logger } from 'pino';
import type { Access, AccessChange } from '../access/access.ts';
import type { Clock } from '../base/clock.ts';
import { type Faults, shortTopic } from '../base/faults.ts';
import type { Service } from '../base/lifecycle.ts';
import { TurnBudget } from '../base/turn-budget.ts';
import type { ListenerConfig } from '../config/schema/listeners.ts';
import { SERVER_SHUTTING_DOWN, SESSION_TAKEN_OVER } from '../mqtt/reason-codes.ts';
import { ListenerSet } from '../net/listeners.ts';
import type { Transport } from '../net/transport.ts';
import type { Upgrade, WebSocketUpgradeParts } from '../net/websocket.ts';
import type { ReportShare } from '../store/commit/queue-deletion.ts';
import type { Store } from '../store/store.ts';
import type { BrokerLimits } from './broker-limits.ts';
import { brokerCounts, brokerSessionList, brokerSessions } from './broker-status.ts';
import { applyAccess } from './clients/admission.ts';
import { connectionName } from './clients/connection-name.ts';
import { Connections } from './clients/connections.ts';
import { Handshake } from './clients/handshake.ts';
import { ControlPlane, type ControlPlaneEvents } from './control/control-plane.ts';
import { guardedEvents } from './control/guarded-events.ts';
import { limitSentences } from './limit-holders.ts';
import { DataPlane } from './messages/data-plane.ts';
import { Expiry } from './messages/expiry.ts';
import type { LocalMessage, ReceivedMessage } from './messages/local-message.ts';
import { MemoryBudget } from './messages/memory-budget.ts';
import type { Subscriber } from './messages/publication.ts';
import type { Session } from './messages/session.ts';
import { DropCounter } from './stats/drop-counter.ts';
import { type LimitKey, LimitTroubles } from './stats/limit-troubles.ts';
import { OnceLog } from './stats/once-log.ts';
import type { SessionList, SessionQuery } from './stats/session-list.ts';
import { type ShareStatus, shareStatuses } from './stats/share-status.ts';
import { type BrokerCounts, dropCounts, type SessionStatus } from './stats/status.ts';
import { TrafficCounters } from './stats/traffic-counters.ts';

export interface BrokerParts {
  readonly listeners: readonly ListenerConfig[];
  readonly limits: BrokerLimits;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: Faults;
  /** Which clients may connect and what they may do; without it, or without rules in it, only the listeners decide. */
  readonly access?: Access | undefined;
}

/** After a clean stop a client must reconnect within this time, else its will is published. */
const WILL_GRACE_MS = 60_000;
const SLOW_READER =
  'reads too slowly: it no longer holds up its publishers, and loses messages when its queue is full';
/** How often keepalives, expiries and slow readers are checked. */
const SWEEP_MS = 250;

/** The MQTT broker: listeners and connections; aedes controls the connections, our data plane handles the messages. */
export class Broker implements Service {
  readonly name = 'broker';
  readonly traffic: TrafficCounters = new TrafficCounters();
  readonly #parts: BrokerParts;
  readonly #limits: { -readonly [Key in keyof BrokerLimits]: BrokerLimits[Key] };
  readonly #drops: DropCounter;
  readonly #onceLog: OnceLog;
  readonly #limitTroubles: LimitTroubles;
  /** In which long work is done. */
  readonly #turnBudget: TurnBudget;
  readonly #plane: DataPlane;
  readonly #expiry: Expiry;
  readonly #control: ControlPlane;
  readonly #connections: Connections;
  readonly #listeners: ListenerSet;
  #sweep: NodeJS.Timeout | undefined;
  #expired = 0;

  constructor(parts: BrokerParts) {
    const { store, clock, log, faults } = parts;
    this.#parts = parts;
    const limits = { ...parts.limits };
    this.#limits = limits;
    const { traffic } = this;
    const limitTroubles = new LimitTroubles(() => clock.monotonic());
    this.#limitTroubles = limitTroubles;
    const reached = (key: LimitKey): void => limitTroubles.reached(key);
    const memory = new MemoryBudget(limits, reached);
    const drops = new DropCounter(log);
    this.#drops = drops;
    const onceLog = new OnceLog(log, () => clock.monotonic());
    this.#onceLog = onceLog;
    this.#turnBudget = new TurnBudget(() => clock.monotonic());
    const now = (): number => store.storedClock.now();
    const refused = (clientId: string, reason: string): void =>
      onceLog.info(clientId, reason, 'subscription refused');
    const slow = (clientId: string): void => onceLog.info(clientId, SLOW_READER, 'slow reader');
    const plane = new DataPlane({
      ...{ store, limits, drops, memory, traffic, faults },
      ...{ refused, reached, slow, now, wall: () => clock.wall() },
      turnBudget: this.#turnBudget,
      disconnect: ({ clientId }, reason, reasonCode) =>
        void this.#connections.disconnectClient(clientId, reason, reasonCode),
      tooManyUnfinished: (bytes) => this.#connections.tooManyUnfinished(bytes),
      ended: (clientId, reason) => onceLog.info(clientId, reason, 'session ended'),
      wills: () => this.#control.delayedWills,
    });
    this.#plane = plane;
    const handshake = new Handshake({
      failed: (connection, error) =>
        faults.caught('control', `connecting ${connectionName(connection)}`, error),
      ...{ limits, plane, drops, log: onceLog, access: parts.access },
      isOverLimit: (connection) => this.#connections.isOverLimit(connection),
      connecting: (connection, isConnecting) =>
        this.#connections.setConnecting(connection, isConnecting),
      connect: (connection, packet) => this.#control.connect(connection, packet),
      accepted: (clientId, will) => this.#control.delayedWills.connected(clientId, will),
    });
    const control = new ControlPlane(store, guardedEvents(this.#eventsFor(handshake), faults));
    this.#control = control;
    this.#connections = new Connections({
      ...{ limits, clock, memory, traffic, reached, plane, handshake, control, faults },
      storedNow: now,
      log: onceLog,
    });
    this.#listeners = new ListenerSet({
      limits,
      clock,
      log,
      accept: (transport) => this.#connections.accept(transport),
      readBuffer: this.#connections.pool.readBuffer,
      onTrouble: (...trouble) => onceLog.info(...trouble, 'listener in trouble'),
      onHandshakeFailed: (...failure) => onceLog.info(...failure, 'TLS handshake failed'),
    });
    this.#expiry = new Expiry({
      sessions: plane.sessions.byClientId,
      limits,
      now,
      retained: plane.retained,
      end: (session) => this.#expire(session),
      deleteRetained: (topic) => plane.deleteRetained(topic),
    });
  }

  #eventsFor(handshake: Handshake): ControlPlaneEvents {
    const plane = this.#plane;
    return {
      registered: (connection, clientId) => handshake.registered(connection, clientId),
      connack: (connection, returnCode) => handshake.connack(connection, returnCode),
      ended: (connection, reason) => {
        const { isStopping } = this.#connections;
        connection.close(reason, isStopping ? SERVER_SHUTTING_DOWN : SESSION_TAKEN_OVER);
      },
      will: (message, clientId) => plane.publishWill(message, clientId),
      sessionMs: (clientId) => plane.sessions.byClientId.get(clientId)?.expiryMs ?? 0,
      watch: (topic, published) => plane.local.watch(topic, published),
    };
  }

  async start(): Promise<void> {
    const { store, listeners, access } = this.#parts;
    this.#plane.recover();
    if (access) access.onChanged = (change) => this.#accessChanged(access, change);
    const { recovered } = store;
    await this.#control.start(recovered, recovered.stoppedCleanly ? WILL_GRACE_MS : 0);
    try {
      await this.#listeners.applyConfig(listeners);
    } catch (error) {
      await this.#closeAll();
      throw error;
    }
    this.#sweep = setInterval(() => this.sweep(), SWEEP_MS);
  }

  /**
   * Applies other listeners and limits while clients are connected. Rejects when a listener can't open; then call it
   * with the former config to restore that.
   */
  async applyConfig({ listeners, limits }: Pick<BrokerParts, 'listeners' | 'limits'>) {
    // A key without a value is not in the config.
    Object.assign(this.#limits, { connectionsPerAddress: undefined, sessions: undefined }, limits);
    this.#plane.router.forgetRoutes();
    await this.#listeners.applyConfig(listeners);
  }

  #accessChanged(access: Access, change: AccessChange): void {
    const { faults } = this.#parts;
    const work = applyAccess(access, change, this.#connections, this.#plane.subscriptions);
    this.#turnBudget.run(work, (error) => {
      if (error) faults.caught('control', 'applying changed access rules', error);
    });
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweep);
    this.#drops.stop();
    await this.#closeAll();
  }

  async #closeAll(): Promise<void> {
    this.#connections.stopAccepting();
    await this.#listeners.close();
    await this.#control.stop();
    for (const _ of this.#connections.closeAll('the gateway stops', SERVER_SHUTTING_DOWN));
  }

  /** Addresses that clients can connect to. */
  get urls(): readonly string[] {
    return this.#listeners.urls;
  }

  /** What is wrong with its certificates, and the limits that were reached, in a sentence each. */
  troubles(): string[] {
    const plane = this.#plane;
    const limits = limitSentences(this.#limitTroubles, this.#limits, plane, this.#connections);
    return [...this.#listeners.troubles(), ...limits];
  }

  get counts(): BrokerCounts {
    return brokerCounts(this.#plane, this.#connections, this.#drops, this.#expired);
  }

  get sessions(): readonly SessionStatus[] {
    return brokerSessions(this.#plane, this.#connections, this.#parts.store.storedClock);
  }

  /** The sessions that a query asks for. */
  sessionList(query: SessionQuery): Promise<SessionList> {
    return brokerSessionList(this.#plane, this.#connections, this.#parts.store.storedClock, query);
  }

  /** The groups of shared subscriptions. */
  get shares(): readonly ShareStatus[] {
    return shareStatuses(this.#plane.sessions.shares.groups);
  }

  get drops(): ReturnType<typeof dropCounts> {
    return dropCounts(this.#plane.sessions.byClientId, this.#drops);
  }

  /** Ends a client's connection and publishes its will; false if the client is not connected. */
  disconnectClient(clientId: string): boolean {
    return this.#connections.disconnectClient(clientId, 'disconnected by an operator');
  }

  /** Deletes what is queued for a client; undefined if it has no stored session. */
  purge(clientId: string, report: ReportShare): ReturnType<Session['purge']> | undefined {
    const session = this.#plane.sessions.byClientId.get(clientId);
    return session?.persistent ? session.purge(report) : undefined;
  }

  /** Accepts MQTT over WebSocket from another HTTP server, which checks the origin itself. */
  async webSocketUpgradeHandler(
    own: Pick<WebSocketUpgradeParts, 'admits' | 'provenBy'>,
  ): Promise<Upgrade> {
    const { createWebSocketUpgradeHandler } = await import('../net/websocket.ts');
    const { packet } = this.#limits;
    const accept = (transport: Transport) => this.#connections.accept(transport);
    return createWebSocketUpgradeHandler({ ...own, packet, accept, isAllowed: () => true });
  }

  /** Resolves when the message is in all its places on disk; at QoS 0 immediately. */
  publishLocal(message: LocalMessage): Promise<void> {
    try {
      return this.#plane.publishLocal(message);
    } catch (error) {
      const what = `publishing a message of ${shortTopic(message.topic)}`;
      this.#parts.faults.caught('delivery', what, error);
      return Promise.resolve();
    }
  }

  /** The payload of the topic's retained message, which must not be changed; undefined where it has none. */
  retainedPayload(topic: string): Buffer | undefined {
    return this.#plane.retained.payloadOf(topic);
  }

  /**
   * Calls `receive` with every matching message until the returned function is called.
   * An error of `receive` is counted and does not affect the publisher.
   */
  subscribeLocal(filter: string, receive: (message: ReceivedMessage) => unknown): () => void {
    const { faults } = this.#parts;
    return this.#plane.local.subscribe(filter, async (message) => {
      try {
        await receive(message);
      } catch (error) {
        faults.caught('command', `handling a message of ${shortTopic(message.topic)}`, error);
      }
    });
  }

  /** Sends every matching message to the subscriber from this call on; it may be called before `start`, to miss no message. */
  attach(filter: string, subscriber: Subscriber): () => void {
    return this.#plane.local.attach(filter, subscriber);
  }

  /** Whether a client or a part of the gateway has subscribed to this topic by name, not only by `cell/#` and alike. */
  isNamed(topic: string): boolean {
    return this.#plane.local.isNamed(topic);
  }

  /** Ends expired connections, sessions and messages. The broker calls it four times a second. */
  sweep(): void {
    const { flow, absent, sessions } = this.#plane;
    const { delayedWills } = this.#control;
    const parts = [
      ...[this.#connections, flow, absent, this.#expiry, sessions.shares],
      ...[delayedWills, this.#onceLog],
    ];
    this.#parts.faults.each(
      parts,
      (part) => part.sweep(),
      (_part, error) => this.#parts.faults.caught('control', 'ending what has expired', error),
    );
  }

  #expire(session: Session): void {
    this.#expired++;
    this.#plane.sessions.endSession(session, 'session-expired');
    this.#onceLog.info(session.clientId, 'its client stayed away', 'session expired');
  }
}
