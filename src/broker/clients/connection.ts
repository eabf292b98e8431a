import type { Identity } from '../../access/access.ts';
import type { Rights } from '../../access/rules.ts';
import {
  CONNECT,
  type ConnectPacket,
  DISCONNECT,
  decodeAcknowledged,
  decodeConnect,
  decodePublish,
  decodeSubscribe,
  decodeUnsubscribe,
  encodeConnack,
  PINGREQ,
  ProtocolError,
  PUBACK,
  PUBCOMP,
  PUBLISH,
  PUBREC,
  PUBREL,
  SUBSCRIBE,
  type SubscribePacket,
  UNSUBSCRIBE,
  type UnsubscribePacket,
} from '../../mqtt/codec.ts';
import { PacketReader } from '../../mqtt/packet-reader.ts';
import type { Transport, TransportEvents } from '../../net/transport.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import type { Client } from '../messages/client.ts';
import type { Publication } from '../messages/publication.ts';
import type { Session } from '../messages/session.ts';
import type { TrafficCounters } from '../stats/traffic-counters.ts';
import { AckQueue } from './ack-queue.ts';
import { SendBuffer, type SendBufferParts } from './send-buffer.ts';

/** Receives a connection's packets and its end. */
export interface ConnectionHandlers {
  readonly handshake: { connect(connection: Connection, packet: ConnectPacket): void };
  /** PINGREQ and DISCONNECT; after DISCONNECT nothing more is read. */
  readonly control: {
    ping(connection: Connection): void;
    disconnect(connection: Connection): void;
  };
  readonly messages: {
    /** `publication` and its buffers are valid until this returns; `packetId` is 0 at QoS 0. */
    publish(connection: Connection, publication: Publication, packetId: number): void;
    /** PUBREL. */
    release(connection: Connection, packetId: number): void;
  };
  readonly subscriptions: {
    subscribe(connection: Connection, packet: SubscribePacket): void;
    unsubscribe(connection: Connection, packet: UnsubscribePacket): void;
  };
  /** The connection has ended, for any reason; called once. */
  readonly connections: { closed(connection: Connection, reason: string): void };
}

/** The parts that all connections of one broker share. */
export interface ConnectionParts extends SendBufferParts {
  readonly handlers: ConnectionHandlers;
  /** Sizes in bytes and times in milliseconds; read when a connection is accepted. */
  readonly limits: { readonly packet: number; readonly connectTimeout: number };
  /** Milliseconds on the monotonic clock. */
  readonly now: () => number;
  /** The PUBLISH that is being read; one for all connections, because one for each would keep each client's read buffer. */
  readonly publication: Publication;
}

/** Why a connection is not read: its CONNECT is not answered; acknowledgements, disk or subscribers are far behind. */
export type PauseReason = 'connect' | 'acknowledgements' | 'disk' | 'subscribers';

/** CONNECT holds at most five fields of 64 KiB. */
const CONNECT_LIMIT = 5 * 65_537 + 16;
/** Bytes that are kept of a publisher that waits for subscribers, so that its acknowledgements can be read ahead. */
const HELD_BYTES = 256 * 1024;

/** One client's connection: splits the received bytes into packets, passes these to the handler and sends the answers. */
export class Connection implements Client, TransportEvents {
  readonly sendBuffer: SendBuffer;
  readonly remoteAddress: string;
  /** Set when the CONNECT is accepted. */
  session: Session | undefined;
  /** The client's rights and user; undefined if there are no access rules. */
  access: { readonly identity: Identity; readonly rights: Rights } | undefined;
  /** Whether its listener admits clients without a user and a certificate. */
  readonly anonymous: boolean;
  /** The common name of its certificate. */
  readonly certificate: string | undefined;
  /** When the last packet arrived or reading was resumed, in milliseconds on the monotonic clock. */
  activeAt: number;
  /** After so many milliseconds without a packet the connection counts as lost; 0 for no limit. */
  silenceLimitMs: number;
  packetsReceived = 0;
  readonly held = { count: 0, ms: 0, isWaiting: false };
  readonly #transport: Transport;
  readonly #parts: ConnectionParts;
  readonly #handlers: ConnectionHandlers;
  readonly #traffic: TrafficCounters;
  readonly #packets: PacketReader;
  readonly #packetLimit: number;
  readonly #acks: AckQueue;
  readonly #pauseReasons = new Set<PauseReason>();
  #transportPaused = false;
  #connected = false;
  #closed = false;
  #leaving = false;
  /** Nothing can be received any more: there is no reason to pause. */
  #ended = false;

