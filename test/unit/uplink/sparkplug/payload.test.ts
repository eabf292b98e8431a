import { describe, expect, test } from 'vitest';
import {
  decodePayload,
  encodeMetric,
  encodePayload,
  type Payload,
} from '../../../../src/uplink/sparkplug/payload.ts';
import { createRandom } from '../../../support/random.ts';

const T = 1764446400123;

/** The bytes are those of the npm package sparkplug-payload 1.0.3 for the same payload. */
const CASES: Readonly<Record<string, { payload: Payload; hex: string }>> = {
  'a certificate of death': {
    payload: { timestamp: T, metrics: [{ name: 'bdSeq', type: 'Int64', value: 255 }] },
    hex: '08fbdccd89ad33120c0a056264536571200458ff01',
  },
  'integers, also negative ones': {
    payload: {
      timestamp: T,
      seq: 255,
      metrics: [
        { name: 'a', type: 'Int8', value: -128 },
        { name: 'b', type: 'Int16', value: -2 },
        { name: 'c', type: 'Int32', value: -2147483648 },
        { name: 'e', type: 'UInt8', value: 255 },
        { name: 'f', type: 'UInt16', value: 65_535 },
        { name: 'g', type: 'UInt32', value: 4_294_967_295n },
        { name: 'h', type: 'UInt64', value: 9_007_199_254_740_991n },
        { name: 'i', type: 'Int64', value: 300n },
        { name: 'j', type: 'DateTime', value: BigInt(T) },
      ],
    },
    hex: '08fbdccd89ad33120b0a016120015080ffffff0f120b0a0162200250feffffff0f120b0a0163200350808080800812080a0165200550ff0112090a0166200650ffff03120b0a0167200758ffffffff0f120e0a0168200858ffffffffffffff0f12080a0169200458ac02120c0a016a200d58fbdccd89ad3318ff01',
  },
  'other values': {
    payload: {
      timestamp: T,
      seq: 0,
      metrics: [
        { name: 'float', type: 'Float', value: 1.5 },
        { name: 'double', type: 'Double', value: -21.37 },
        { name: 'on', type: 'Boolean', value: true },
        { name: 'off', type: 'Boolean', value: false },
        { name: 'text', type: 'String', value: 'grün ☃' },
        { name: 'long', type: 'Text', value: '' },
        { name: 'id', type: 'UUID', value: '2f1c' },
        { name: 'raw', type: 'Bytes', value: Buffer.from([0, 255, 128]) },
      ],
    },
    hex: '08fbdccd89ad33120e0a05666c6f61742009650000c03f12130a06646f75626c65200a691f85eb51b85e35c012080a026f6e200b700112090a036f6666200b700012130a0474657874200c7a096772c3bc6e20e29883120a0a046c6f6e67200e7a00120c0a026964200f7a0432663163120d0a03726177201182010300ff801800',
  },
  'a birth with units and quality': {
    payload: {
      timestamp: T,
      seq: 7,
      metrics: [
        {
          ...{ name: 'j1', alias: 300, timestamp: T - 5, type: 'Double', value: 21.5 },
          properties: [
            { name: 'engUnit', type: 'String', value: '°C' },
            { name: 'Quality', type: 'Int32', value: 192 },
          ],
        },
        {
          ...{ name: 'empty', alias: 2, timestamp: T, type: 'Double', value: null },
          properties: [{ name: 'Quality', type: 'Int32', value: 0 }],
        },
      ],
    },
    hex: '08fbdccd89ad33123d0a026a3110ac0218f6dccd89ad33200a4a220a07656e67556e69740a075175616c6974791207080c4203c2b0431205080318c00169000000000080354012250a05656d707479100218fbdccd89ad33200a38014a0f0a075175616c6974791204080318001807',
  },
  'a value of an outage': {
    payload: {
      timestamp: T,
      seq: 128,
      metrics: [
        {
          ...{ name: 'x', alias: 4, timestamp: T - 600_000, type: 'Double' },
          ...{ historical: true, value: 3 },
        },
      ],
    },
    hex: '08fbdccd89ad3312190a0178100418bb8da989ad33200a2801690000000000000840188001',
  },
  'the values of one turn': {
    payload: {
      timestamp: T,
      seq: 9,
      metrics: [
        { name: 'j1', alias: 3, timestamp: T - 2, type: 'Double', value: 21.5 },
        { name: 'j2', alias: 4, timestamp: T - 1, type: 'Double', value: null },
        { name: 'on', alias: 5, timestamp: T, type: 'Boolean', value: true },
      ],
    },
    hex: '08fbdccd89ad3312180a026a31100318f9dccd89ad33200a69000000000080354012110a026a32100418fadccd89ad33200a380112110a026f6e100518fbdccd89ad33200b70011809',
  },
  nothing: { payload: { metrics: [] }, hex: '' },
};

