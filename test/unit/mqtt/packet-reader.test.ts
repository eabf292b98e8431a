import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { KeepSlots } from '../../../src/mqtt/keep-slots.ts';
import { PacketReader } from '../../../src/mqtt/packet-reader.ts';
import { ProtocolError } from '../../../src/mqtt/protocol-error.ts';
import * as packets from '../../support/packets.ts';

const CONNECT = packets.connect({ clientId: 'c' });

/** A reader that keeps every packet as hex; `every` is called after each. */
function reader(
  limit = 1024 * 1024,
  every: (frames: PacketReader, count: number) => void = () => undefined,
  slots?: KeepSlots,
) {
  const got: string[] = [];
  const sources: Buffer[] = [];
  const frames: PacketReader = new PacketReader(
    limit,
    (source, start, body, end) => {
      let at = start + 1;
      while (source[at]! & 0x80) at++;
      expect(body).toBe(at + 1);
      got.push(source.toString('hex', start, end));
      sources.push(source);
      every(frames, got.length);
    },
    undefined,
    slots,
  );
  return { frames, got, sources };
}

const SLOT = 4000;

/** Slots behind 500 bytes of a buffer that must not change; `used` has the places that are taken. */
function someSlots(count: number) {
  const buffer = Buffer.alloc(500 + count * SLOT, 0xaa);
  const free = Array.from({ length: count }, (_, i) => 500 + i * SLOT);
  const used = new Set<number>();
  const slots: KeepSlots = {
    buffer,
    size: SLOT,
    get hasFree() {
      return free.length > 0;
    },
    take() {
      const start = free.pop();
      if (start === undefined) throw new Error('no slot is free');
      used.add(start);
      return start;
    },
    free(start) {
      if (!used.delete(start)) throw new Error('this slot is free already');
      buffer.fill(0xbb, start, start + SLOT);
      free.push(start);
    },
  };
  return { slots, used, buffer };
}

const toHex = (bytes: Buffer): string => bytes.toString('hex');

const size = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 30 }) },
  fc.integer({ min: 100, max: 300 }),
  fc.integer({ min: 16_000, max: 17_000 }),
);
const stream = fc
  .array(
    fc.oneof(
      size.map((length) => packets.publish('t', Buffer.alloc(length, 7), { qos: 1, id: 5 })),
      fc.constant(packets.pingreq),
      fc.constant(packets.puback(3)),
    ),
    { maxLength: 20 },
  )
  .map((all) => [CONNECT, ...all]);
const cuts = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 20_000 })),
  {
    minLength: 1,
    maxLength: 50,
  },
);

/** Cuts the bytes into pieces of these lengths, over and over. */
function* pieces(all: Buffer, lengths: readonly number[]): Iterable<Buffer> {
  for (let at = 0, i = 0; at < all.length; i++) {
    const length = lengths[i % lengths.length]!;
    yield Buffer.from(all.subarray(at, at + length));
    at += length;
  }
}

test('however the stream is cut, the packets are the same', () => {
  fc.assert(
    fc.property(stream, cuts, (all, lengths) => {
      const { frames, got } = reader();
      for (const piece of pieces(Buffer.concat(all), lengths)) {
        frames.feed(piece);
        // The chunk is the socket's again.
        piece.fill(0xee);
      }
      expect(got).toEqual(all.map((each) => each.toString('hex')));
    }),
  );
});

test('however often it is paused and resumed, the packets are the same', () => {
  fc.assert(
    fc.property(
      stream,
      cuts,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 5 }),
      (all, lengths, nth, later) => {
        const { frames, got } = reader(1024 * 1024, (self, count) => {
          if (count % nth === 0) self.pause();
        });
        let i = 0;
        for (const piece of pieces(Buffer.concat(all), lengths)) {
          frames.feed(piece);
          if (++i % later === 0) frames.resume();
        }
        for (let round = 0; round <= all.length; round++) frames.resume();
        expect(got).toEqual(all.map((each) => each.toString('hex')));
      },
    ),
  );
});

test('while it is paused nothing is read', () => {
  const { frames, got } = reader(1024, (self) => self.pause());
  frames.feed(Buffer.concat([CONNECT, packets.pingreq, packets.pingreq]));
  frames.feed(packets.pingreq.subarray(0, 1));
  frames.feed(packets.pingreq.subarray(1));
  expect(got).toHaveLength(1);
  frames.resume();
  expect(got).toHaveLength(2);
});

