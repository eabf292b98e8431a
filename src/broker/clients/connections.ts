import type { Clock } from '../../base/clock.ts';
import type { Faults } from '../../base/faults.ts';
import { TurnBudget } from '../../base/turn-budget.ts';
import { TurnQuota } from '../../base/turn-quota.ts';
import { ProtocolError } from '../../mqtt/protocol-error.ts';
import { PublishProperties } from '../../mqtt/publish-properties.ts';
import {
  ADMINISTRATIVE_ACTION,
  KEEP_ALIVE_TIMEOUT,
  NOT_AUTHORIZED,
  QUOTA_EXCEEDED,
  SERVER_BUSY,
  SERVER_UNAVAILABLE,
} from '../../mqtt/reason-codes.ts';
import { addressGroup, LOOPBACK } from '../../net/address-group.ts';
import type { Transport, TransportEvents } from '../../net/transport.ts';
import type { TopicLimits } from '../messages/control-characters.ts';
import type { DataPlane } from '../messages/data-plane.ts';
import type { MemoryBudget } from '../messages/memory-budget.ts';
import { Publication } from '../messages/publication.ts';
import { type Most, mostOf } from '../stats/limit-troubles.ts';
import type { OnceLog } from '../stats/once-log.ts';
import type { TrafficCounters } from '../stats/traffic-counters.ts';
import { BufferPool } from './buffer-pool.ts';
import { Connection } from './connection.ts';
import { connectionName } from './connection-name.ts';
import type { ConnectionHandlers, ConnectionParts } from './connection-parts.ts';
import { FlushQueue } from './flush-queue.ts';
import type { Handshake } from './handshake.ts';
import type { Protocol5Limits } from './protocol-5.ts';

/** Milliseconds, bytes and counts; read when a connection is accepted. */
export interface ConnectionLimits extends Protocol5Limits, TopicLimits {
  readonly connections: number;
  /** From one address or IPv6 network; undefined for 100, on loopback half of all. */
  readonly connectionsPerAddress?: number | undefined;
  /** Without a CONNECT, or with a login that is not finished. */
  readonly connecting: number;
  readonly packet: number;
  readonly connectTimeout: number;
  readonly packetTimeout: number;
}

export interface ConnectionsParts {
  readonly limits: ConnectionLimits;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Milliseconds of the stored clock. */
  storedNow(): number;
  readonly memory: MemoryBudget;
  readonly traffic: TrafficCounters;
  readonly log: OnceLog;
  readonly faults: Faults;
  /** A connection was refused or closed because of this limit. */
  reached(key: 'connections' | 'connectionsPerAddress' | 'connecting'): void;
  readonly plane: DataPlane;
  readonly handshake: Handshake;
  readonly control: ConnectionHandlers<Connection>['control'] & {
    /** The connection has ended without a DISCONNECT. */
    lost(connection: Connection): void;
  };
}

/** Connections above a limit that are still accepted, so that they are refused with a CONNACK. */
const REFUSED_AT_ONCE = 4096;
/** Connections of one address where the config says nothing else. */
const PER_ADDRESS = 100;
/** In a crowd of connections, a CONNECT that has arrived may wait for so many milliseconds until it is read. */
const CONNECT_READ_MS = 1000;

/** Connections that leave the control plane and the log in one turn: thousands may be lost at once. */
const LOST_PER_TURN = 64;
/** Connections that one sweep ends; the next sweeps end the others. */
const ENDS_PER_SWEEP = 200;

/** All connections of the broker: accepts them within the limits, counts them and closes silent ones. */
export class Connections implements Iterable<Connection> {
  readonly #parts: ConnectionsParts;
  readonly #connectionParts: ConnectionParts<Connection>;
  /** With the group of addresses by which each is counted. */
  readonly #connections = new Map<Connection, string>();
  readonly #perAddress = new Map<string, number>();
  /** Those without a CONNECT, or whose login is not finished, the oldest first. */
  readonly #connecting = new Set<Connection>();
  #maximum = 0;
  /** Where all connections read and collect their bytes. */
  readonly pool: BufferPool = new BufferPool();
  /** Packets of connections that have ended. */
  #packetsReceived = 0;
  #stopping = false;
  readonly #lost = new TurnQuota(LOST_PER_TURN);

