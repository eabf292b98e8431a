import type { Identity } from '../../access/access.ts';
import type { Rights } from '../../access/rules.ts';
import {
  CONNECT,
  type ConnectPacket,
  DISCONNECT,
  decodeAcknowledged,
  decodeConnect,
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
  type Qos,
  SUBSCRIBE,
  type SubscribePacket,
  UNSUBSCRIBE,
  type UnsubscribePacket,
} from '../../mqtt/codec.ts';
import { PacketReader } from '../../mqtt/packet-reader.ts';
import type { Transport, TransportEvents } from '../../net/transport.ts';
import { PendingAck } from '../../queue/pending-ack.ts';
import { Publication } from '../messages/publication.ts';
import type { Link, Session } from '../messages/session.ts';
import { intoPool } from './buffer-pool.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { SendBuffer } from './send-buffer.ts';
import { TrafficCounters } from './traffic-counters.ts';

/** What the broker does with a connection's packets. */
export interface ConnectionHandler {
  connect(connection: Connection, packet: ConnectPacket): void;
  publish(connection: Connection, publication: Publication, packetId: number): void;
  release(connection: Connection, packetId: number): void;
  subscribe(connection: Connection, packet: SubscribePacket): void;
  unsubscribe(connection: Connection, packet: UnsubscribePacket): void;
  ping(connection: Connection): void;
  /** A DISCONNECT: nothing more is read. */
  disconnect(connection: Connection): void;
  /** The connection has ended, for whatever reason. */
  closed(connection: Connection, reason: string): void;
}

/** Why a connection is not read: its CONNECT is not answered, its acknowledgements or the disk are far behind. */
export type PauseReason = 'connect' | 'acknowledgements' | 'disk';

/** An acknowledgement that waits for its own pendingAck, if it has one, and for those before it. */
interface Acknowledgement {
  readonly pendingAck: PendingAck | undefined;
  readonly header: number;
  readonly packetId: number;
  /** What is done in the place of sending header and packet identifier. */
  readonly send: (() => void) | undefined;
}

/** CONNECT holds at most five fields of 64 KiB. */
const CONNECT_LIMIT = 5 * 65_537 + 16;
/** Acknowledgements waiting for the disk above which the client is not read, and below which it is again. */
const PENDING_HIGH = 4096;
const PENDING_LOW = 1024;

/** The publication being read; everything that happens to it happens before the next packet. */
const publication = new Publication();

/** One client's connection: frames in, gathered bytes out, acknowledgements in the order of the packets. */
export class Connection implements Link, TransportEvents {
  readonly sendBuffer: SendBuffer;
  readonly remoteAddress: string;
  /** Set once the CONNECT is accepted. */
  session: Session | undefined;
  /** What the client may do, and who it is; undefined where there are no access rules. */
  access: { readonly identity: Identity; readonly rights: Rights } | undefined;
  /** Whether its listener lets in who shows nothing. */
  readonly anonymous: boolean;
  /** The common name of its certificate. */
  readonly certificate: string | undefined;
  /** Milliseconds on the monotonic clock, when the client was last heard of. */
  heardAt: number;
  /** Milliseconds of silence after which the client is taken for lost; 0 for never. */
  silenceLimitMs: number;
  /** Packets and bytes that came from the client. */
  packetsReceived = 0;
  readonly #transport: Transport;
  readonly #handler: ConnectionHandler;
  readonly #packets: PacketReader;
  readonly #packetLimit: number;
  readonly #now: () => number;
  readonly #traffic: TrafficCounters;
  /** The acknowledgement that is being timed, and when it was promised. */
  #timed: { readonly pendingAck: PendingAck; readonly at: number } | undefined;
  #pendingAcks: Acknowledgement[] = [];
  #firstPending = 0;
  readonly #pauseReasons = new Set<PauseReason>();
  #connected = false;
  #closed = false;
  #leaving = false;

