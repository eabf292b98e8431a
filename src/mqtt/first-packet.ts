import { MalformedPacket, ProtocolError } from './protocol-error.ts';

/** The beginning of a record of TLS, and of an HTTP request; WebSocket begins with one. */
const TLS_RECORD = 0x1603;
const HTTP_GET = 'GET ';

/** The error of a first packet that is no CONNECT. */
export function firstPacketError(source: Buffer, at: number, available: number): ProtocolError {
  const isHttp = available - at >= 4 && source.toString('latin1', at, at + 4) === HTTP_GET;
  const reason = isHttp ? 'it speaks HTTP or WebSocket, and this port takes MQTT over TCP' : '';
  return new ProtocolError(reason || 'the first packet is not CONNECT');
}

/** The error of a first packet that begins like a CONNECT, with flags. */
export function flaggedConnectError(source: Buffer, start: number): ProtocolError {
  const isTls = source.readUInt16BE(start) === TLS_RECORD;
  return new MalformedPacket(
    isTls ? 'it begins with TLS, and this port has none' : 'reserved flags',
  );
}
