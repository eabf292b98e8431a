import type { Clock } from '../../base/clock.ts';
import { ProtocolError } from '../../mqtt/codec.ts';
import { addressGroup, LOOPBACK } from '../../net/address-group.ts';
import type { Transport, TransportEvents } from '../../net/transport.ts';
import type { DataPlane } from '../messages/data-plane.ts';
import type { MemoryBudget } from '../messages/memory-budget.ts';
import { Publication } from '../messages/publication.ts';
import { type Most, mostOf } from '../stats/limit-troubles.ts';
import type { OnceLog } from '../stats/once-log.ts';
import type { TrafficCounters } from '../stats/traffic-counters.ts';
import { BufferPool } from './buffer-pool.ts';
import { Connection, type ConnectionHandlers, type ConnectionParts } from './connection.ts';
import { FlushQueue } from './flush-queue.ts';
import type { Handshake } from './handshake.ts';
import { ReadTurns } from './read-turns.ts';

/** Milliseconds, bytes and counts; read when a connection is accepted. */
export interface ConnectionLimits {
  readonly connections: number;
  /** From one address or IPv6 network; undefined for 100, on loopback half of all. */
  readonly connectionsPerAddress?: number | undefined;
  /** Without a CONNECT. */
  readonly connecting: number;
  readonly packet: number;
  readonly connectTimeout: number;
}

export interface ConnectionsParts {
  readonly limits: ConnectionLimits;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly memory: MemoryBudget;
  readonly traffic: TrafficCounters;
  readonly log: OnceLog;
  /** A connection was refused or closed because of this limit. */
  reached(key: 'connections' | 'connectionsPerAddress' | 'connecting'): void;
  readonly plane: DataPlane;
  readonly handshake: Handshake;
  readonly control: ConnectionHandlers['control'] & {
    /** The connection has ended without a DISCONNECT. */
    lost(connection: Connection): void;
  };
}

/** Connections of one address where the config says nothing else. */
const PER_ADDRESS = 100;
/** A connection that is so young, in milliseconds, may have sent a CONNECT that was not read yet. */
const YOUNG_MS = 100;
/** Connections above the limit that are still accepted and refused with a CONNACK. */
const REFUSED_AT_ONCE = 100;

/** All connections of the broker: accepts them within the limits, counts them and closes silent ones. */
export class Connections implements Iterable<Connection> {
  readonly #parts: ConnectionsParts;
  readonly #connectionParts: ConnectionParts;
  /** With the group of addresses by which each is counted. */
  readonly #connections = new Map<Connection, string>();
  readonly #perAddress = new Map<string, number>();
  /** Those without a CONNECT, the oldest first. */
  readonly #connecting = new Set<Connection>();
  #maximum = 0;
  /** Packets of connections that have ended. */
  #packetsReceived = 0;
  #stopping = false;

  constructor(parts: ConnectionsParts) {
    const { limits, clock, memory, traffic, plane, handshake, control } = parts;
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
      pool: new BufferPool(),
      flushQueue: new FlushQueue(),
      publication: new Publication(),
      turns: new ReadTurns(() => clock.monotonic()),
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

  /** Takes the transport, or refuses it while the gateway stops or far too many are connected. */
  accept(transport: Transport): TransportEvents | undefined {
    const { limits, traffic, log, reached } = this.#parts;
    const { remoteAddress } = transport;
    const group = addressGroup(remoteAddress);
    const fromAddress = this.#perAddress.get(group) ?? 0;
    const isFull = this.#connections.size >= limits.connections + REFUSED_AT_ONCE;
    const hasTooMany = fromAddress >= this.#limitOf(group) + REFUSED_AT_ONCE;
    const isRefused =
      (hasTooMany && !this.#closeSilent('connectionsPerAddress', group, YOUNG_MS)) ||
      (isFull && !this.#closeSilent('connections', undefined, YOUNG_MS));
    if (this.#stopping || isRefused) {
      if (isRefused) reached(hasTooMany ? 'connectionsPerAddress' : 'connections');
      log.info(remoteAddress, 'too many connections');
      return undefined;
    }
    if (this.#connecting.size >= limits.connecting) this.#closeSilent('connecting');
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
      if (this.#closeSilent('connectionsPerAddress', group)) continue;
      reached('connectionsPerAddress');
      return true;
    }
    while (this.#connections.size > limits.connections) {
      if (this.#closeSilent('connections')) continue;
      reached('connections');
      return true;
    }
    return false;
  }

  #limitOf(group: string): number {
    const { connections, connectionsPerAddress } = this.#parts.limits;
    if (connectionsPerAddress !== undefined) return connectionsPerAddress;
    // All programs of the machine share loopback.
    return group === LOOPBACK ? Math.max(PER_ADDRESS, Math.ceil(connections / 2)) : PER_ADDRESS;
  }

  /** Closes the oldest connection without a CONNECT, of the group if there is one; false where there is none so old. */
  #closeSilent(
    key: 'connections' | 'connectionsPerAddress' | 'connecting',
    group?: string,
    olderThanMs = 0,
  ): boolean {
    const { clock, reached } = this.#parts;
    for (const connection of this.#connecting) {
      if (group !== undefined && this.#connections.get(connection) !== group) continue;
      if (clock.monotonic() - connection.heardAt < olderThanMs) return false;
      reached(key);
      connection.close('no CONNECT, and others need the room');
      return true;
    }
    return false;
  }

  /** Ends a client's connection, its will is published; false where it is not connected. */
  disconnectClient(clientId: string): boolean {
    for (const connection of this) {
      if (connection.session?.clientId !== clientId) continue;
      connection.close('disconnected by an operator');
      return true;
    }
    return false;
  }

  /** Ends all connections that are there. */
  closeAll(reason: string): void {
    for (const connection of [...this]) connection.close(reason);
  }

  /** The gateway stops: accepts no more, and does not log the end of those that are there. */
  stopAccepting(): void {
    this.#stopping = true;
  }

  closed(connection: Connection, reason: string): void {
    const group = this.#connections.get(connection);
    if (group === undefined) return;
    this.#connections.delete(connection);
    this.#connecting.delete(connection);
    const { plane, handshake, control, log } = this.#parts;
    const { remoteAddress } = connection;
    this.#packetsReceived += connection.packetsReceived;
    const left = this.#perAddress.get(group)! - 1;
    if (left > 0) this.#perAddress.set(group, left);
    else this.#perAddress.delete(group);
    const session = connection.session ?? handshake.sessionOf(connection);
    if (session) plane.sessions.clientGone(session);
    if (connection.leaving) return;
    control.lost(connection);
    if (!this.#stopping) log.info(session?.clientId || remoteAddress, reason);
  }

  /** Ends the connections of clients that have been silent for too long. */
  sweep(): void {
    for (const connection of this) {
      connection.sendBuffer.measure();
      if (!connection.overdue) continue;
      const reason = connection.session ? 'keepalive ran out' : 'no CONNECT in time';
      connection.fail(new ProtocolError(reason));
    }
  }
}
