import { describe, expect, test } from 'vitest';
import { createMessage } from '../../../src/queue/message.ts';
import {
  entryFlags,
  QueueEntry,
  restoreEntry,
  topicOf,
  UNWRITTEN,
  WRITTEN,
} from '../../../src/queue/queue-entry.ts';
import { FakeOwner } from '../../support/entries.ts';

const body = createMessage('märz/temp', Buffer.from('21')).body;

test('a new entry was neither written, sent, released nor dropped', () => {
  const entry = new FakeOwner(1).entry(createMessage('t', Buffer.from('21')), 2);
  const flags = { sent: false, released: false, gone: false, held: false };
  expect(entry).toMatchObject({ ...flags, written: UNWRITTEN });
  expect(entryFlags(entry)).toBe(2);
});

describe('an entry that was stored', () => {
  test.each([
    { qos: 1, retain: false, sent: false, released: false },
    { qos: 2, retain: true, sent: true, released: true },
    { qos: 2, retain: false, sent: true, released: false },
  ] as const)(
    'comes back with QoS $qos, retain $retain, sent $sent, released $released',
    (given) => {
      const owner = new FakeOwner(1);
      const message = createMessage('märz/temp', Buffer.from('21'));
      const entry = new QueueEntry(owner, message, 7, given.qos, given.retain, 1000);
      entry.sent = given.sent;
      entry.released = given.released;
      const stored = { seq: 7, flags: entryFlags(entry), at: 1000, body };
      const restored = restoreEntry(owner, stored, 0);
      expect(restored).toMatchObject({ ...given, owner, seq: 7, at: 1000, written: WRITTEN });
      expect(topicOf(restored)).toBe('märz/temp');
      expect(restored.message.body.toString('utf8', restored.message.topicEnd)).toBe('21');
    },
  );

  test('counts as sent up to the number that the owner has stored as sent', () => {
    const owner = new FakeOwner(1);
    owner.sentOnDisk = 5;
    const sent = [4, 5, 6].map(
      (seq) => restoreEntry(owner, { seq, flags: 1, at: 0, body }, 0).sent,
    );
    expect(sent).toEqual([true, true, false]);
  });

  test('counts as never sent up to the number that the receiver has lost', () => {
    const owner = new FakeOwner(1);
    const restore = (seq: number) =>
      restoreEntry(owner, { seq, flags: 2 | 8 | 16, at: 0, body }, 5);
    expect([restore(5).sent, restore(6).sent]).toEqual([false, true]);
    expect([restore(5).released, restore(6).released]).toEqual([false, true]);
  });
});