  constructor(transport: Transport, parts: ConnectionParts) {
    const { handlers, limits, memory, traffic } = parts;
    this.#transport = transport;
    this.#parts = parts;
    this.#handlers = handlers;
    this.#traffic = traffic;
    this.#packetLimit = limits.packet;
    this.activeAt = parts.now();
    this.silenceLimitMs = limits.connectTimeout;
    this.remoteAddress = transport.remoteAddress;
    this.anonymous = transport.anonymous ?? true;
    this.certificate = transport.certificate;
    this.sendBuffer = new SendBuffer(transport, parts);
    this.#acks = new AckQueue(this.sendBuffer, this, parts.now, traffic.acknowledgement);
    this.#packets = new PacketReader(
      Math.min(limits.packet, CONNECT_LIMIT),
      (source, start, body, end) => this.#packet(source, start, body, end),
      (bytes) => {
        if (bytes > 0 && memory.hasTooManyUnfinished) {
          throw new ProtocolError('all clients together have too many packets unfinished');
        }
        memory.unfinished += bytes;
      },
    );
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether the client has sent no packet for too long; false while reading is paused. */
  get overdue(): boolean {
    const unread = this.#transportPaused && !this.#pauseReasons.has('connect');
    return (
      !unread && this.silenceLimitMs > 0 && this.#parts.now() - this.activeAt > this.silenceLimitMs
    );
  }

  /** DISCONNECT was received: the end of this connection publishes no will. */
  get leaving(): boolean {
    return this.#leaving;
  }

