import { matches } from '../../mqtt/topics.ts';

/** Which topics a search finds: those with all its words; or, for a filter of MQTT such as `cell/+/set`, those that it matches. */
export function topicSearch(text: string): (topic: string) => boolean {
  const trimmed = text.trim();
  if (trimmed === '') return () => true;
  if (isFilter(trimmed)) return (topic) => matches(trimmed, topic);
  const words = trimmed.toLowerCase().split(/\s+/);
  return (topic) => {
    const lower = topic.toLowerCase();
    return words.every((word) => lower.includes(word));
  };
}

/** Whether it has a wildcard, and all of them are where they may be [MQTT-4.7.1-2] [MQTT-4.7.1-3]. */
function isFilter(text: string): boolean {
  if (!/[+#]/.test(text)) return false;
  return /^(?:(?:\+|[^+#/]*)\/)*(?:\+|#|[^+#/]*)$/.test(text);
}

const LONGEST_BYTES = 65_535;

/** What is wrong with a topic to publish on, as a key of the texts; the gateway ends the connection of who sends such a one. */
export function topicMistake(
  topic: string,
): 'topicEmpty' | 'topicWildcard' | 'topicCharacter' | undefined {
  if (topic === '') return 'topicEmpty';
  if (/[+#]/.test(topic)) return 'topicWildcard';
  const bytes = new TextEncoder().encode(topic).length;
  if (/[\p{Cc}\p{Surrogate}]/u.test(topic) || bytes > LONGEST_BYTES) return 'topicCharacter';
  return undefined;
}