test('acknowledgements and PINGREQ can be read ahead of what is kept, each once', () => {
  const publish = packets.publish('t', 'x');
  const { frames, got } = reader(1024, (self) => self.pause());
  const kept = [publish, packets.puback(3), packets.pubrel(4), publish, packets.pingreq];
  frames.feed(Buffer.concat([CONNECT, ...kept, packets.puback(5).subarray(0, 3)]));
  frames.readAhead();
  frames.readAhead();
  expect(got.splice(0)).toEqual([CONNECT, packets.puback(3), packets.pingreq].map(toHex));
  frames.feed(packets.puback(5).subarray(3));
  frames.readAhead();
  expect(got.splice(0)).toEqual([toHex(packets.puback(5))]);
  for (let round = 0; round < 5; round++) frames.resume();
  expect(got).toEqual([publish, packets.pubrel(4), publish].map(toHex));
  expect(frames.keptBytes).toBe(0);
});

test('however often it is paused, read ahead and resumed, every packet comes once and in the order of its kind', () => {
  fc.assert(
    fc.property(
      stream,
      cuts,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 5 }),
      (all, lengths, nth, later) => {
        const { frames, got } = reader(1024 * 1024, (self, count) => {
          if (count % nth === 0) self.pause();
        });
        let i = 0;
        for (const piece of pieces(Buffer.concat(all), lengths)) {
          frames.feed(piece);
          piece.fill(0xee);
          if (i % 2 === 0) frames.readAhead();
          if (++i % later === 0) frames.resume();
        }
        for (let round = 0; round <= all.length; round++) frames.resume();
        const isPublish = (hex: string): boolean => hex.startsWith('3');
        const wanted = all.map(toHex);
        expect(got.filter(isPublish)).toEqual(wanted.filter(isPublish));
        expect(got.filter((hex) => !isPublish(hex))).toEqual(
          wanted.filter((hex) => !isPublish(hex)),
        );
        expect(frames.keptBytes).toBe(0);
      },
    ),
  );
});

test('bytes that wait are in a slot, which is free again once they are read', () => {
  const { slots, used, buffer } = someSlots(1);
  const { frames, got, sources } = reader(1e6, (self, n) => n === 1 && self.pause(), slots);
  const small = Array.from({ length: 30 }, (_, i) => packets.publish(`t/${i}`, Buffer.alloc(100)));
  const all = [CONNECT, ...small, packets.publish('t', 'the last')];
  const bytes = Buffer.concat(all);
  frames.feed(bytes.subarray(0, -3));
  expect(used.size).toBe(1);
  frames.resume();
  expect(sources.map((source) => source === buffer)).toEqual([false, ...small.map(() => true)]);
  // What is left is less than a packet, and may wait for long.
  expect([used.size, frames.keptBytes]).toEqual([0, packets.publish('t', 'the last').length - 3]);
  frames.feed(bytes.subarray(-3));
  expect(got).toEqual(all.map(toHex));
  expect(frames.keptBytes).toBe(0);
  expect(buffer.subarray(0, 500)).toEqual(Buffer.alloc(500, 0xaa));
});

test.each([
  ['few', 900],
  ['more than a slot has', SLOT],
])('%s bytes that wait take no slot', (_, bytes) => {
  const { slots, used } = someSlots(1);
  const { frames, got } = reader(1e6, (self, n) => n === 1 && self.pause(), slots);
  const all = [CONNECT, packets.publish('t', Buffer.alloc(bytes)), packets.pingreq];
  frames.feed(Buffer.concat(all));
  expect(used.size).toBe(0);
  frames.resume();
  expect(got).toEqual(all.map(toHex));
});

test('where all slots are taken, bytes wait outside; those that outgrow a slot leave it', () => {
  const { slots, used } = someSlots(1);
  const [one, other] = [0, 1].map(() => reader(1e6, (self, n) => n === 1 && self.pause(), slots));
  const packet = packets.publish('t', Buffer.alloc(1500, 1));
  const all = [CONNECT, packet, packet];
  for (const { frames } of [one!, other!]) frames.feed(Buffer.concat(all));
  expect(used.size).toBe(1);
  one!.frames.feed(packet);
  expect(used.size).toBe(0);
  for (const { frames } of [one!, other!]) frames.resume();
  expect(one!.got).toEqual([...all, packet].map(toHex));
  expect(other!.got).toEqual(all.map(toHex));
});

