import { expect, test } from 'vitest';
import { Fields } from '../../../src/mqtt/fields.ts';
import {
  decodeProperties,
  encodeProperties,
  PROPERTIES,
  type Properties,
} from '../../../src/mqtt/properties.ts';
import { ProtocolError } from '../../../src/mqtt/protocol-error.ts';

/** MQTT 5, table 2-4: identifier, type, and the packets that may have the property; `w` stands for the will. */
const TABLE_2_4: readonly (readonly [number, string, readonly (number | 'w')[]])[] = [
  [1, 'byte', [3, 'w']],
  [2, 'long', [3, 'w']],
  [3, 'text', [3, 'w']],
  [8, 'text', [3, 'w']],
  [9, 'binary', [3, 'w']],
  [11, 'variableInt', [3, 8]],
  [17, 'long', [1, 2, 14]],
  [18, 'text', [2]],
  [19, 'word', [2]],
  [21, 'text', [1, 2, 15]],
  [22, 'binary', [1, 2, 15]],
  [23, 'byte', [1]],
  [24, 'long', ['w']],
  [25, 'byte', [1]],
  [26, 'text', [2]],
  [28, 'text', [2, 14]],
  [31, 'text', [2, 4, 5, 6, 7, 9, 11, 14, 15]],
  [33, 'word', [1, 2]],
  [34, 'word', [1, 2]],
  [35, 'word', [3]],
  [36, 'byte', [2]],
  [37, 'byte', [2]],
  [38, 'pair', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 'w']],
  [39, 'long', [1, 2]],
  [40, 'byte', [2]],
  [41, 'byte', [2]],
  [42, 'byte', [2]],
];
const PACKETS = [...Array.from({ length: 15 }, (_, i) => i + 1), 'w' as const];

/** One valid value of each type. */
const VALUES: Readonly<Record<string, string>> = {
  byte: '01',
  word: '0001',
  long: '00000001',
  variableInt: '01',
  text: '000161',
  binary: '000100',
  pair: '000161000162',
};
const SERVER_BYTES: Readonly<Record<string, number>> = { CONNECT: 1 };

function fieldsOf(...blocks: readonly string[]): Fields {
  const block = Buffer.from(blocks.join('').replaceAll(' ', ''), 'hex');
  return new Fields(Buffer.concat([Buffer.from([block.length]), block]), 0, block.length + 1);
}

function codeOf(step: () => unknown): number | undefined {
  try {
    step();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as ProtocolError).reasonCode;
  }
}

const hexOf = (id: number): string => id.toString(16).padStart(2, '0');

test('the table has the properties of the standard with their types', () => {
  expect(PROPERTIES.map(({ id, type }) => [id, type])).toEqual(
    TABLE_2_4.map(([id, type]) => [id, type]),
  );
});

test.each(TABLE_2_4)(
  'property %i is refused as malformed in every packet that can not have it',
  (id, type, packets) => {
    for (const packet of PACKETS) {
      const number = packet === 'w' ? 0 : packet;
      const code = codeOf(() => decodeProperties(fieldsOf(hexOf(id), VALUES[type]!), number));
      expect(code, `in packet ${packet}`).toBe(packets.includes(packet) ? undefined : 0x81);
    }
  },
);

test.each(TABLE_2_4)(
  'property %i of the type %s: cut off it is malformed, twice it is a protocol error',
  (id, type, packets) => {
    const packet = packets[0] === 'w' ? 0 : (packets[0] ?? SERVER_BYTES.CONNECT!);
    const value = VALUES[type]!;
    for (let bytes = 0; bytes < value.length / 2; bytes++) {
      const cut = fieldsOf(hexOf(id), value.slice(0, 2 * bytes));
      expect(
        codeOf(() => decodeProperties(cut, packet)),
        `${bytes} bytes`,
      ).toBe(0x81);
    }
    const twice = fieldsOf(hexOf(id), value, hexOf(id), value);
    const repeats = id === 38 || (id === 11 && packet === 3);
    expect(codeOf(() => decodeProperties(twice, packet))).toBe(repeats ? undefined : 0x82);
  },
);

test.each([
  ['an unknown identifier', '7f00', 1, 0x81],
  ['identifier 0', '0000', 1, 0x81],
  ['an identifier of two bytes', '918000000001', 1, 0x81],
  ['receive maximum 0', '210000', 1, 0x82],
  ['maximum packet size 0', '2700000000', 1, 0x82],
  ['request problem information 2', '1702', 1, 0x82],
  ['request response information 2', '1902', 1, 0x82],
  ['subscription identifier 0', '0b00', 8, 0x82],
  ['topic alias 0', '230000', 3, 0x94],
  ['payload format 2', '0102', 3, 0x82],
  ['a text with U+0000', '1f000100', 14, 0x81],
  ['a text that is not UTF-8', '1f0001ff', 14, 0x81],
  ['a surrogate', '1f0003eda080', 14, 0x81],
  ['a user property without a value', '26000161', 1, 0x81],
  ['a user property with U+0000', '26000161000100', 1, 0x81],
  ['a subscription identifier of five bytes', '0bffffffff01', 8, 0x81],
  ['a subscription identifier in more bytes than it needs', '0b8100', 8, 0x81],
])('%s is refused', (_name, hex, packet, code) => {
  expect(codeOf(() => decodeProperties(fieldsOf(hex), packet))).toBe(code);
});

test('a length of the properties beyond the packet is malformed', () => {
  const tooLong = new Fields(Buffer.from('052100', 'hex'), 0, 3);
  expect(codeOf(() => decodeProperties(tooLong, 1))).toBe(0x81);
  const noEnd = new Fields(Buffer.from('ffffffffff', 'hex'), 0, 5);
  expect(codeOf(() => decodeProperties(noEnd, 1))).toBe(0x81);
  expect(codeOf(() => decodeProperties(new Fields(Buffer.alloc(0), 0, 0), 1))).toBe(0x81);
});

test('properties are read as they were written, without user properties', () => {
  const connect: Properties = {
    sessionExpiry: 0xffff_ffff,
    receiveMaximum: 65_535,
    maximumPacketSize: 2 ** 32 - 1,
    topicAliasMaximum: 7,
    requestResponseInformation: 1,
    requestProblemInformation: 0,
    authenticationMethod: 'SCRAM-SHA-256',
    authenticationData: Buffer.from('ä'),
  };
  const bytes = encodeProperties(connect);
  const withUser = Buffer.concat([bytes, Buffer.from('26000161000162', 'hex')]);
  withUser[0] = withUser.length - 1;
  const fields = new Fields(withUser, 0, withUser.length);
  expect(decodeProperties(fields, 1)).toEqual(connect);
  expect(fields.done).toBe(true);
});

test('a block of more than 127 bytes has a length of two bytes', () => {
  const bytes = encodeProperties({ reasonString: 'x'.repeat(200) });
  expect(bytes.subarray(0, 5).toString('hex')).toBe('cb011f00c8');
  expect(bytes.length).toBe(2 + 203);
});

test('a property without a value is left out', () => {
  expect(encodeProperties({ reasonString: undefined, receiveMaximum: 3 } as never)).toEqual(
    Buffer.from('03210003', 'hex'),
  );
});