  constructor(parts: ConnectionsParts) {
    const { limits, clock, storedNow, memory, traffic, plane, handshake, control, faults } = parts;
    this.#parts = parts;
    this.#connectionParts = {
      handlers: {
        handshake,
        control,
        messages: plane,
        subscriptions: plane.subscriptions,
        connections: this,
      },
      limits,
      now: () => clock.monotonic(),
      memory,
      traffic,
      pool: this.pool,
      flushQueue: new FlushQueue({
        now: () => clock.monotonic(),
        failed: (error) => faults.caught('packet', 'sending to a client', error),
      }),
      failed: (connection, error) =>
        faults.caught('packet', `handling a packet of ${connectionName(connection)}`, error),
      storedNow,
      publication: new Publication(),
      publishProperties: new PublishProperties(),
      readBudget: new TurnBudget(() => clock.monotonic()),
    };
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#connections.keys();
  }

  get counts(): { connected: number; maximum: number; packetsReceived: number } {
    let packetsReceived = this.#packetsReceived;
    for (const connection of this) packetsReceived += connection.packetsReceived;
    return { connected: this.#connections.size, maximum: this.#maximum, packetsReceived };
  }

  /** The address, or the IPv6 network, with the most connections. */
  get most(): Most | undefined {
    return mostOf(
      this.#perAddress,
      ([group]) => group,
      ([, count]) => count,
    );
  }

  /** The client, or the address, whose unfinished packet uses the most memory. */
  get mostUnfinished(): Most | undefined {
    return mostOf(
      this,
      ({ session, remoteAddress }) => session?.clientId ?? remoteAddress,
      ({ unfinishedBytes }) => unfinishedBytes,
    );
  }

  /** Takes the transport, or refuses it while the gateway stops or far too many are connected. */
  accept(transport: Transport): TransportEvents | undefined {
    const { limits, traffic, log, reached } = this.#parts;
    const { remoteAddress } = transport;
    const group = addressGroup(remoteAddress);
    const fromAddress = this.#perAddress.get(group) ?? 0;
    const isFull = this.#connections.size >= limits.connections + REFUSED_AT_ONCE;
    const hasTooMany = fromAddress >= this.#limitOf(group) + REFUSED_AT_ONCE;
    const isRefused =
      (hasTooMany && !this.#closeSilent('connectionsPerAddress', group, CONNECT_READ_MS)) ||
      (isFull && !this.#closeSilent('connections', undefined, CONNECT_READ_MS));
    if (this.#stopping || isRefused) {
      if (isRefused) reached(hasTooMany ? 'connectionsPerAddress' : 'connections');
      log.info(remoteAddress, 'too many connections');
      return undefined;
    }
    if (this.#connecting.size >= limits.connecting) {
      this.#closeSilent('connecting', undefined, CONNECT_READ_MS);
    }
    const connection = new Connection(transport, this.#connectionParts);
    traffic.sockets++;
    this.#connections.set(connection, group);
    this.#connecting.add(connection);
    this.#perAddress.set(group, (this.#perAddress.get(group) ?? 0) + 1);
    this.#maximum = Math.max(this.#maximum, this.#connections.size);
    return connection;
  }

  /**
   * The connection has sent its CONNECT: whether there are more connections, in all or from its address, than the limits
   * allow. Connections without a CONNECT are closed first to make room.
   */
  isOverLimit(connection: Connection): boolean {
    const { limits, reached } = this.#parts;
    this.#connecting.delete(connection);
    const group = this.#connections.get(connection);
    if (group === undefined) return true;
    while (this.#perAddress.get(group)! > this.#limitOf(group)) {
      if (this.#closeSilent('connectionsPerAddress', group, CONNECT_READ_MS)) continue;
      reached('connectionsPerAddress');
      return true;
    }
    while (this.#connections.size > limits.connections) {
      if (this.#closeSilent('connections', undefined, CONNECT_READ_MS)) continue;
      reached('connections');
      return true;
    }
    return false;
  }

  /** Its CONNECT has come, but not all that its answer needs. */
  setConnecting(connection: Connection, isConnecting: boolean): void {
    if (!isConnecting) this.#connecting.delete(connection);
    else if (this.#connections.has(connection)) this.#connecting.add(connection);
  }

  #limitOf(group: string): number {
    const { connections, connectionsPerAddress } = this.#parts.limits;
    if (connectionsPerAddress !== undefined) return connectionsPerAddress;
    // All programs of the machine share loopback.
    return group === LOOPBACK ? Math.max(PER_ADDRESS, Math.ceil(connections / 2)) : PER_ADDRESS;
  }

  /** Closes the oldest connection without a CONNECT or with an unfinished login, of the group if there is one; false where there is none so old. */
  #closeSilent(
    key: 'connections' | 'connectionsPerAddress' | 'connecting',
    group: string | undefined,
    olderThanMs: number,
  ): boolean {
    const { clock, reached } = this.#parts;
    for (const connection of this.#connecting) {
      if (group !== undefined && this.#connections.get(connection) !== group) continue;
      if (connection.awaitsConnack) continue;
      if (clock.monotonic() - connection.life.activeAt < olderThanMs) return false;
      reached(key);
      const missing = connection.protocol5 ? 'its login is not finished' : 'no CONNECT';
      connection.fail(new ProtocolError(`${missing}, and others need the room`, SERVER_BUSY));
      return true;
    }
    return false;
  }

  /** Ends a client's connection and publishes its will; false if the client is not connected. */
  disconnectClient(clientId: string, reason: string, reasonCode = ADMINISTRATIVE_ACTION): boolean {
    for (const connection of this) {
      if (connection.session?.clientId !== clientId) continue;
      connection.close(reason, reasonCode);
      return true;
    }
    return false;
  }

  /** Ends all present connections, in parts. */
  *closeAll(reason: string, reasonCode: number): Generator<undefined, void> {
    for (const connection of [...this]) {
      connection.close(reason, reasonCode);
      yield;
    }
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  /** The gateway stops: accepts no more connections, and does not log the end of the present ones. */
  stopAccepting(): void {
    this.#stopping = true;
  }

  closed(connection: Connection, reason: string): void {
    const group = this.#connections.get(connection);
    if (group === undefined) return;
    this.#connections.delete(connection);
    this.#connecting.delete(connection);
    const { plane, handshake, control, log, faults } = this.#parts;
    const { remoteAddress } = connection;
    this.#packetsReceived += connection.packetsReceived;
    const left = this.#perAddress.get(group)! - 1;
    if (left > 0) this.#perAddress.set(group, left);
    else this.#perAddress.delete(group);
    const session = connection.session ?? handshake.sessionOf(connection);
    if (session) plane.sessions.clientGone(session);
    if (connection.leaving) return;
    const isLogged = !this.#stopping;
    const end = faults.guard('control', `ending ${connectionName(connection)}`, () => {
      control.lost(connection);
      if (isLogged) log.info(session?.clientId || remoteAddress, reason);
    });
    this.#lost.run(end);
  }

  /** Closes the connection whose unfinished packet uses the most memory; false where none uses more than `bytes`. */
  tooManyUnfinished(bytes: number): boolean {
    let [largest, most]: [Connection | undefined, number] = [undefined, bytes];
    for (const each of this) {
      if (each.unfinishedBytes > most) [largest, most] = [each, each.unfinishedBytes];
    }
    if (!largest) return false;
    const reason = 'all clients together have too many packets unfinished';
    largest.fail(new ProtocolError(reason, QUOTA_EXCEEDED));
    return true;
  }

  /** Ends the connections of clients that have been silent for too long, or send a packet that does not end. */
  sweep(): void {
    let ends = 0;
    for (const connection of this) {
      connection.sendBuffer.measure();
      connection.countUnseenBytes();
      if (ends >= ENDS_PER_SWEEP) continue;
      const error = overdueError(connection);
      if (!error) continue;
      ends++;
      connection.fail(error);
    }
  }
}

function overdueError(connection: Connection): ProtocolError | undefined {
  const { session, protocol5, awaitsConnack, overdue, slowPacket } = connection;
  if (!overdue) {
    const reason = 'a packet took longer than broker.limits.packetTimeout';
    return slowPacket ? new ProtocolError(reason) : undefined;
  }
  if (session) return new ProtocolError('keepalive ran out', KEEP_ALIVE_TIMEOUT);
  if (protocol5?.isAuthenticating) {
    return new ProtocolError('its login was not finished in time', NOT_AUTHORIZED);
  }
  if (!awaitsConnack) return new ProtocolError('no CONNECT in time');
  return new ProtocolError('its CONNECT could not be answered in time', SERVER_UNAVAILABLE);
}
