import * as p from '../../support/packets-5.ts';
import type { Random } from './random.ts';

const TOPICS = ['a', 'a/b', '/', '$SYS/x', 'ü/漢', 'x'.repeat(300), 'a/'.repeat(100), ''];
const FILTERS = ['#', '+', 'a/#', '+/+', 'a/b', '$SYS/#', '/', '$share/g/a/#', '$share/h/+'];
const TEXTS = ['', 'a', 'ü/漢', 'x'.repeat(300)];
const NUMBERS = [0, 1, 2, 10, 1000, 65_535, 0xffffffff];
const CODES = [0, 0x10, 0x80, 0x83, 0x92, 0x97, 0xff];

/** A session of MQTT 5 as a client might hold it, with properties that are mostly right. */
export function sequence5(random: Random): Buffer[] {
  const all = [connect(random)];
  const length = 1 + random.below(10);
  while (all.length <= length) all.push(anyPacket(random));
  return all;
}

/** Any of these properties, now and then one that does not belong there or is there twice. */
function properties(random: Random, names: readonly p.Property[0][]): p.Properties {
  const found: p.Property[] = [];
  while (random.chance(2) && found.length < 12) {
    const name = random.chance(40) ? random.pick(ALL) : random.pick(names);
    if (name !== 'userProperty' && !random.chance(30) && found.some(([each]) => each === name)) {
      continue;
    }
    found.push([name, anyValue(random, name)]);
  }
  return found;
}

function anyValue(random: Random, name: p.Property[0]): p.Property[1] {
  switch (name) {
    case 'userProperty':
      return [random.pick(TEXTS), random.pick(TEXTS)];
    case 'correlationData':
    case 'authenticationData':
      return random.bytes(random.below(20));
    case 'contentType':
    case 'responseTopic':
    case 'authenticationMethod':
    case 'reasonString':
      return random.chance(3) ? 'SCRAM-SHA-256' : random.pick(TEXTS);
    case 'payloadFormat':
    case 'requestProblemInformation':
    case 'requestResponseInformation':
      return random.chance(20) ? 2 : random.below(2);
    case 'topicAlias':
    case 'receiveMaximum':
    case 'topicAliasMaximum':
      return random.pick(NUMBERS) & 0xffff;
    case 'subscriptionIdentifier':
      return random.pick(NUMBERS) & 0xfffffff;
    default:
      return random.pick(NUMBERS);
  }
}

const OF_MESSAGE: readonly p.Property[0][] = [
  'payloadFormat',
  'messageExpiry',
  'contentType',
  'responseTopic',
  'correlationData',
  'userProperty',
];
const OF_PUBLISH = [...OF_MESSAGE, 'topicAlias'] as const;
const OF_WILL = [...OF_MESSAGE, 'willDelay'] as const;
const OF_CONNECT: readonly p.Property[0][] = [
  'sessionExpiry',
  'receiveMaximum',
  'maximumPacketSize',
  'topicAliasMaximum',
  'requestResponseInformation',
  'requestProblemInformation',
  'userProperty',
];
const OF_AUTH: readonly p.Property[0][] = [
  'authenticationMethod',
  'authenticationData',
  'reasonString',
  'userProperty',
];
const ALL: readonly p.Property[0][] = [
  ...OF_WILL,
  ...OF_CONNECT,
  ...OF_AUTH,
  'topicAlias',
  'subscriptionIdentifier',
];

function connect(random: Random): Buffer {
  const more = random.chance(20) ? OF_AUTH : [];
  return p.connect({
    clientId: random.chance(8) ? '' : `fuzz${random.below(20)}`,
    clean: random.chance(2),
    keepalive: random.below(3),
    properties: properties(random, [...OF_CONNECT, ...more]),
    ...(random.chance(2)
      ? {
          will: {
            topic: random.pick(TOPICS),
            payload: random.bytes(random.below(20)),
            qos: random.below(3) as 0,
            retain: random.chance(2),
            properties: properties(random, OF_WILL),
          },
        }
      : {}),
    ...(random.chance(4) ? { username: 'user', password: random.bytes(5) } : {}),
  });
}

function anyPacket(random: Random): Buffer {
  const id = 1 + random.below(30);
  const options = (): number => random.below(random.chance(20) ? 256 : 48);
  const wishes = (): p.Wish5[] =>
    Array.from({ length: 1 + random.below(4) }, () => [random.pick(FILTERS), options()]);
  switch (random.below(12)) {
    case 0:
    case 1:
      return p.subscribe(
        id,
        wishes(),
        properties(random, ['subscriptionIdentifier', 'userProperty']),
      );
    case 2:
      return p.unsubscribe(
        id,
        wishes().map(([filter]) => filter),
        properties(random, ['userProperty']),
      );
    case 3:
    case 4: {
      const type = random.pick(['puback', 'pubrec', 'pubrel', 'pubcomp'] as const);
      const code = random.chance(2) ? random.pick(CODES) : undefined;
      const explained = properties(random, ['reasonString', 'userProperty']);
      return p.acknowledge(type, id, code, code === undefined ? undefined : explained);
    }
    case 5:
      if (random.chance(3))
        return p.auth(random.pick([0, 0x18, 0x19]), properties(random, OF_AUTH));
      return Buffer.from([0xc0, 0]);
    case 6: {
      if (!random.chance(4)) return Buffer.from([0xc0, 0]);
      const ends = properties(random, ['sessionExpiry', 'reasonString', 'userProperty']);
      return p.disconnect(random.pick([0, 4, 0x82, 0xff]), ends);
    }
    case 7:
      return random.chance(4) ? connect(random) : Buffer.from([0xc0, 0]);
    default: {
      const qos = random.below(3);
      const size = random.chance(20) ? random.below(100_000) : random.below(50);
      return p.publish(random.pick(TOPICS), Buffer.alloc(size, random.below(256)), {
        qos,
        retain: random.chance(4),
        id,
        dup: qos > 0 && random.chance(4),
        properties: properties(random, OF_PUBLISH),
      });
    }
  }
}