test('a reader that forgets what it kept, also while a packet of it is handled, gives its slot back', () => {
  const { slots, used } = someSlots(1);
  const packet = packets.publish('t', Buffer.alloc(600));
  const { frames, got } = reader(
    1e6,
    (self, count) => {
      if (count === 1) self.pause();
      if (count === 2) self.clear();
    },
    slots,
  );
  frames.feed(Buffer.concat([CONNECT, packet, packet, packet]));
  expect(used.size).toBe(1);
  frames.resume();
  expect([got.length, used.size, frames.keptBytes]).toEqual([2, 0, 0]);
});

test('kept bytes are counted with the room that they take, and none is left over', () => {
  const { slots } = someSlots(1);
  let counted = 0;
  let count = 0;
  const frames: PacketReader = new PacketReader(
    1e6,
    () => {
      if (++count % 3 === 0) frames.pause();
    },
    (bytes) => {
      counted += bytes;
    },
    slots,
  );
  const packet = packets.publish('t', Buffer.alloc(700));
  frames.feed(Buffer.concat([CONNECT, ...Array.from({ length: 5 }, () => packet)]));
  expect(counted).toBe(SLOT);
  frames.feed(Buffer.concat(Array.from({ length: 5 }, () => packet)));
  expect(counted).toBeGreaterThan(SLOT);
  for (let round = 0; round < 5; round++) frames.resume();
  expect([counted, frames.keptBytes]).toEqual([0, 0]);
});

test('readers that share slots do not mix their packets, also where one is read within the other', () => {
  fc.assert(
    fc.property(
      fc.tuple(stream, stream),
      cuts,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 2 }),
      (both, lengths, nth, later, count) => {
        const { slots, used } = someSlots(count);
        const readers = [0, 1].map((self) =>
          reader(
            1024 * 1024,
            (frames, n) => {
              if (n % nth === 0) frames.pause();
              if (self === 0) readers[1]!.frames.resume();
            },
            slots,
          ),
        );
        const streams = both.map((all) => [...pieces(Buffer.concat(all), lengths)]);
        for (let i = 0; i < Math.max(...streams.map(({ length }) => length)); i++) {
          readers.forEach(({ frames }, k) => {
            const piece = streams[k]![i];
            if (piece) frames.feed(piece);
            if (i % 2 === 0) frames.readAhead();
            if (i % later === k) frames.resume();
          });
        }
        for (let round = 0; round < 42; round++) for (const { frames } of readers) frames.resume();
        const isPublish = (hex: string): boolean => hex.startsWith('3');
        for (const [k, all] of both.entries()) {
          const wanted = all.map(toHex);
          for (const of of [isPublish, (hex: string) => !isPublish(hex)])
            expect(readers[k]!.got.filter(of)).toEqual(wanted.filter(of));
        }
        expect(used.size).toBe(0);
      },
    ),
  );
});

test('a packet that cannot be right is refused in its turn, also when it was read ahead', () => {
  const { frames, got } = reader(1024, (self) => self.pause());
  frames.feed(Buffer.concat([CONNECT, packets.publish('t', 'x'), Buffer.from('0000', 'hex')]));
  frames.readAhead();
  expect(got).toHaveLength(1);
  frames.resume();
  expect(got).toHaveLength(2);
  expect(() => frames.resume()).toThrow('packet type 0');
});

test('bytes of a packet without its end are counted, those of whole packets that wait are not', () => {
  const { frames } = reader();
  const large = packets.publish('t', 'x'.repeat(1000));
  frames.feed(CONNECT);
  expect(frames.unfinishedBytes).toBe(0);
  frames.feed(large.subarray(0, 1));
  expect(frames.unfinishedBytes).toBe(1);
  frames.feed(large.subarray(1, 600));
  frames.pause();
  expect(frames.unfinishedBytes).toBe(600);
  frames.feed(large.subarray(600));
  frames.feed(large.subarray(0, 500));
  expect([frames.keptBytes, frames.unfinishedBytes]).toEqual([large.length + 500, 0]);
  frames.resume();
  expect(frames.unfinishedBytes).toBe(500);
});

test('what was kept can be forgotten', () => {
  const { frames, got } = reader(1024, (self) => self.pause());
  frames.feed(Buffer.concat([CONNECT, packets.pingreq]));
  frames.clear();
  frames.resume();
  expect(got).toHaveLength(1);
});

