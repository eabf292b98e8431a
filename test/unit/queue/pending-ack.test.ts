import { expect, test } from 'vitest';
import { PendingAck } from '../../../src/queue/pending-ack.ts';

function setUp(writes: number) {
  let calls = 0;
  const ack = new PendingAck(() => void calls++);
  for (let n = 0; n < writes; n++) ack.add();
  return { ack, calls: () => calls };
}

test.each([0, 1, 3])('with %i writes it is done after the last one and the caller', (writes) => {
  const { ack, calls } = setUp(writes);
  for (let n = 0; n < writes; n++) {
    ack.done();
    expect([calls(), ack.isDone]).toEqual([0, false]);
  }
  ack.done();
  expect([calls(), ack.isDone]).toEqual([1, true]);
});

test('one call too many acknowledges nothing twice', () => {
  const { ack, calls } = setUp(0);
  ack.done();
  ack.done();
  expect([calls(), ack.isDone]).toEqual([1, true]);
});
