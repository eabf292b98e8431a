import { isUtf8 } from 'node:buffer';
import { PUBLISH } from './codec.ts';
import { Fields } from './fields.ts';
import { checkRepetition, checkValue, definitionOf, WILL } from './properties.ts';
import { MalformedPacket, ProtocolError } from './protocol-error.ts';
import { copyBytes } from './publish-encoder.ts';
import { PAYLOAD_FORMAT_INVALID } from './reason-codes.ts';
import { variableIntBytes, writeVariableInt } from './variable-int.ts';

const PAYLOAD_FORMAT = 0x01;
export const MESSAGE_EXPIRY = 0x02;
const RESPONSE_TOPIC = 0x08;
const TOPIC_ALIAS = 0x23;
const WILL_DELAY = 0x18;
const USER_PROPERTY = 0x26;

/** Bytes of these properties with their identifiers. */
const LONG_BYTES = 5;
const ALIAS_BYTES = 3;
const NONE = -1;

/** What a will's properties add to the will. */
export interface WillProperties {
  readonly properties: Buffer | undefined;
  readonly expiry: number | undefined;
  readonly delay: number;
  readonly responseTopic: string | undefined;
}

/**
 * The properties of one PUBLISH or will, where they are in the packet. In the form in which they are stored and sent
 * they have neither the topic alias nor the will delay, and a message expiry is the first of them: its value is then at a
 * known place. The object is used again for the next packet.
 */
export class PublishProperties {
  /** 0 for none. */
  alias = 0;
  /** Seconds; undefined for none. */
  expiry: number | undefined;
  /** Seconds. */
  delay = 0;
  #source: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  #aliasAt = NONE;
  #expiryAt = NONE;
  #delayAt = NONE;
  #topicStart = 0;
  #topicEnd = 0;
  #isText = false;
  /** The properties that were found, as a set of bits; none of those with an identifier above 31. */
  #found = 0;

  /** The properties of a will, which come next in the CONNECT. */
  static ofWill(fields: Fields): PublishProperties {
    const block = fields.part(fields.variableInt()).rest();
    const properties = new PublishProperties();
    properties.read(block, 0, block.length, WILL);
    return properties;
  }

  /** Reads the properties at [start, end) of a PUBLISH or a will; throws ProtocolError on one that can't be right. */
  read(source: Buffer, start: number, end: number, packet: number = PUBLISH): void {
    this.alias = 0;
    this.expiry = undefined;
    this.delay = 0;
    this.#source = source;
    this.#start = start;
    this.#end = end;
    this.#aliasAt = NONE;
    this.#expiryAt = NONE;
    this.#delayAt = NONE;
    this.#topicStart = 0;
    this.#topicEnd = 0;
    this.#isText = false;
    this.#found = 0;
    for (let at = start; at < end; ) at = this.#one(at, packet);
  }

  /** Whether the bytes of the packet have the form in which properties are stored. */
  get isStoredForm(): boolean {
    const isFirst = this.#expiryAt === NONE || this.#expiryAt === this.#start;
    return isFirst && this.#aliasAt === NONE && this.#delayAt === NONE;
  }

  /** Decoded when it is read; undefined without one. */
  get responseTopic(): string | undefined {
    if (this.#topicEnd === 0) return undefined;
    return this.#source.toString('utf8', this.#topicStart, this.#topicEnd);
  }

  /** Bytes of the stored form, with the length in front; 0 without properties. */
  get storedBytes(): number {
    const length = this.#storedLength;
    return length === 0 ? 0 : variableIntBytes(length) + length;
  }

  get #storedLength(): number {
    const alias = this.#aliasAt === NONE ? 0 : ALIAS_BYTES;
    return this.#end - this.#start - alias - (this.#delayAt === NONE ? 0 : LONG_BYTES);
  }

