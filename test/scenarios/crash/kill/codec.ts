import type { ConnectOptions, Packet, PublishOptions, Wish } from '../../../support/packets.ts';
import * as packets from '../../../support/packets.ts';
import * as p from '../../../support/packets-5.ts';

/** The packets of one version of MQTT, as these clients need them. */
export interface Codec {
  connect(options: ConnectOptions): Buffer;
  publish(topic: string, payload: string, options: PublishOptions): Buffer;
  subscribe(id: number, wishes: readonly Wish[]): Buffer;
  /** Reads a packet from the broker; throws where it is not as it must be. */
  parse(raw: Buffer): Packet;
}

export const CODEC_3: Codec = {
  connect: packets.connect,
  publish: packets.publish,
  subscribe: packets.subscribe,
  parse: packets.parse,
};

const NEVER = 0xffffffff;
/** None expires in a test. */
const EXPIRY_S = 86_400;
const IDENTIFIER = 300;

const own = (topic: string): p.Properties => [
  ['contentType', 'text/plain'],
  ['userProperty', ['topic', topic]],
  ['userProperty', ['topic', '']],
];

/** MQTT 5: each message has an expiry and properties, each subscription an identifier, and they must arrive. */
export const CODEC_5: Codec = {
  connect: ({ clientId, clean = true }) =>
    p.connect({
      clientId: clientId ?? '',
      clean,
      properties: clean ? [] : [['sessionExpiry', NEVER]],
    }),
  publish: (topic, payload, options) =>
    p.publish(topic, payload, {
      ...options,
      properties: [['messageExpiry', EXPIRY_S], ...own(topic)],
    }),
  subscribe: (id, wishes) => p.subscribe(id, wishes, [['subscriptionIdentifier', IDENTIFIER]]),
  parse(raw) {
    const packet = p.parse(raw);
    if (packet.type === 'publish') checkProperties(packet);
    return packet as unknown as Packet;
  },
};

function checkProperties(packet: p.Packet5): void {
  const expiry = p.valueIn(packet, 'messageExpiry') as number;
  const rest = packet.properties.filter(([name]) => name !== 'messageExpiry');
  const wanted = [...own(packet.topic!), ['subscriptionIdentifier', IDENTIFIER]];
  if (JSON.stringify(rest) === JSON.stringify(wanted) && expiry > 0 && expiry <= EXPIRY_S) return;
  throw new Error(`${packet.topic} has the properties ${JSON.stringify(packet.properties)}`);
}
