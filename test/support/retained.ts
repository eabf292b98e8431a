import type { RetainedMessages } from '../../src/broker/messages/retained.ts';
import type { Retained } from '../../src/broker/messages/retained-walk.ts';

/** Every retained message that the filter matches. */
export function matching(retained: RetainedMessages, filter: string): Retained[] {
  const found: Retained[] = [];
  const walk = retained.walk(filter, retained.latest);
  while (walk && !walk.isDone) found.push(...walk.take(3));
  return found;
}
