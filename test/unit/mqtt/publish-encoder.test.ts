import { expect, test } from 'vitest';
import { encodePublish } from '../../../src/mqtt/publish-encoder.ts';

test('a PUBLISH is what section 3.3 of the standards says', () => {
  const packet = {
    qos: 1,
    retain: true,
    dup: true,
    packetId: 0x0102,
    topic: Buffer.from('a/b'),
    body: Buffer.from('__hi'),
    start: 2,
  } as const;
  const hex = (properties: Buffer | undefined) =>
    encodePublish({ ...packet, properties }).toString('hex');
  expect(hex(undefined)).toBe('3b090003612f6201026869');
  expect(hex(Buffer.alloc(0))).toBe('3b0a0003612f620102006869');
});