  /** Writes the stored form; returns the offset after it. */
  writeStored(target: Buffer, offset: number): number {
    const length = this.#storedLength;
    if (length === 0) return offset;
    let to = writeVariableInt(target, offset, length);
    const expiryAt = this.#expiryAt;
    if (expiryAt !== NONE) {
      copyBytes(this.#source, expiryAt, expiryAt + LONG_BYTES, target, to);
      to += LONG_BYTES;
    }
    let from = this.#start;
    while (from < this.#end) {
      const next = this.#nextLeftOut(from);
      copyBytes(this.#source, from, next, target, to);
      to += next - from;
      from = next + (next === this.#aliasAt ? ALIAS_BYTES : LONG_BYTES);
    }
    return to;
  }

  /** The place of the next property that is not written in its order; the end if there is none. */
  #nextLeftOut(from: number): number {
    let next = this.#end;
    if (this.#aliasAt >= from) next = Math.min(next, this.#aliasAt);
    if (this.#expiryAt >= from) next = Math.min(next, this.#expiryAt);
    if (this.#delayAt >= from) next = Math.min(next, this.#delayAt);
    return next;
  }

  /** Throws if the payload at [start, end) is said to be text and is none [MQTT 5, section 3.3.2.3.2]. */
  checkPayload(source: Buffer, start: number, end: number): void {
    if (this.#isText && !isUtf8(source.subarray(start, end))) {
      throw new ProtocolError('the payload is said to be UTF-8 and is not', PAYLOAD_FORMAT_INVALID);
    }
  }

  toWill(): WillProperties {
    const bytes = Buffer.alloc(this.storedBytes);
    this.writeStored(bytes, 0);
    const properties = bytes.length > 0 ? bytes : undefined;
    const { expiry, delay, responseTopic } = this;
    return { properties, expiry, delay, responseTopic };
  }

  /** Reads one property; returns the offset after it. */
  #one(at: number, packet: number): number {
    const id = this.#source[at]!;
    // The most common one needs no table.
    if (id === USER_PROPERTY) return this.#text(this.#text(at + 1));
    const definition = definitionOf(id, packet);
    const bit = id === TOPIC_ALIAS ? 0 : id;
    if ((this.#found >> bit) & 1) checkRepetition(definition, packet);
    this.#found |= 1 << bit;
    switch (definition.type) {
      case 'byte': {
        const value = this.#number(at + 1, 1);
        checkValue(definition, value);
        if (id === PAYLOAD_FORMAT) this.#isText = value === 1;
        return at + 2;
      }
      case 'word':
        this.alias = this.#number(at + 1, 2);
        checkValue(definition, this.alias);
        this.#aliasAt = at;
        return at + ALIAS_BYTES;
      case 'long': {
        const value = this.#number(at + 1, 4);
        if (id === MESSAGE_EXPIRY) {
          this.expiry = value;
          this.#expiryAt = at;
        } else if (id === WILL_DELAY) {
          this.delay = value;
          this.#delayAt = at;
        }
        return at + LONG_BYTES;
      }
      case 'text': {
        const end = this.#text(at + 1);
        if (id === RESPONSE_TOPIC) this.#checkTopic(at + 3, end);
        return end;
      }
      case 'binary':
        return this.#field(at + 1);
      default:
        // A number that can't be read is malformed before it is forbidden [MQTT-1.5.5-1].
        new Fields(this.#source, at + 1, this.#end).variableInt();
        // A client sends no subscription identifier [MQTT-3.3.4-6].
        throw new ProtocolError(`the property ${definition.name} in a PUBLISH of a client`);
    }
  }

  #number(at: number, bytes: number): number {
    if (at + bytes > this.#end) throw new MalformedPacket('a property reaches over its block');
    return this.#source.readUIntBE(at, bytes);
  }

  /** Returns the offset after a length and as many bytes. */
  #field(at: number): number {
    const source = this.#source;
    const end = at + 2 + ((source[at]! << 8) | source[at + 1]!);
    // Also where the length itself is cut off.
    if (at + 2 > this.#end || end > this.#end) {
      throw new MalformedPacket('a property reaches over its block');
    }
    return end;
  }

  /** The same for a string [MQTT-1.5.4-1] [MQTT-1.5.4-2]. */
  #text(at: number): number {
    const end = this.#field(at);
    const source = this.#source;
    let isAscii = true;
    for (let i = at + 2; i < end; i++) {
      const byte = source[i]!;
      if (byte === 0) throw new MalformedPacket('a string holds U+0000');
      if (byte >= 0x80) isAscii = false;
    }
    if (!isAscii && !isUtf8(source.subarray(at + 2, end))) {
      throw new MalformedPacket('a string is not UTF-8');
    }
    return end;
  }

  /** [MQTT-3.3.2-14]. */
  #checkTopic(start: number, end: number): void {
    const topic = this.#source.subarray(start, end);
    if (start === end || topic.includes(0x2b) || topic.includes(0x23)) {
      throw new ProtocolError('the response topic is no topic name');
    }
    this.#topicStart = start;
    this.#topicEnd = end;
  }
}

const EMPTY = Buffer.alloc(0);
