import * as packets from '../../support/packets.ts';
import type { Random } from './random.ts';
import { sequence5 } from './sequence-5.ts';

const TOPICS = ['a', 'a/b', '/', '$SYS/x', 'ü/漢', 'x'.repeat(300), 'a/'.repeat(100)];
const FILTERS = ['#', '+', 'a/#', '+/+', 'a/b', '$SYS/#', '/'];

/** A session as a client might hold it: one packet an element, all of them right. */
export function sequence(random: Random): Buffer[] {
  const all = [connect(random)];
  const length = 1 + random.below(10);
  while (all.length <= length) all.push(anyPacket(random));
  return all;
}

function anySequence(random: Random): Buffer[] {
  return random.chance(2) ? sequence5(random) : sequence(random);
}

function connect(random: Random): Buffer {
  return packets.connect({
    clientId: random.chance(8) ? '' : `fuzz${random.below(20)}`,
    clean: random.chance(2),
    keepalive: random.below(3),
    ...(random.chance(2)
      ? {
          will: {
            topic: random.pick(TOPICS),
            payload: random.bytes(random.below(20)),
            qos: random.below(3),
            retain: random.chance(2),
          },
        }
      : {}),
    ...(random.chance(4) ? { username: 'user', password: random.bytes(5) } : {}),
    ...(random.chance(4) ? { protocol: 'MQIsdp', level: 3 } : {}),
  });
}

function anyPacket(random: Random): Buffer {
  const id = 1 + random.below(30);
  const wishes = (): packets.Wish[] =>
    Array.from({ length: 1 + random.below(4) }, () => [random.pick(FILTERS), random.below(3)]);
  switch (random.below(12)) {
    case 0:
      return packets.subscribe(id, wishes());
    case 1:
      return packets.unsubscribe(
        id,
        wishes().map(([filter]) => filter),
      );
    case 2:
      return packets.puback(id);
    case 3:
      return packets.pubrec(id);
    case 4:
      return packets.pubrel(id);
    case 5:
      return packets.pubcomp(id);
    case 6:
      return packets.pingreq;
    case 7:
      return random.chance(4) ? packets.disconnect : packets.pingreq;
    case 8:
      return random.chance(4) ? connect(random) : packets.pingreq;
    default: {
      const qos = random.below(3);
      const retain = random.chance(4);
      const size = random.chance(20) ? random.below(100_000) : random.below(50);
      return packets.publish(random.pick(TOPICS), Buffer.alloc(size, random.below(256)), {
        qos,
        retain,
        id,
        dup: qos > 0 && random.chance(4),
      });
    }
  }
}

type Mutation = (random: Random, bytes: Buffer) => Buffer;

const join = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

/** Two places in order. */
function span(random: Random, bytes: Buffer): [number, number] {
  const start = random.below(bytes.length + 1);
  return [start, Math.min(bytes.length, start + random.below(40))];
}

const MUTATIONS: readonly Mutation[] = [
  function flipBits(random, bytes) {
    for (let i = 1 + random.below(8); i > 0 && bytes.length > 0; i--) {
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    }
    return bytes;
  },
  function setBytes(random, bytes) {
    for (let i = 1 + random.below(4); i > 0 && bytes.length > 0; i--) {
      bytes[random.below(bytes.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, 0xc0, 0xed, 0x23]);
    }
    return bytes;
  },
  function truncate(random, bytes) {
    return bytes.subarray(0, random.below(bytes.length + 1));
  },
  function cutOut(random, bytes) {
    const [start, end] = span(random, bytes);
    return join(bytes.subarray(0, start), bytes.subarray(end));
  },
  function repeat(random, bytes) {
    const [start, end] = span(random, bytes);
    const piece = bytes.subarray(start, end);
    return join(
      bytes.subarray(0, end),
      ...new Array(1 + random.below(50)).fill(piece),
      bytes.subarray(end),
    );
  },
  function insertNoise(random, bytes) {
    const at = random.below(bytes.length + 1);
    return join(bytes.subarray(0, at), random.bytes(1 + random.below(30)), bytes.subarray(at));
  },
  function splice(random, bytes) {
    const other = join(...anySequence(random));
    const from = random.below(other.length);
    return join(bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(from));
  },
  function hugeLength(random, bytes) {
    const type = random.pick([0x10, 0x30, 0x32, 0x34, 0x82, 0xa2, 0x40, 0xc0]);
    const length = random.pick([
      [0xff, 0xff, 0xff, 0x7f],
      [0xff, 0xff, 0xff, 0xff, 0xff],
      [0x80, 0x80, 0x80, 0x01],
      [0x80, 0x80, 0x80, 0x80, 0x00],
      [0xff, 0xff, 0x3f],
    ]);
    const at = random.below(bytes.length + 1);
    return join(bytes.subarray(0, at), Buffer.from([type, ...length]), bytes.subarray(at));
  },
];

/** The bytes of one case: a right sequence, mutated packet by packet or as a whole, or left alone. */
export function mutated(random: Random): Buffer {
  const all = anySequence(random);
  // Often the CONNECT stays right, so that what follows is looked at.
  const first = random.chance(4) ? 0 : 1;
  if (random.chance(2)) {
    const index = first + random.below(all.length - first);
    const packet = Buffer.from(all[index]!);
    all[index] = random.chance(3)
      ? lieAboutLength(random, packet)
      : random.pick(MUTATIONS)(random, packet);
    return join(...all);
  }
  let rest = Buffer.from(join(...all.slice(first)));
  for (let i = random.below(4); i > 0; i--)
    rest = Buffer.from(random.pick(MUTATIONS)(random, rest));
  return join(...all.slice(0, first), rest);
}

/** The packet's first length byte says a little more or less than is there. */
function lieAboutLength(random: Random, packet: Buffer): Buffer {
  packet[1] = (packet[1]! + random.pick([-2, -1, 1, 2, 5])) & 0xff;
  return packet;
}