describe('a payload of Sparkplug B', () => {
  test.each(Object.entries(CASES))('%s has the bytes of the published package', (_, one) => {
    expect(encodePayload(one.payload).toString('hex')).toBe(one.hex);
  });

  test.each(Object.entries(CASES))(
    '%s has the same bytes if its metrics are encoded before',
    (_, { payload, hex }) => {
      const metrics = payload.metrics.map(encodeMetric);
      expect(encodePayload({ ...payload, metrics }).toString('hex')).toBe(hex);
    },
  );

  test.each(Object.entries(CASES))('%s is read as it was written', (_, { payload, hex }) => {
    const read = decodePayload(Buffer.from(hex, 'hex'));
    expect({ timestamp: read.timestamp, seq: read.seq }).toEqual({
      timestamp: payload.timestamp,
      seq: payload.seq,
    });
    const values = (metrics: Payload['metrics'] | typeof read.metrics) =>
      metrics.map(({ name, alias, timestamp, type, historical = false, value, properties }) => {
        const same = typeof value === 'bigint' ? Number(value) : value;
        return { name, alias, timestamp, type, historical, value: same, properties };
      });
    expect(values(read.metrics)).toEqual(values(payload.metrics));
  });

  test('negative integers of 64 bits are read with their sign', () => {
    const metrics = [{ name: 'a', type: 'Int64', value: -5n }] as const;
    expect(decodePayload(encodePayload({ metrics })).metrics[0]?.value).toBe(-5n);
  });

  test('a data message leaves the type out', () => {
    const metric = { alias: 3, type: 'Double', omitType: true, value: 1 } as const;
    const [read] = decodePayload(encodePayload({ metrics: [metric] })).metrics;
    expect(read).toEqual({ alias: 3, value: 1 });
  });

  test.each([
    ['Double', 'text'],
    ['Boolean', 1],
    ['Int32', 1.5],
    ['Int64', true],
    ['String', 7],
    ['Bytes', 'text'],
  ] as const)('a the type %s does not take %s', (type, value) => {
    expect(() => encodePayload({ metrics: [{ name: 'a', type, value }] })).toThrow(type);
  });

  test('unknown fields are left out, a large message grows its buffer', () => {
    const text = 'x'.repeat(100_000);
    const known = encodePayload({ seq: 1, metrics: [{ name: text, type: 'String', value: text }] });
    // Field 5 is the body, 19 is not in the specification.
    const read = decodePayload(Buffer.concat([Buffer.from('2a0100980105', 'hex'), known]));
    expect(read.metrics[0]).toMatchObject({ name: text, value: text });
    expect(read.seq).toBe(1);
  });
});

describe('bytes that are no payload', () => {
  test.each([
    ['a length beyond the end', '12ff'],
    ['a length of 64 bits', '12ffffffffffffffffff01'],
    ['a number without its end', '08ffffffffffffffffffff'],
    ['a group', '0b0c'],
    ['the field number 0', '0001'],
    ['a fixed number that is cut', '09ffff'],
  ])('%s is refused with a reason', (_, hex) => {
    expect(() => decodePayload(Buffer.from(hex, 'hex'))).toThrow('not Protocol Buffers');
  });

  test('more metrics than a host sends are refused', () => {
    const metrics = Array.from({ length: 1001 }, () => ({
      name: 'a',
      type: 'Boolean',
      value: true,
    }));
    const bytes = encodePayload({ metrics: metrics as Payload['metrics'] });
    expect(() => decodePayload(bytes)).toThrow('more than 1000 metrics');
  });

  test('cut, changed and random bytes end in a value or an error, never in another way', () => {
    const { next: random } = createRandom(7);
    const whole = Object.values(CASES).map(({ hex }) => Buffer.from(hex, 'hex'));
    let refused = 0;
    for (let round = 0; round < 2000; round++) {
      const from = whole[round % whole.length] as Buffer;
      const bytes = Buffer.from(from.subarray(0, Math.floor(random() * (from.length + 1))));
      for (let at = 0; at < bytes.length; at++) {
        if (random() < 0.05) bytes[at] = Math.floor(random() * 256);
      }
      try {
        expect(decodePayload(bytes).metrics.length).toBeLessThan(1000);
      } catch (error) {
        expect((error as Error).message).toMatch(/^not Protocol Buffers: /);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});
