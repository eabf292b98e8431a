import { isUtf8 } from 'node:buffer';
import { MalformedPacket, ProtocolError } from './protocol-error.ts';

/** Bytes of the longest Variable Byte Integer [MQTT 5, section 1.5.5]. */
const VARIABLE_INT_BYTES = 4;

/** Reads the fields of one packet in order, never beyond the packet's end. */
export class Fields {
  readonly #source: Buffer;
  #at: number;
  readonly #end: number;

  constructor(source: Buffer, start: number, end: number) {
    this.#source = source;
    this.#at = start;
    this.#end = end;
  }

  /** Where the next field begins in the source. */
  get at(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  byte(): number {
    if (this.#at >= this.#end) throw new MalformedPacket('the packet ends too early');
    return this.#source[this.#at++]!;
  }

  word(): number {
    return (this.byte() << 8) | this.byte();
  }

  /** Four bytes without a sign. */
  long(): number {
    return this.word() * 65_536 + this.word();
  }

  /** [MQTT-1.5.5-1]: in the fewest bytes. */
  variableInt(): number {
    let value = 0;
    for (let i = 0; i < VARIABLE_INT_BYTES; i++) {
      const byte = this.byte();
      value |= (byte & 0x7f) << (7 * i);
      if (byte >= 0x80) continue;
      if (byte === 0 && i > 0) throw new MalformedPacket('a number in more bytes than it needs');
      return value;
    }
    throw new MalformedPacket('a number of more than four bytes');
  }

  /** The fields of the next bytes, which are passed over here. */
  part(length: number): Fields {
    return new Fields(this.#source, this.#skip(length), this.#at);
  }

  /** A copy of the bytes up to the end. */
  rest(): Buffer {
    return Buffer.from(this.#source.subarray(this.#skip(this.#end - this.#at), this.#end));
  }

  /** A copy, so that a kept field does not keep the whole read buffer. */
  binary(): Buffer {
    const length = this.word();
    const start = this.#skip(length);
    return Buffer.from(this.#source.subarray(start, start + length));
  }

  text(): string {
    return decodeText(this.binary());
  }

  /** Returns where the passed bytes begin. */
  #skip(length: number): number {
    const start = this.#at;
    if (start + length > this.#end) throw new MalformedPacket('a field reaches over the packet');
    this.#at += length;
    return start;
  }
}

/** [MQTT-1.5.3-1, MQTT-1.5.3-2]: well-formed UTF-8 without U+0000. */
function decodeText(bytes: Buffer): string {
  if (bytes.includes(0)) throw new MalformedPacket('a string holds U+0000');
  if (!isUtf8(bytes)) throw new MalformedPacket('a string is not UTF-8');
  return bytes.toString('utf8');
}

/** The topic name in these bytes [MQTT-4.7.3, MQTT-3.3.2-2]. */
export function decodeTopic(bytes: Buffer): string {
  const topic = decodeText(bytes);
  if (topic === '') throw new MalformedPacket('the topic is empty');
  if (topic.includes('#') || topic.includes('+')) {
    throw new MalformedPacket('the topic holds a wildcard');
  }
  return topic;
}

/** A `+` or `#` that is not alone in its level, or a `#` that is not in the last one [MQTT-4.7.1-2] [MQTT-4.7.1-3]. */
const MISPLACED_WILDCARD = /[^/][+#]|\+[^/]|#./s;

export function decodeFilter(fields: Fields): string {
  const filter = fields.text();
  if (filter === '') throw new MalformedPacket('the topic filter is empty');
  if (MISPLACED_WILDCARD.test(filter)) {
    throw new MalformedPacket('the topic filter has a wildcard in the wrong place');
  }
  return filter;
}

export function decodePacketId(fields: Fields): number {
  const packetId = fields.word();
  if (packetId === 0) throw new ProtocolError('packet identifier 0');
  return packetId;
}