  data(chunk: Buffer): void {
    if (this.#closed || this.#leaving) return;
    const packets = this.packetsReceived;
    this.#traffic.bytesReceived += chunk.length;
    try {
      this.#packets.feed(this.#parts.pool.bufferOf(chunk), 0, chunk.length);
    } catch (error) {
      this.#endOn(error);
    }
    if (this.#pauseReasons.has('subscribers')) this.#readAhead();
    // Only whole packets restart the keepalive time, bytes do not [MQTT-3.1.2-24].
    if (this.packetsReceived !== packets) this.activeAt = this.#parts.now();
    if (this.sendBuffer.stuck) this.violated('reads too slowly what it asks for');
  }

  /** CONNACK is sent: reads the packets that arrived before it; from here on the configured packet limit applies. */
  open(session: Session): void {
    this.session = session;
    this.#traffic.connections++;
    this.#packets.limit = this.#packetLimit;
    session.connect(this);
    this.#pauseReasons.delete('connect');
    this.#readBuffered();
  }

  acknowledge(header: number, packetId: number): void {
    this.#acks.acknowledge(header, packetId);
  }

  ackWhenStored(header: number, packetId: number): PendingAck {
    return this.#acks.ackWhenStored(header, packetId);
  }

  doWhenStored(send: () => void): PendingAck {
    return this.#acks.doWhenStored(send);
  }

  /** Pauses reading from the client until reading is resumed for each reason. */
  pauseReading(reason: PauseReason): void {
    if (this.#ended) return;
    this.#packets.pause();
    this.#pauseReasons.add(reason);
    this.#pauseTransport();
  }

  resumeReading(reason: PauseReason): void {
    if (!this.#pauseReasons.delete(reason)) return;
    if (this.#pauseReasons.size > 0) return this.#pauseTransport();
    // In another turn of the event loop: the caller may be in the middle of another client's packet.
    setImmediate(() => {
      if (this.#closed) return;
      this.activeAt = this.#parts.now();
      this.#readBuffered();
    });
  }

  /** Reads the bytes kept while reading was paused, then from the transport, unless reading is paused again. */
  #readBuffered(): void {
    if (this.#pauseReasons.size > 0) return;
    try {
      this.#packets.resume();
    } catch (error) {
      this.#endOn(error);
    }
    this.#pauseTransport();
  }

  /** Pauses or resumes the transport; while only subscribers are far behind, a bounded number of bytes is still read. */
  #pauseTransport(): void {
    const reasons = this.#pauseReasons;
    const isOnlyHeld = reasons.size === 1 && reasons.has('subscribers');
    const isPaused = isOnlyHeld ? this.#packets.keptBytes >= HELD_BYTES : reasons.size > 0;
    if (this.#closed || isPaused === this.#transportPaused) return;
    this.#transportPaused = isPaused;
    if (isPaused) this.#transport.pause();
    else this.#transport.resume();
  }

  /** Reads the acknowledgements of a publisher that waits: its subscribers may be waiting for them. */
  #readAhead(): void {
    if (this.#closed) return;
    this.#packets.readAhead();
    this.#pauseTransport();
  }

  /** The transport has ended: packets that were received before and kept are handled now. */
  #readToEnd(): void {
    if (!this.#pauseReasons.has('subscribers') || this.#pauseReasons.has('connect')) return;
    this.#ended = true;
    this.#pauseReasons.clear();
    this.#readBuffered();
  }

  drained(): void {
    this.sendBuffer.measure();
    this.session?.drained();
  }

  violated(reason: string): void {
    this.fail(new ProtocolError(reason));
  }

  /** Closes the connection after an error of the client; sends a CONNACK first if the standard requires one. */
  fail(error: ProtocolError): void {
    if (this.#closed) return;
    if (error.returnCode !== undefined && !this.#connected) {
      this.sendBuffer.write(encodeConnack(false, error.returnCode));
    }
    this.close(error.message);
  }

  /** Sends the collected bytes and closes. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#acks.close();
    this.#packets.clear();
    this.sendBuffer.flush();
    this.#transport.end();
    this.sendBuffer.measure(0);
    this.#handlers.connections.closed(this, reason);
  }

  /** The transport has ended. */
  lost(): void {
    if (this.#closed) return;
    this.#readToEnd();
    if (this.#closed) return;
    this.#closed = true;
    this.#acks.close();
    this.#packets.clear();
    this.sendBuffer.measure(0);
    this.#handlers.connections.closed(this, 'connection lost');
  }

  #endOn(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.fail(error);
  }

  #packet(source: Buffer, start: number, body: number, end: number): void {
    if (this.#closed || this.#leaving) return;
    this.packetsReceived++;
    const header = source[start]!;
    switch (header >> 4) {
      case PUBLISH:
        return this.#publish(header, source, body, end);
      case PUBACK:
        return this.session!.acknowledged(decodeAcknowledged(source, body, end));
      case PUBREC:
        return this.session!.received(decodeAcknowledged(source, body, end));
      case PUBREL:
        return this.#handlers.messages.release(this, decodeAcknowledged(source, body, end));
      case PUBCOMP:
        return this.session!.completed(decodeAcknowledged(source, body, end));
      case SUBSCRIBE:
        return this.#handlers.subscriptions.subscribe(this, decodeSubscribe(source, body, end));
      case UNSUBSCRIBE:
        return this.#handlers.subscriptions.unsubscribe(this, decodeUnsubscribe(source, body, end));
      case PINGREQ:
        if (body !== end) throw new ProtocolError('PINGREQ with a body');
        return this.#handlers.control.ping(this);
      case DISCONNECT:
        if (body !== end) throw new ProtocolError('DISCONNECT with a body');
        this.#leaving = true;
        return this.#handlers.control.disconnect(this);
      case CONNECT:
        return this.#connect(source, body, end);
    }
  }

  #connect(source: Buffer, body: number, end: number): void {
    if (this.#connected) throw new ProtocolError('a second CONNECT');
    const packet = decodeConnect(source, body, end);
    this.#connected = true;
    this.pauseReading('connect');
    this.#handlers.handshake.connect(this, packet);
  }

  #publish(header: number, source: Buffer, body: number, end: number): void {
    const { publication } = this.#parts;
    const packetId = decodePublish(header, source, body, end, publication);
    this.#traffic.publishReceived++;
    this.#traffic.publishBytesReceived += end - publication.payloadStart;
    this.#handlers.messages.publish(this, publication, packetId);
  }
}
