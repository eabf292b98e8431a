import type { Identity } from '../../access/admission.ts';
import type { Rights } from '../../access/rules.ts';
import { CONNECT, encodeConnack } from '../../mqtt/codec.ts';
import { decodeConnect, isVersion5, type Version } from '../../mqtt/connect.ts';
import { packetLimit } from '../../mqtt/packet-limit.ts';
import { PacketReader } from '../../mqtt/packet-reader.ts';
import { ProtocolError } from '../../mqtt/protocol-error.ts';
import {
  PACKET_TOO_LARGE,
  QUOTA_EXCEEDED,
  returnCodeOf,
  SERVER_UNAVAILABLE,
  UNSPECIFIED_ERROR,
} from '../../mqtt/reason-codes.ts';
import { DISCARDED_BYTES, type Transport, type TransportEvents } from '../../net/transport.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import type { Client, PauseReason } from '../messages/client.ts';
import type { Session } from '../messages/session.ts';
import type { TrafficCounters } from '../stats/traffic-counters.ts';
import { AckQueue } from './ack-queue.ts';
import { CONNECT_LIMIT, type ConnectionParts, VERSIONS } from './connection-parts.ts';
import { takePacket } from './packets-3.ts';
import { takePacket5 } from './packets-5.ts';
import { Protocol5 } from './protocol-5.ts';
import { ReadPause } from './read-pause.ts';
import { ReadShare } from './read-share.ts';
import { SendBuffer } from './send-buffer.ts';
import { SignsOfLife } from './signs-of-life.ts';

/** What a transport knows before the CONNECT. */
type Peer = Pick<Transport, 'anonymous' | 'trustClientIds' | 'certificate' | 'proven'>;

/** One client's connection: splits the received bytes into packets, passes these to the handler and sends the answers. */
export class Connection implements Client, TransportEvents {
  readonly sendBuffer: SendBuffer;
  readonly remoteAddress: string;
  /** Set when the CONNECT is accepted. */
  session: Session | undefined;
  /** The client's rights and user; undefined if there are no access rules. */
  access: { readonly identity: Identity; readonly rights: Rights } | undefined;
  /** What its transport proves of the client, and what its listener admits. */
  readonly peer: Peer;
  /** What a connection of MQTT 5 has besides; undefined for an older version. */
  protocol5: Protocol5 | undefined;
  /** Of its CONNECT; undefined before. */
  version: Version | undefined;
  packetsReceived = 0;
  readonly life: SignsOfLife;
  readonly held = { count: 0, ms: 0, isWaiting: false };
  readonly #transport: Transport;
  readonly #parts: ConnectionParts<Connection>;
  readonly #handlers: ConnectionParts<Connection>['handlers'];
  readonly #traffic: TrafficCounters;
  readonly #packets: PacketReader;
  readonly #acks: AckQueue;
  readonly #share: ReadShare;
  readonly #pause: ReadPause;
  readonly #versions: readonly Version[];
  #connected = false;
  #closed = false;
  #leaving = false;
  #isLost = false;
  /** Bytes that came after the end. */
  #discarded = 0;

  constructor(transport: Transport, parts: ConnectionParts<Connection>) {
    const { handlers, limits, memory, traffic, pool } = parts;
    this.#transport = transport;
    this.#parts = parts;
    this.#handlers = handlers;
    this.#traffic = traffic;
    this.life = new SignsOfLife(parts.now, limits.connectTimeout);
    this.remoteAddress = transport.remoteAddress;
    this.peer = transport;
    this.#versions = transport.versions ?? VERSIONS;
    this.sendBuffer = new SendBuffer(transport, parts);
    this.#acks = new AckQueue(this.sendBuffer, this, parts.now, traffic.acknowledgement);
    this.#share = new ReadShare(parts.readBudget, this);
    this.#packets = new PacketReader(
      Math.min(packetLimit(limits.packet), CONNECT_LIMIT),
      (source, start, body, end) => this.#packet(source, start, body, end),
      (bytes) => {
        // Bytes kept while reading is paused are not an incomplete packet.
        const tooMany = bytes > 0 && !this.#pause.isPaused && memory.hasTooManyUnfinished;
        if (tooMany && !handlers.connections.tooManyUnfinished(this.unfinishedBytes)) {
          const reason = 'all clients together have too many packets unfinished';
          throw new ProtocolError(reason, QUOTA_EXCEEDED);
        }
        memory.unfinished += bytes;
      },
      pool.keepSlots,
    );
    this.#pause = new ReadPause(transport, this.#packets, memory, this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether the client has sent no packet for too long; false while reading is paused. */
  get overdue(): boolean {
    return !this.#pause.isPausedAfterConnect && this.life.silent;
  }