  /** `connectTimeout` and `now` in milliseconds; `packetLimit` in bytes. */
  constructor(
    transport: Transport,
    handler: ConnectionHandler,
    limits: { readonly packet: number; readonly connectTimeout: number },
    now: () => number,
    memory: MemoryBudget,
    traffic: TrafficCounters = new TrafficCounters(),
  ) {
    this.#traffic = traffic;
    this.#transport = transport;
    this.#handler = handler;
    this.#packetLimit = limits.packet;
    this.#now = now;
    this.heardAt = now();
    this.silenceLimitMs = limits.connectTimeout;
    this.remoteAddress = transport.remoteAddress;
    this.anonymous = transport.anonymous ?? true;
    this.certificate = transport.certificate;
    this.sendBuffer = new SendBuffer(transport, memory, traffic);
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

  /** Whether the client has been silent for too long; not while we are the ones who don't read. */
  get overdue(): boolean {
    const unread = this.#pauseReasons.has('acknowledgements') || this.#pauseReasons.has('disk');
    return !unread && this.silenceLimitMs > 0 && this.#now() - this.heardAt > this.silenceLimitMs;
  }

  /** DISCONNECT has come: the end of this connection is no loss. */
  get leaving(): boolean {
    return this.#leaving;
  }

  data(chunk: Buffer): void {
    if (this.#closed || this.#leaving) return;
    const packets = this.packetsReceived;
    this.#traffic.bytesReceived += chunk.length;
    try {
      this.#packets.feed(intoPool(chunk), 0, chunk.length);
    } catch (error) {
      this.#endOn(error);
    }
    // Whole packets are a sign of life, bytes are not [MQTT-3.1.2-24].
    if (this.packetsReceived !== packets) this.heardAt = this.#now();
    if (this.sendBuffer.stuck) this.violated('reads too slowly what it asks for');
  }

  /** CONNACK is out: packets that came meanwhile are taken, the packet limit is the configured one. */
  open(session: Session): void {
    this.session = session;
    this.#traffic.connections++;
    this.#packets.limit = this.#packetLimit;
    session.connect(this);
    this.#pauseReasons.delete('connect');
    this.#readBuffered();
  }

  acknowledge(header: number, packetId: number): void {
    if (this.#pendingAcks.length === 0) this.sendBuffer.acknowledge(header, packetId);
    else this.#enqueueAck({ pendingAck: undefined, header, packetId, send: undefined });
  }

  ackWhenStored(header: number, packetId: number): PendingAck {
    return this.#addPending(header, packetId, undefined);
  }

  /** Does `send` once the pendingAck is paid and everything promised before is sent. */
  doWhenStored(send: () => void): PendingAck {
    return this.#addPending(0, 0, send);
  }

  #addPending(header: number, packetId: number, send: (() => void) | undefined): PendingAck {
    const pendingAck = new PendingAck(this.#sendDone);
    this.#enqueueAck({ pendingAck, header, packetId, send });
    this.#timed ??= { pendingAck, at: this.#now() };
    return pendingAck;
  }

  #enqueueAck(acknowledgement: Acknowledgement): void {
    this.#pendingAcks.push(acknowledgement);
    if (this.#pendingAcks.length - this.#firstPending > PENDING_HIGH)
      this.pauseReading('acknowledgements');
  }

  /** One function for all pendingAcks: there are as many as messages. */
  readonly #sendDone = (): void => {
    if (this.#timed?.pendingAck.isDone) {
      this.#traffic.acknowledgement.observe(this.#now() - this.#timed.at);
      this.#timed = undefined;
    }
    const pending = this.#pendingAcks;
    while (this.#firstPending < pending.length) {
      const { pendingAck, header, packetId, send } = pending[this.#firstPending]!;
      if (pendingAck && !pendingAck.isDone) break;
      this.#firstPending++;
      if (this.#closed) continue;
      if (send) send();
      else this.sendBuffer.acknowledge(header, packetId);
    }
    if (this.#firstPending === pending.length) {
      this.#pendingAcks = [];
      this.#firstPending = 0;
    } else if (this.#firstPending > PENDING_LOW) {
      this.#pendingAcks = pending.slice(this.#firstPending);
      this.#firstPending = 0;
    }
    if (this.#pendingAcks.length - this.#firstPending < PENDING_LOW)
      this.resumeReading('acknowledgements');
  };

  /** Reads nothing more from the client until `letGo` is called for each reason. */
  pauseReading(reason: PauseReason): void {
    if (this.#pauseReasons.size === 0) {
      this.#packets.pause();
      this.#transport.pause();
    }
    this.#pauseReasons.add(reason);
  }

  resumeReading(reason: PauseReason): void {
    if (!this.#pauseReasons.delete(reason) || this.#pauseReasons.size > 0) return;
    // In a turn of its own: whoever lets go may be in the middle of another client's packet.
    setImmediate(() => {
      if (this.#closed) return;
      this.heardAt = this.#now();
      this.#readBuffered();
    });
  }

  /** Takes what was kept while nothing was read; the transport follows unless there is a reason again. */
  #readBuffered(): void {
    if (this.#pauseReasons.size > 0) return;
    try {
      this.#packets.resume();
    } catch (error) {
      this.#endOn(error);
    }
    if (!this.#closed && this.#pauseReasons.size === 0) this.#transport.resume();
  }

  drained(): void {
    this.sendBuffer.measure();
    this.session?.drained();
  }

  violated(reason: string): void {
    this.fail(new ProtocolError(reason));
  }

  /** Ends the connection over what the client did; a CONNACK goes first where the standard asks for one. */
  fail(error: ProtocolError): void {
    if (this.#closed) return;
    if (error.returnCode !== undefined && !this.#connected) {
      this.sendBuffer.write(encodeConnack(false, error.returnCode));
    }
    this.close(error.message);
  }

  /** Sends what is gathered and closes; tells the broker once. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#packets.clear();
    this.sendBuffer.flush();
    this.#transport.end();
    this.sendBuffer.measure(0);
    this.#handler.closed(this, reason);
  }

  /** The transport has gone. */
  lost(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#packets.clear();
    this.sendBuffer.measure(0);
    this.#handler.closed(this, 'connection lost');
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
        return this.#handler.release(this, decodeAcknowledged(source, body, end));
      case PUBCOMP:
        return this.session!.completed(decodeAcknowledged(source, body, end));
      case SUBSCRIBE:
        return this.#handler.subscribe(this, decodeSubscribe(source, body, end));
      case UNSUBSCRIBE:
        return this.#handler.unsubscribe(this, decodeUnsubscribe(source, body, end));
      case PINGREQ:
        if (body !== end) throw new ProtocolError('PINGREQ with a body');
        return this.#handler.ping(this);
      case DISCONNECT:
        if (body !== end) throw new ProtocolError('DISCONNECT with a body');
        this.#leaving = true;
        return this.#handler.disconnect(this);
      case CONNECT:
        return this.#connect(source, body, end);
    }
  }

  #connect(source: Buffer, body: number, end: number): void {
    if (this.#connected) throw new ProtocolError('a second CONNECT');
    const packet = decodeConnect(source, body, end);
    this.#connected = true;
    this.pauseReading('connect');
    this.#handler.connect(this, packet);
  }

  #publish(header: number, source: Buffer, body: number, end: number): void {
    const qos = (header >> 1) & 3;
    if (qos === 3) throw new ProtocolError('PUBLISH with QoS 3');
    if (qos === 0 && header & 8) throw new ProtocolError('PUBLISH with DUP at QoS 0');
    const topicEnd = body + 2 + ((source[body]! << 8) | source[body + 1]!);
    const payloadStart = qos === 0 ? topicEnd : topicEnd + 2;
    if (end - body < 2 || payloadStart > end) throw new ProtocolError('PUBLISH ends too early');
    let packetId = 0;
    if (qos > 0) {
      packetId = (source[topicEnd]! << 8) | source[topicEnd + 1]!;
      if (packetId === 0) throw new ProtocolError('packet identifier 0');
    }
    publication.at(source, body, topicEnd, payloadStart, end, qos as Qos, (header & 1) !== 0);
    this.#traffic.publishReceived++;
    this.#traffic.publishBytesReceived += end - payloadStart;
    this.#handler.publish(this, publication, packetId);
  }
}
