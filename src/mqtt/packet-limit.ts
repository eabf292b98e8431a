import { PUBLISH } from './codec.ts';

/** Bytes of a packet besides its payload: the longest topic, all fixed fields, and about a thousand bytes of properties. */
const HEADER_BYTES = 65 * 1024;

/** Bytes of the largest packet, fixed header and all, where the largest payload has so many bytes. */
export function packetLimit(payload: number): number {
  return payload + HEADER_BYTES;
}

/** Where a packet is in a buffer: its first byte, the end of its fixed header, how far its bytes have come, its end. */
interface PacketPlace {
  readonly header: number;
  readonly body: number;
  readonly available: number;
  readonly end: number;
}

/** Bytes of the payload of a PUBLISH; 0 where too little of it has come to say so, and for another packet. */
export function payloadBytes(
  source: Buffer,
  { header, body, available, end }: PacketPlace,
  isVersion5: boolean,
): number {
  if (header >> 4 !== PUBLISH || available < body + 2) return 0;
  let start = body + 2 + source.readUInt16BE(body) + (header & 6 ? 2 : 0);
  if (!isVersion5) return end - start;
  let properties = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    if (start >= available) return 0;
    const byte = source[start++]!;
    properties |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return end - start - properties;
}
