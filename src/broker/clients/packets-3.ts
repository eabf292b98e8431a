import {
  DISCONNECT,
  DUP,
  decodeAcknowledged,
  decodePublish,
  decodeSubscribe,
  decodeUnsubscribe,
  PINGREQ,
  PUBACK,
  PUBCOMP,
  PUBLISH,
  PUBREC,
  PUBREL,
  SUBSCRIBE,
  UNSUBSCRIBE,
} from '../../mqtt/codec.ts';
import { ProtocolError } from '../../mqtt/protocol-error.ts';
import { LARGE_BYTES } from '../messages/packet-buffer.ts';
import type { ConnectionParts } from './connection-parts.ts';

/** The connection whose packets are taken, after its CONNECT. */
export interface PacketReceiver {
  readonly session: SessionInFlight | undefined;
  /** It speaks MQTT 3.1, which does not use the flags of most packets. */
  readonly allowsUnusedBits: boolean;
  /** The packet has a buffer that is used by nothing else, also after it is taken. */
  readonly ownsPacket: boolean;
  /** A message went to so many subscribers. */
  delivered(subscribers: number): void;
  /** DISCONNECT has come: nothing more is read. */
  leave(): void;
}

/** The session's messages in flight. */
interface SessionInFlight {
  /** PUBACK. */
  acknowledged(packetId: number): void;
  /** PUBREC. */
  received(packetId: number): void;
  /** PUBREC with an error. */
  refused(packetId: number): void;
  /** PUBCOMP. */
  completed(packetId: number): void;
}

/** Passes a packet of MQTT 3.1 or 3.1.1 to its handler; its first byte is at `start`, its body at [body, end). */
export function takePacket<Receiver extends PacketReceiver>(
  receiver: Receiver,
  parts: ConnectionParts<Receiver>,
  source: Buffer,
  start: number,
  body: number,
  end: number,
): void {
  const header = source[start]!;
  const { handlers } = parts;
  switch (header >> 4) {
    case PUBLISH:
      return publish(receiver, parts, header, source, body, end);
    case PUBACK:
      return receiver.session!.acknowledged(decodeAcknowledged(source, body, end));
    case PUBREC:
      return receiver.session!.received(decodeAcknowledged(source, body, end));
    case PUBREL:
      return handlers.messages.release(receiver, decodeAcknowledged(source, body, end));
    case PUBCOMP:
      return receiver.session!.completed(decodeAcknowledged(source, body, end));
    case SUBSCRIBE: {
      const packet = decodeSubscribe(source, body, end, receiver.allowsUnusedBits);
      return handlers.subscriptions.subscribe(receiver, packet);
    }
    case UNSUBSCRIBE:
      return handlers.subscriptions.unsubscribe(receiver, decodeUnsubscribe(source, body, end));
    case PINGREQ:
      if (body !== end) throw new ProtocolError('PINGREQ with a body');
      return handlers.control.ping(receiver);
    case DISCONNECT:
      if (body !== end) throw new ProtocolError('DISCONNECT with a body');
      receiver.leave();
      return handlers.control.disconnect(receiver);
  }
}

function publish<Receiver extends PacketReceiver>(
  receiver: Receiver,
  { publication, traffic, handlers }: ConnectionParts<Receiver>,
  header: number,
  source: Buffer,
  body: number,
  end: number,
): void {
  // MQTT 3.1 does not use DUP at QoS 0.
  const used = (header & 6) === 0 && receiver.allowsUnusedBits ? header & ~DUP : header;
  const packetId = decodePublish(used, source, body, end, publication);
  publication.dup = (header & DUP) !== 0;
  if (end - publication.payloadStart > LARGE_BYTES) publication.makeLast(receiver.ownsPacket);
  traffic.publishReceived++;
  traffic.publishBytesReceived += publication.end - publication.payloadStart;
  handlers.messages.publish(receiver, publication, packetId);
  receiver.delivered(publication.receivers);
}
