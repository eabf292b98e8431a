import type { Clock } from '../../base/clock.ts';
import { isLoopback } from '../../config/schema/listeners.ts';
import { ProtocolError } from '../../mqtt/codec.ts';
import type { Transport, TransportEvents } from '../../net/transport.ts';
import type { DataPlane } from '../messages/data-plane.ts';
import type { MemoryBudget } from '../messages/memory-budget.ts';
import { Publication } from '../messages/publication.ts';
import type { OnceLog } from '../stats/once-log.ts';
import type { TrafficCounters } from '../stats/traffic-counters.ts';
import { BufferPool } from './buffer-pool.ts';
import { Connection, type ConnectionHandlers, type ConnectionParts } from './connection.ts';
import { FlushQueue } from './flush-queue.ts';
import type { Handshake } from './handshake.ts';

/** Milliseconds, bytes and counts; read when a connection is accepted. */
export interface ConnectionLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly packet: number;
  readonly connectTimeout: number;
}

export interface ConnectionsParts {
  readonly limits: ConnectionLimits;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly memory: MemoryBudget;
  readonly traffic: TrafficCounters;
  readonly log: OnceLog;
  readonly plane: DataPlane;
  readonly handshake: Handshake;
  readonly control: ConnectionHandlers['control'] & {
    /** The connection has ended without a DISCONNECT. */
    lost(connection: Connection): void;
  };
}

/** Connections above the limit that are still accepted and refused with a CONNACK. */
const REFUSED_AT_ONCE = 100;

/** All connections of the broker: accepts them within the limits, counts them and closes silent ones. */
export class Connections implements Iterable<Connection> {
  readonly #parts: ConnectionsParts;
  readonly #connectionParts: ConnectionParts;
  readonly #connections = new Set<Connection>();
  readonly #perAddress = new Map<string, number>();
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
    };
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#connections.values();
  }

  get counts(): { connected: number; maximum: number; packetsReceived: number } {
    let packetsReceived = this.#packetsReceived;
    for (const connection of this.#connections) packetsReceived += connection.packetsReceived;
    return { connected: this.#connections.size, maximum: this.#maximum, packetsReceived };
  }

  /** Accepts the transport, or refuses it while the gateway stops or when far too many are connected. */
  accept(transport: Transport): TransportEvents | undefined {
    const { limits, traffic, log } = this.#parts;
    const { remoteAddress } = transport;
    const fromAddress = (this.#perAddress.get(remoteAddress) ?? 0) + 1;
    if (
      this.#stopping ||
      this.#connections.size >= limits.connections + REFUSED_AT_ONCE ||
      (fromAddress > limits.connectionsPerAddress + REFUSED_AT_ONCE && !isLoopback(remoteAddress))
    ) {
      log.info(remoteAddress, 'too many connections');
      return undefined;
    }
    const connection = new Connection(transport, this.#connectionParts);
    traffic.sockets++;
    this.#connections.add(connection);
    this.#perAddress.set(remoteAddress, fromAddress);
    this.#maximum = Math.max(this.#maximum, this.#connections.size);
    return connection;
  }

  /** Whether there are more connections than the limits allow, in total or from this connection's address. */
  isOverLimit({ remoteAddress }: Connection): boolean {
    const { connections, connectionsPerAddress } = this.#parts.limits;
    if (this.#connections.size > connections) return true;
    const fromAddress = this.#perAddress.get(remoteAddress)!;
    return fromAddress > connectionsPerAddress && !isLoopback(remoteAddress);
  }

  /** Ends a client's connection and publishes its will; false if the client is not connected. */
  disconnectClient(clientId: string): boolean {
    for (const connection of this.#connections) {
      if (connection.session?.clientId !== clientId) continue;
      connection.close('disconnected by an operator');
      return true;
    }
    return false;
  }

  /** Ends all present connections. */
  closeAll(reason: string): void {
    for (const connection of [...this.#connections]) connection.close(reason);
  }

  /** The gateway stops: accepts no more connections, and does not log the end of the present ones. */
  stopAccepting(): void {
    this.#stopping = true;
  }

  closed(connection: Connection, reason: string): void {
    if (!this.#connections.delete(connection)) return;
    const { plane, handshake, control, log } = this.#parts;
    const { remoteAddress } = connection;
    this.#packetsReceived += connection.packetsReceived;
    const left = this.#perAddress.get(remoteAddress)! - 1;
    if (left > 0) this.#perAddress.set(remoteAddress, left);
    else this.#perAddress.delete(remoteAddress);
    const session = connection.session ?? handshake.sessionOf(connection);
    if (session) plane.sessions.clientGone(session);
    if (connection.leaving) return;
    control.lost(connection);
    if (!this.#stopping) log.info(session?.clientId || remoteAddress, reason);
  }

  /** Ends the connections of clients that have sent no packet for too long. */
  sweep(): void {
    for (const connection of this.#connections) {
      connection.sendBuffer.measure();
      if (!connection.overdue) continue;
      const reason = connection.session ? 'keepalive ran out' : 'no CONNECT in time';
      connection.fail(new ProtocolError(reason));
    }
  }
}