  /** Whether one packet has been on its way for too long: it would hold its memory without end. */
  get slowPacket(): boolean {
    if (this.#pause.isPaused) return false;
    return this.life.isSlow(this.#packets.hasUnfinished, this.#parts.limits.packetTimeout);
  }

  /** Bytes of memory that its unfinished packet uses. */
  get unfinishedBytes(): number {
    return this.#pause.isHeld ? 0 : this.#packets.unfinishedBytes;
  }

  /** Called a few times a second: bytes of an unfinished frame or record are a sign of life that `data` does not see. */
  countUnseenBytes(): void {
    const { unfinishedBytes = 0, encryptedBytes = 0 } = this.#transport;
    this.life.countFramed(unfinishedBytes, this.#connected, this.#packets.hasUnfinished);
    this.life.countEncrypted(encryptedBytes, this.#connected);
  }

  /** CONNECT has come and is not answered, and nothing more of the client is needed for that. */
  get awaitsConnack(): boolean {
    return this.#connected && !this.session && !this.protocol5?.isAuthenticating;
  }

  get allowsUnusedBits(): boolean {
    return this.#packets.allowsUnusedBits;
  }

  get ownsPacket(): boolean {
    return this.#packets.ownsPacket;
  }

  /** DISCONNECT was received: the end of this connection publishes no will. */
  get leaving(): boolean {
    return this.#leaving;
  }

  data(chunk: Buffer): void {
    if (this.#closed || this.#leaving) return this.#discard(chunk.length);
    const packets = this.packetsReceived;
    const continues = this.#packets.hasUnfinished;
    this.#traffic.bytesReceived += chunk.length;
    this.#share.begin(chunk[0]!);
    try {
      this.#packets.feed(this.#parts.pool.bufferOf(chunk), 0, chunk.length);
      // A publisher that waits for subscribers: these may be waiting for its acknowledgements.
      if (this.#pause.has('subscribers')) this.#packets.readAhead();
    } catch (error) {
      this.#endOn(error);
    }
    if (!this.#closed) this.#pause.apply();
    const isAlive = this.#connected && !this.protocol5?.isAuthenticating;
    this.life.received(isAlive, continues && this.packetsReceived === packets);
    if (this.sendBuffer.stuck) this.violated('reads too slowly what it asks for', QUOTA_EXCEEDED);
  }

  /** The connection is closing: a peer that still sends is disconnected. */
  #discard(bytes: number): void {
    this.#discarded += bytes;
    if (this.#discarded > DISCARDED_BYTES) this.#transport.destroy();
  }

  /** CONNACK is sent: reads the packets that came before it; from here on the configured packet limit applies. */
  open(session: Session): void {
    this.session = session;
    this.#traffic.connections++;
    const { packet } = this.#parts.limits;
    this.#packets.limit = packetLimit(packet);
    this.#packets.payloadLimit = packet;
    session.connect(this);
    this.#pause.remove('connect');
    this.#readBuffered();
  }

  acknowledge(header: number, packetId: number, reasonCode = 0, reason?: string): void {
    this.#acks.acknowledge(header, packetId, reasonCode, reason);
  }

  ackWhenStored(header: number, packetId: number, reasonCode = 0): PendingAck {
    return this.#acks.ackWhenStored(header, packetId, reasonCode);
  }

  answer(packet: Uint8Array): void {
    if (this.protocol5?.takes(packet.length) === false) {
      this.close('takes no packet of the size of its answer', PACKET_TOO_LARGE);
    } else this.sendBuffer.write(packet);
  }

  doWhenStored(send: () => void): PendingAck {
    return this.#acks.doWhenStored(send);
  }

  /** Pauses reading from the client until reading is resumed for each reason. */
  pauseReading(reason: PauseReason): void {
    this.#pause.add(reason);
  }

  /** The next turn has time for this connection. */
  continueReading(): void {
    if (this.#pause.remove('turn') && !this.#closed) this.#readBuffered();
  }

  resumeReading(reason: PauseReason): void {
    if (!this.#pause.remove(reason)) return;
    // In another turn of the event loop: the caller may be in the middle of another client's packet.
    setImmediate(() => {
      if (this.#closed) return;
      this.life.restart();
      this.#readBuffered();
    });
  }

  /** Reads the bytes kept while reading was paused, then from the transport, unless reading is paused again. */
  #readBuffered(): void {
    if (this.#pause.isPaused) return;
    try {
      this.#packets.resume();
    } catch (error) {
      this.#endOn(error);
    }
    if (this.#isLost && !this.#closed && !this.#pause.isPaused) this.#end('connection lost');
    if (!this.#closed) this.#pause.apply();
  }

  drained(): void {
    this.sendBuffer.measure();
    this.session?.drained();
  }

  violated(reason: string, reasonCode?: number): void {
    this.fail(new ProtocolError(reason, reasonCode));
  }

  /** Closes the connection after an error of the client; sends a CONNACK first if the standard requires one. */
  fail(error: ProtocolError): void {
    if (this.#closed) return;
    if (this.session) return this.close(error.message, error.reasonCode);
    if (error.returnCode === undefined && !this.protocol5) return this.close(error.message);
    this.refuse(error.message, error.reasonCode);
  }

  /** Answers the CONNECT with a CONNACK that refuses it, and closes; the client may get another reason than the log. */
  refuse(reason: string, reasonCode: number, clientReason = reason): void {
    const returnCode = returnCodeOf(reasonCode) ?? SERVER_UNAVAILABLE;
    if (this.protocol5) this.protocol5.refuse(reasonCode, clientReason);
    else this.sendBuffer.write(encodeConnack(false, returnCode));
    this.close(reason);
  }

  /** Sends the collected bytes and closes; with a reason code, MQTT 5 sends a DISCONNECT before that. */
  close(reason: string, reasonCode?: number, clientReason = reason): void {
    if (this.#closed) return;
    const isExplained = reasonCode !== undefined && this.session && !this.#leaving;
    if (isExplained) this.protocol5?.disconnect(reasonCode, clientReason);
    this.sendBuffer.flush();
    this.#transport.end();
    this.#end(reason);
  }

  /** The transport has ended: packets that were received before and kept are handled first, in several turns. */
  lost(): void {
    this.#isLost = true;
    if (this.#pause.isPaused && !this.#pause.has('connect')) {
      this.#pause.end();
      this.#readBuffered();
    } else if (!this.#closed) this.#end('connection lost');
  }

  #end(reason: string): void {
    this.#closed = true;
    this.#acks.close();
    this.#packets.clear();
    this.sendBuffer.measure(0);
    this.#handlers.connections.closed(this, reason);
  }

  #endOn(error: unknown): void {
    if (error instanceof ProtocolError) this.fail(error);
    else this.close(this.#parts.failed(this, error), UNSPECIFIED_ERROR);
  }

  #packet(source: Buffer, start: number, body: number, end: number): void {
    if (this.#closed || this.#leaving) return;
    this.packetsReceived++;
    if (source[start]! >> 4 === CONNECT) this.#connect(source, body, end);
    else if (this.protocol5) {
      takePacket5(this, this.#parts, source, start, body, end);
    } else takePacket(this, this.#parts, source, start, body, end);
    if (!this.#closed) this.#share.took(source[start]!, end - start);
  }

  delivered(subscribers: number): void {
    this.#share.delivered(subscribers);
  }

  leave(): void {
    this.#leaving = true;
  }

  #connect(source: Buffer, body: number, end: number): void {
    if (this.#connected) throw new ProtocolError('a second CONNECT');
    if (isVersion5(source, body, end) && this.#versions.includes(5)) {
      // Before the packet is read: the answer to one that can't be read has the form of MQTT 5 too.
      this.protocol5 = new Protocol5(this.sendBuffer, this.#parts);
      this.#acks.window = this.protocol5;
      this.#packets.allowsAuth = true;
    }
    const packet = decodeConnect(source, body, end, this.#versions);
    this.version = packet.version;
    this.protocol5?.accept(packet.properties);
    this.#connected = true;
    this.pauseReading('connect');
    this.#handlers.handshake.connect(this, packet);
  }
}
