import { encodeConnack5, encodeDisconnect } from '../../mqtt/packets-5.ts';
import type { Properties } from '../../mqtt/properties.ts';
import { ProtocolError } from '../../mqtt/protocol-error.ts';
import { type AddedProperties, remainingLength5, writePublish5 } from '../../mqtt/publish-5.ts';
import { packetBytes } from '../../mqtt/publish-encoder.ts';
import { RECEIVE_MAXIMUM_EXCEEDED } from '../../mqtt/reason-codes.ts';
import { LARGE_BYTES } from '../messages/packet-buffer.ts';
import type { Sender5 } from '../messages/sender-5.ts';
import type { SendBuffer } from './send-buffer.ts';
import { IncomingAliases, OutgoingAliases } from './topic-aliases.ts';

export interface Protocol5Limits {
  /** Messages above QoS 0 that a client may send before one is acknowledged. */
  readonly receiveMaximum: number;
  /** What happens to a client that sends more. */
  readonly overReceiveMaximum: 'disconnect' | 'accept';
  /** The highest topic alias that a client may use. */
  readonly topicAliases: number;
}

export interface Protocol5Parts {
  readonly limits: Protocol5Limits;
  /** Milliseconds of the stored clock. */
  storedNow(): number;
}

const NO_MAXIMUM = 65_535;

/** What a connection of MQTT 5 has besides: the limits of its client, topic aliases, and what is sent with properties. */
export class Protocol5 implements Sender5 {
  receiveMaximum = NO_MAXIMUM;
  /** The limits that CONNACK names: a reload changes them only for later connections. */
  readonly offered: Pick<Protocol5Limits, 'receiveMaximum' | 'topicAliases'>;
  readonly aliases: IncomingAliases;
  /** Its CONNECT has begun a login in several steps, which has not ended. */
  isAuthenticating = false;
  /** Messages above QoS 0 that the client has sent and that are not acknowledged to the end. */
  #unacknowledged = 0;
  #maximumPacketSize = Number.POSITIVE_INFINITY;
  /** Whether the client takes reason strings in all packets [MQTT-3.1.2-29]. */
  #takesReasons = true;
  /** Until the whole CONNECT is read, the largest packet that the client takes is unknown. */
  #isAccepted = false;
  #outgoing: OutgoingAliases | undefined;
  readonly #sendBuffer: SendBuffer;
  readonly #parts: Protocol5Parts;
  /** One for all packets. */
  readonly #added: AddedProperties = {
    alias: 0,
    isAliasKnown: false,
    expiry: undefined,
    identifiers: [],
  };

  constructor(sendBuffer: SendBuffer, parts: Protocol5Parts) {
    this.#sendBuffer = sendBuffer;
    this.#parts = parts;
    const { receiveMaximum, topicAliases } = parts.limits;
    this.offered = { receiveMaximum, topicAliases };
    this.aliases = new IncomingAliases(topicAliases);
  }

  /** Takes the limits of the client from its CONNECT. */
  accept(properties: Properties): void {
    const { receiveMaximum, maximumPacketSize, topicAliasMaximum = 0 } = properties;
    this.#isAccepted = true;
    this.#takesReasons = properties.requestProblemInformation !== 0;
    this.receiveMaximum = receiveMaximum ?? NO_MAXIMUM;
    this.#maximumPacketSize = maximumPacketSize ?? Number.POSITIVE_INFINITY;
    if (topicAliasMaximum > 0) this.#outgoing = new OutgoingAliases(topicAliasMaximum);
  }

  /** Whether the client takes a packet of this size. */
  takes(size: number): boolean {
    return size <= this.#maximumPacketSize;
  }

  /** Topic aliases in use: of the client, and of the gateway towards it. */
  get aliasCounts(): { readonly fromClient: number; readonly toClient: number } {
    return { fromClient: this.aliases.count, toClient: this.#outgoing?.count ?? 0 };
  }

  /** Milliseconds of the stored clock. */
  get now(): number {
    return this.#parts.storedNow();
  }

  /** A message above QoS 0 has come; throws where there are more than the client may send [MQTT-3.3.4-7]. */
  received(): void {
    const { receiveMaximum } = this.offered;
    const { overReceiveMaximum } = this.#parts.limits;
    if (++this.#unacknowledged <= receiveMaximum || overReceiveMaximum === 'accept') return;
    const message = `more than ${receiveMaximum} messages without an acknowledgement`;
    throw new ProtocolError(message, RECEIVE_MAXIMUM_EXCEEDED);
  }

  /** A message above QoS 0 is acknowledged to the end. */
  acknowledged(): void {
    if (this.#unacknowledged > 0) this.#unacknowledged--;
  }

  /** Sends a DISCONNECT, with a text if the client takes a packet of that size. */
  disconnect(reasonCode: number, reason: string): void {
    this.#sendBuffer.write(
      this.#explained(reason, (properties) => encodeDisconnect(reasonCode, properties)),
    );
  }

  /** Sends the CONNACK that refuses the client, if the client takes a packet of that size. */
  refuse(reasonCode: number, reason: string): void {
    const encode = (properties: Properties) => encodeConnack5(false, reasonCode, properties);
    const connack = this.#isAccepted ? this.#explained(reason, encode) : encode({});
    if (this.takes(connack.length)) this.#sendBuffer.write(connack);
  }

  /** The packet with a text, if the client asks for that and takes a packet of that size. */
  explained(reason: string, encode: (properties: Properties) => Buffer): Buffer {
    return this.#takesReasons ? this.#explained(reason, encode) : encode({});
  }

  /** The same, for a packet that may have a text in any case [MQTT-3.1.2-29]. */
  #explained(reasonString: string, encode: (properties: Properties) => Buffer): Buffer {
    const packet = encode({ reasonString });
    return this.takes(packet.length) ? packet : encode({});
  }

  publish(
    header: number,
    source: Buffer,
    topicStart: number,
    topicEnd: number,
    propertiesStart: number,
    payloadStart: number,
    end: number,
    packetId: number,
    expiresAt: number | null,
    identifiers: readonly number[],
  ): boolean {
    const added = this.#added;
    added.identifiers = identifiers;
    added.expiry = expiresAt === null ? undefined : this.#secondsUntil(expiresAt);
    this.#setAlias(source, topicStart, topicEnd);
    const remaining = remainingLength5(
      source,
      topicEnd - topicStart,
      propertiesStart,
      payloadStart,
      end,
      packetId,
      added,
    );
    const size = packetBytes(remaining);
    if (!this.takes(size)) {
      this.#outgoing?.forgetNew();
      return false;
    }
    const buffer = this.#sendBuffer;
    const target = buffer.beginPublish(size, end - payloadStart);
    writePublish5(
      target,
      buffer.at,
      header,
      remaining,
      source,
      topicStart,
      topicEnd,
      propertiesStart,
      payloadStart,
      end - payloadStart > LARGE_BYTES ? payloadStart : end,
      packetId,
      added,
    );
    buffer.endPublish(target, source, payloadStart, end);
    return true;
  }

  #setAlias(source: Buffer, topicStart: number, topicEnd: number): void {
    const outgoing = this.#outgoing;
    if (!outgoing) return;
    this.#added.alias = outgoing.aliasOf(source, topicStart, topicEnd);
    this.#added.isAliasKnown = outgoing.isKnown;
  }

  #secondsUntil(expiresAt: number): number {
    return Math.max(0, Math.ceil((expiresAt - this.#parts.storedNow()) / 1000));
  }
}
