import * as p from '../../support/packets-5.ts';
import type { Sent } from './deliveries.ts';

/** How long a sequence may take in real time, in seconds: the model's clock does not count that. */
const SLACK_S = 45;

/** The properties of a message with this payload. */
export function ownProperties(payload: string): p.Properties {
  return [
    ['contentType', 'text/plain'],
    ['correlationData', Buffer.from(payload)],
    ['userProperty', ['b', payload]],
    ['userProperty', ['a', '']],
    ['userProperty', ['b', payload]],
  ];
}

/** Throws where what a client of MQTT 5 was sent is not what was published, at a time of the model's clock. */
export function checkProperties(sent: Sent, packet: p.Packet5, now: number): void {
  const own = packet.properties.filter(([name]) => !ADDED.includes(name));
  const bare = sent.stripped && own.length === 0;
  if (!bare && JSON.stringify(own) !== JSON.stringify(sent.properties)) {
    throw new Error(`${packet.payload} on ${packet.topic} has properties ${JSON.stringify(own)}`);
  }
  const expiry = p.valueIn(packet, 'messageExpiry') as number | undefined;
  if (bare && expiry === undefined) return;
  const left = sent.expiresAt === undefined ? undefined : (sent.expiresAt - now) / 1000;
  const isRight =
    left === undefined ? expiry === undefined : expiry !== undefined && expiry <= Math.max(0, left);
  if (!isRight || (left !== undefined && expiry! < left - SLACK_S)) {
    throw new Error(`${packet.payload} on ${packet.topic} expires in ${expiry} s, not in ${left}`);
  }
}

const ADDED: readonly string[] = ['messageExpiry', 'subscriptionIdentifier', 'topicAlias'];