test('a packet over the limit is refused by its length, before it comes', () => {
  const { frames, got } = reader(100);
  expect(() => frames.feed(Buffer.from('10ffffff7f', 'hex'))).toThrow(
    'a packet of 268435460 bytes is too large',
  );
  expect(got).toEqual([]);
  const exact = reader(100);
  exact.frames.feed(packets.frame(0x10, Buffer.alloc(98)));
  expect(exact.got).toHaveLength(1);
  expect(() => exact.frames.feed(packets.frame(0x30, Buffer.alloc(99)))).toThrow('101 bytes');
});

test.each([
  ['PINGREQ first', 'c000', 'the first packet is not CONNECT'],
  ['a length of five bytes', '10ffffffff01', 'more than four bytes'],
  ['CONNECT with flags', '1100', 'reserved flags'],
  ['TLS', '16030100ff', 'it begins with TLS, and this port has none'],
  ['HTTP', '474554202f', 'it speaks HTTP or WebSocket, and this port takes MQTT over TCP'],
  ['type 0', '0000', 'packet type 0'],
  ['type 15', 'f000', 'packet type 15'],
  ['CONNACK', '2000', 'packet type 2'],
])('%s is refused', (_name, hex, message) => {
  const { frames } = reader();
  expect(() => frames.feed(Buffer.from(hex, 'hex'))).toThrow(ProtocolError);
  expect(() => reader().frames.feed(Buffer.from(hex, 'hex'))).toThrow(message);
});

test.each(['6000', '8000', 'a000', '9000', 'c100', 'd000', 'e200'])(
  'header %s after CONNECT is refused',
  (hex) => {
    const { frames } = reader();
    frames.feed(CONNECT);
    expect(() => frames.feed(Buffer.from(hex, 'hex'))).toThrow(ProtocolError);
  },
);

// [MQTT-2.1.3-1]: flags that no packet of the type can have make it malformed, whoever sends it.
test.each([
  ['CONNACK', '2100', 0x81],
  ['SUBACK', '9800', 0x81],
  ['UNSUBACK', 'b200', 0x81],
  ['PINGRESP', 'd400', 0x81],
  ['AUTH', 'f100', 0x81],
  ['PINGREQ', 'c100', 0x81],
  ['CONNACK', '2000', 0x82],
  ['SUBACK', '9000', 0x82],
  ['UNSUBACK', 'b000', 0x82],
  ['PINGRESP', 'd000', 0x82],
  ['type 0', '0000', 0x82],
  ['type 0', '0100', 0x82],
])('%s from a client that begins with %s has reason code %i', (_name, hex, code) => {
  const { frames } = reader();
  frames.allowsAuth = true;
  frames.feed(CONNECT);
  let refused: unknown;
  try {
    frames.feed(Buffer.from(hex, 'hex'));
  } catch (error) {
    refused = error;
  }
  expect((refused as ProtocolError).reasonCode, String(refused)).toBe(code);
});

test('a long packet that is not complete is not copied when reading is paused and resumed', () => {
  const kept: number[] = [];
  const lengths: number[] = [];
  const frames = new PacketReader(
    1024 * 1024,
    (_source, start, _body, end) => lengths.push(end - start),
    (bytes) => kept.push(bytes),
  );
  frames.feed(CONNECT);
  const packet = packets.publish('t', Buffer.alloc(800_000));
  frames.feed(packet, 0, 500_000);
  const before = kept.length;
  for (let i = 0; i < 100; i++) {
    frames.pause();
    frames.resume();
  }
  expect(kept.length).toBe(before);
  frames.feed(packet, 500_000);
  expect(lengths).toEqual([CONNECT.length, packet.length]);
  expect(kept.reduce((sum, bytes) => sum + bytes, 0)).toBe(0);
});

test('a packet in many pieces has a buffer of its own length in the end', () => {
  const owned: boolean[] = [];
  const { frames, sources } = reader(2_000_000, (each) => void owned.push(each.ownsPacket));
  frames.feed(CONNECT);
  const large = packets.publish('t', Buffer.alloc(1_000_000, 'x'), { qos: 1 });
  const small = packets.publish('t', 'small');
  const bytes = Buffer.concat([large, small, small]);
  for (let at = 0; at < bytes.length; at += 65_536) {
    frames.feed(Buffer.from(bytes.subarray(at, at + 65_536)));
  }
  expect(owned).toEqual([false, true, false, false]);
  expect(sources[1]!.length).toBe(large.length);
});
