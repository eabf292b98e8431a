import type { RetainedMessages, StoredMessages } from '../../src/broker/messages/retained.ts';
import type { Retained } from '../../src/broker/messages/retained-walk.ts';
import type { StoredRetained } from '../../src/store/recovery/retained-snapshot.ts';

/** Every retained message that the filter matches. */
export function matching(retained: RetainedMessages, filter: string): Retained[] {
  const found: Retained[] = [];
  const walk = retained.walk(filter, retained.latest);
  while (walk && !walk.isDone) found.push(...walk.take(3));
  return found;
}

/** These as the retained messages of the last run. */
export function storedMessages(messages: Iterable<StoredRetained>): StoredMessages {
  const byTopic = new Map<string, StoredRetained>();
  for (const message of messages) byTopic.set(message.topic, message);
  const untaken = [...byTopic.values()];
  return {
    count: byTopic.size,
    find: (topic) => byTopic.get(topic),
    take: (limit) => (untaken.length > 0 ? untaken.splice(0, limit) : undefined),
  };
}
