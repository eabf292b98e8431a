import { PUBLISH } from '../mqtt/codec.ts';
import { Fields } from '../mqtt/fields.ts';
import { definitionOf } from '../mqtt/properties.ts';
import { ProtocolError } from '../mqtt/protocol-error.ts';
import { PublishProperties } from '../mqtt/publish-properties.ts';
import { FROM_PROPERTY } from './echo.ts';
import type { PropertyBlock } from './property-tap.ts';
import type { ReceivedPublish } from './received-publish.ts';

/** The properties of a message from the plant, in the form in which messages here have them. */
export interface ReceivedProperties {
  /** With their length in front; empty without properties. */
  readonly stored: Buffer;
  /** Seconds; undefined for none. */
  readonly expiry: number | undefined;
  /** What is wrong with them: the message can't be published here. */
  readonly problem?: string;
}

export const NO_PROPERTIES: ReceivedProperties = { stored: Buffer.alloc(0), expiry: undefined };

/**
 * The properties of a message from the plant, checked as those of a client are. Left out are subscription identifiers,
 * which are the plant's, and the name of the gateway that sent the message: a client that answers with the same user
 * properties must not send it back.
 */
export function receivedProperties(packet: ReceivedPublish, payload: Buffer): ReceivedProperties {
  if (!packet.propertyBlock) return NO_PROPERTIES;
  try {
    return checked(packet.propertyBlock.bytes, payload);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { ...NO_PROPERTIES, problem: `its properties are wrong: ${error.message}` };
  }
}

function checked(block: PropertyBlock, payload: Buffer): ReceivedProperties {
  if (!block) return { ...NO_PROPERTIES, problem: 'its properties are too long' };
  if (block.length === 0) return NO_PROPERTIES;
  const kept = withoutOwn(block);
  const properties = new PublishProperties();
  properties.read(kept, 0, kept.length);
  properties.checkPayload(payload, 0, payload.length);
  const stored = Buffer.alloc(properties.storedBytes);
  properties.writeStored(stored, 0);
  return { stored, expiry: properties.expiry };
}

function withoutOwn(block: Buffer): Buffer {
  const kept: Buffer[] = [];
  const fields = new Fields(block, 0, block.length);
  while (!fields.done) {
    const start = fields.at;
    const { name, type } = definitionOf(fields.variableInt(), PUBLISH);
    let isOwn = name === 'subscriptionIdentifier';
    if (type === 'pair') {
      isOwn = fields.text() === FROM_PROPERTY;
      fields.text();
    } else fields[type]();
    if (!isOwn) kept.push(block.subarray(start, fields.at));
  }
  return Buffer.concat(kept);
}
