import { describe, expect, test } from 'vitest';
import {
  chipInfoRequest,
  decodeChipInfo,
  decodeLineEvents,
  decodeLineFd,
  decodeLineInfo,
  decodeLineValues,
  encodeLineRequest,
  encodeLineValues,
  GET_CHIPINFO,
  GET_LINE,
  GET_LINEINFO,
  GET_VALUES,
  LINE_FLAG,
  lineInfoRequest,
  SET_VALUES,
} from '../../../src/buses/gpio-uapi.ts';

// All bytes here were printed by a C program that fills the structs of Linux 6.1's linux/gpio.h.

/** Bytes in hex; a number stands for so many zero digits. */
function bytes(...parts: readonly (string | number)[]): Buffer {
  return Buffer.from(
    parts.map((part) => (typeof part === 'number' ? '0'.repeat(part) : part)).join(''),
    'hex',
  );
}

test('the numbers of the ioctls', () => {
  const numbers = [GET_CHIPINFO, GET_LINEINFO, GET_LINE, GET_VALUES, SET_VALUES];
  expect(numbers.map((number) => number.toString(16))).toEqual([
    '8044b401',
    'c100b405',
    'c250b407',
    'c010b40e',
    'c010b40f',
  ]);
});

test('a chip', () => {
  expect(chipInfoRequest()).toEqual(bytes(136));
  const info = bytes('6770696f6368697030', 46, '70696e6374726c2d62636d32373131', 34, '3a000000');
  expect(decodeChipInfo(info)).toEqual({ name: 'gpiochip0', label: 'pinctrl-bcm2711', lines: 58 });
});

test('a line that is taken, and how one is asked about', () => {
  expect(lineInfoRequest(17)).toEqual(bytes(128, '11', 382));
  const info = bytes(
    '4750494f3137',
    52,
    '65642d6c7664',
    52,
    '1100000001000000',
    '05',
    22,
    '03',
    14,
    '1027',
    332,
  );
  expect(decodeLineInfo(info)).toEqual({
    name: 'GPIO17',
    consumer: 'ed-lvd',
    offset: 17,
    used: true,
  });
  expect(decodeLineInfo(lineInfoRequest(3))).toEqual({
    name: '',
    consumer: '',
    offset: 3,
    used: false,
  });
});

describe('a request', () => {
  test('for two inputs', () => {
    const { input, edgeRising, edgeFalling, activeLow, biasPullUp } = LINE_FLAG;
    const request = encodeLineRequest({
      offsets: [17, 27],
      consumer: 'cellgate',
      flags: input | edgeRising | edgeFalling | activeLow | biasPullUp,
      debounceUs: 10_000,
      eventBuffer: 1024,
    });
    const expected = bytes(
      '110000001b',
      502,
      '63656c6c67617465',
      48,
      '3601',
      12,
      '01',
      46,
      '03',
      14,
      '1027',
      12,
      '03',
      446,
      '020000000004',
      52,
    );
    expect(request.toString('hex')).toBe(expected.toString('hex'));
  });

  test('for an output', () => {
    const request = encodeLineRequest({
      offsets: [3],
      consumer: 'cellgate',
      flags: LINE_FLAG.output | LINE_FLAG.openDrain,
      values: [true],
    });
    const expected = bytes(
      '03',
      510,
      '63656c6c67617465',
      48,
      '48',
      14,
      '01',
      46,
      '02',
      14,
      '01',
      14,
      '01',
      446,
      '01',
      62,
    );
    expect(request.toString('hex')).toBe(expected.toString('hex'));
  });

  test('is answered by a file descriptor', () => {
    expect(decodeLineFd(bytes(1176, '2a000000'))).toBe(42);
  });

  test('has 1 to 64 lines, and a name that fits', () => {
    const request = { consumer: 'x'.repeat(40), flags: 4n };
    expect(() => encodeLineRequest({ ...request, offsets: [] })).toThrow('0 lines');
    const many = Array.from({ length: 65 }, (_, index) => index);
    expect(() => encodeLineRequest({ ...request, offsets: many })).toThrow('65 lines');
    const named = encodeLineRequest({ ...request, offsets: many.slice(1) });
    expect(named.toString('latin1', 256, 289)).toBe(`${'x'.repeat(31)}\0\x04`);
  });
});

test('values', () => {
  expect(encodeLineValues(2, [false, true])).toEqual(bytes('02', 14, '03', 14));
  expect(encodeLineValues(64)).toEqual(bytes(16, 'ffffffffffffffff'));
  expect(decodeLineValues(bytes('02', 14, '03', 14), 2)).toEqual([false, true]);
});

test('events, a piece of one left out', () => {
  const falling = bytes('1581e97df4102211', '02000000', '11000000', '09000000', '05000000', 48);
  const rising = bytes('1681e97df4102211', '01000000', '1b000000', '0a000000', '01000000', 48);
  const events = Buffer.concat([falling, rising, falling.subarray(0, 20)]);
  expect(decodeLineEvents(events, events.length)).toEqual([
    { time: 1234567890123456789n, rising: false, offset: 17, sequence: 9, lineSequence: 5 },
    { time: 1234567890123456790n, rising: true, offset: 27, sequence: 10, lineSequence: 1 },
  ]);
});
