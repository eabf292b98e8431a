import { PUBLISH } from '../mqtt/codec.ts';

/** The properties of one PUBLISH without their length; undefined where they can't be read. */
export type PropertyBlock = Buffer | undefined;

/** More bytes of properties are not kept: they would have to be collected from many reads. */
const LONGEST = 1024 * 1024;
const LENGTH_BYTES = 4;
const NONE = Buffer.alloc(0);

/** A packet as far as its properties, or as a whole if it has none that count. */
interface Head {
  /** Bytes of it that have been read, and those that follow. */
  readonly bytes: number;
  readonly rest: number;
  readonly publish: boolean;
  readonly block: PropertyBlock;
}

/**
 * Reads the properties of each PUBLISH from the bytes of a connection of MQTT 5, beside mqtt.js: its objects keep neither
 * the order of user properties [MQTT-3.3.2-18] nor an empty value.
 */
export class PropertyTap {
  readonly #blocks: PropertyBlock[] = [];
  /** The beginning of a packet whose properties have not arrived completely. */
  #partial: Buffer = NONE;
  /** Bytes of the present packet that are passed over. */
  #skip = 0;

  /** Takes the next bytes of the connection. A packet that can't be read has no end: mqtt.js ends the connection. */
  push(chunk: Buffer): void {
    const source = this.#partial.length > 0 ? Buffer.concat([this.#partial, chunk]) : chunk;
    let at = Math.min(this.#skip, source.length);
    this.#skip -= at;
    while (at < source.length) {
      const head = readHead(source, at);
      if (!head) break;
      if (head.publish) this.#blocks.push(head.block && Buffer.from(head.block));
      const next = at + head.bytes + head.rest;
      at = Math.min(next, source.length);
      this.#skip = next - at;
    }
    this.#partial = at < source.length ? Buffer.from(source.subarray(at)) : NONE;
  }

  /** The properties of the next PUBLISH, in the order of arrival. */
  next(): PropertyBlock {
    return this.#blocks.shift();
  }
}

/** Undefined where more bytes are needed. */
function readHead(source: Buffer, start: number): Head | undefined {
  const remaining = variableIntAt(source, start + 1);
  if (!remaining) return undefined;
  const body = remaining.end;
  const end = body + remaining.value;
  const header = source[start]!;
  const whole = { bytes: end - start, rest: 0, block: undefined };
  if (header >> 4 !== PUBLISH) return { ...whole, publish: false };
  const broken = { ...whole, publish: true };
  if (body + 2 > end) return broken;
  if (body + 2 > source.length) return undefined;
  const qos = (header >> 1) & 3;
  const lengthAt = body + 2 + source.readUInt16BE(body) + (qos > 0 ? 2 : 0);
  if (lengthAt >= end) return broken;
  const length = variableIntAt(source, lengthAt);
  if (!length) return undefined;
  const blockEnd = length.end + length.value;
  if (blockEnd > end || length.value > LONGEST) return broken;
  if (blockEnd > source.length) return undefined;
  return {
    bytes: blockEnd - start,
    rest: end - blockEnd,
    publish: true,
    block: source.subarray(length.end, blockEnd),
  };
}

/** A Variable Byte Integer; undefined where more bytes are needed. */
function variableIntAt(source: Buffer, start: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 0; i < LENGTH_BYTES; i++) {
    const byte = source[start + i];
    if (byte === undefined) return undefined;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  return { value, end: start + LENGTH_BYTES };
}
