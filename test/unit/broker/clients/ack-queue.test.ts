import { describe, expect, test } from 'vitest';
import { Latency } from '../../../../src/base/latency.ts';
import { AckQueue } from '../../../../src/broker/clients/ack-queue.ts';
import { SendBuffer } from '../../../../src/broker/clients/send-buffer.ts';
import { PUBACK_HEADER, PUBREC_HEADER, UNSUBACK_HEADER } from '../../../../src/mqtt/codec.ts';
import { sendBufferParts } from '../../../support/connection-parts.ts';
import { FakeTransport } from '../../../support/fake-transport.ts';

function setUp() {
  const transport = new FakeTransport();
  const sendBuffer = new SendBuffer(transport, sendBufferParts());
  const calls: string[] = [];
  const reader = {
    pauseReading: (reason: string) => void calls.push(`pause ${reason}`),
    resumeReading: (reason: string) => void calls.push(`resume ${reason}`),
  };
  const latency = new Latency();
  let now = 0;
  const acks = new AckQueue(sendBuffer, reader, () => now, latency);
  return {
    acks,
    calls,
    latency,
    turn: (ms: number) => {
      now += ms;
    },
    /** What was sent since the last call, in hex. */
    sent: () => {
      sendBuffer.flush();
      return transport.take().toString('hex');
    },
    write: (bytes: Buffer) => sendBuffer.write(bytes),
  };
}

describe('the order of acknowledgements', () => {
  test('an acknowledgement behind nothing is sent at once', () => {
    const { acks, sent } = setUp();
    acks.acknowledge(PUBACK_HEADER, 0x1234);
    expect(sent()).toBe('40021234');
  });

  test('one that is done waits for those before it', () => {
    const { acks, sent } = setUp();
    const first = acks.ackWhenStored(PUBACK_HEADER, 1);
    const second = acks.ackWhenStored(UNSUBACK_HEADER, 2);
    acks.acknowledge(PUBACK_HEADER, 3);
    second.done();
    expect(sent()).toBe('');
    first.done();
    expect(sent()).toBe('40020001b002000240020003');
  });

  test('a refusal with a text of MQTT 5 waits in its turn too, and each last answer frees its place', () => {
    const { acks, sent } = setUp();
    const freed: string[] = [];
    acks.window = {
      acknowledged: () => void freed.push('one'),
      explained: (reason, encode) => encode({ reasonString: reason }),
    };
    const first = acks.ackWhenStored(PUBACK_HEADER, 1, 0x10);
    acks.acknowledge(PUBACK_HEADER, 2, 0x97, 'full');
    acks.acknowledge(PUBREC_HEADER, 3);
    acks.acknowledge(PUBREC_HEADER, 4, 0x97);
    expect([sent(), freed]).toEqual(['', []]);
    first.done();
    const refused = `400b00029707${'1f0004'}${Buffer.from('full').toString('hex')}`;
    expect(sent()).toBe(`4003000110${refused}50020003${'5003000497'}`);
    // PUBREC without an error is not the last answer to its PUBLISH.
    expect(freed).toHaveLength(3);
    acks.acknowledge(PUBACK_HEADER, 5, 0x97, 'full');
    expect(sent()).toBe(`400b00059707${'1f0004'}${Buffer.from('full').toString('hex')}`);
    expect(freed).toHaveLength(4);
  });

  test('a function is called in its turn', () => {
    const { acks, sent, write } = setUp();
    const first = acks.ackWhenStored(PUBACK_HEADER, 1);
    acks.doWhenStored(() => write(Buffer.from('9003000200', 'hex'))).done();
    acks.acknowledge(PUBACK_HEADER, 3);
    expect(sent()).toBe('');
    first.done();
    expect(sent()).toBe('40020001900300020040020003');
  });

  test('a closed queue sends nothing', () => {
    const { acks, sent } = setUp();
    let called = false;
    const first = acks.ackWhenStored(PUBACK_HEADER, 1);
    const second = acks.doWhenStored(() => {
      called = true;
    });
    acks.close();
    first.done();
    second.done();
    expect(sent()).toBe('');
    expect(called).toBe(false);
  });
});

test('reading pauses above 4,096 pending acknowledgements and resumes below 1,024', () => {
  const { acks, calls } = setUp();
  const pending = Array.from({ length: 4096 }, (_, i) => acks.ackWhenStored(PUBACK_HEADER, i + 1));
  expect(calls).toEqual([]);
  pending.push(acks.ackWhenStored(PUBACK_HEADER, 4097));
  expect(calls).toEqual(['pause acknowledgements']);
  for (const each of pending.splice(0, 4097 - 1024)) each.done();
  expect(calls).toEqual(['pause acknowledgements']);
  pending.shift()!.done();
  expect(calls).toEqual(['pause acknowledgements', 'resume acknowledgements']);
});

test('one acknowledgement at a time is timed, until it is on disk', () => {
  const { acks, latency, turn } = setUp();
  const first = acks.ackWhenStored(PUBACK_HEADER, 1);
  turn(5);
  const second = acks.ackWhenStored(PUBACK_HEADER, 2);
  turn(3);
  first.done();
  second.done();
  expect(latency.count).toBe(1);
  expect(latency.sumSeconds).toBeCloseTo(0.008);
  const third = acks.ackWhenStored(PUBACK_HEADER, 3);
  turn(2);
  third.done();
  expect(latency.count).toBe(2);
  expect(latency.sumSeconds).toBeCloseTo(0.01);
});
