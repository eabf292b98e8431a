import { topicProblem } from '../mqtt/topics.ts';

/** Topic of one channel's readings; the channel with the empty name has the sensor's own. Throws when it is no topic name. */
export function readingTopic(cell: string, sensor: string, channel: string): string {
  return joined(channel === '' ? [cell, sensor] : [cell, sensor, channel]);
}

/** Topic of the second copy of a channel's readings. */
export function mirrorTopic({ topic }: { readonly topic: string }, channel: string): string {
  return channel === '' ? topic : `${topic}/${channel}`;
}

/** Topic of the gateway's own state, `online` or `offline`. Throws when it is no topic name. */
export function statusTopic(cell: string): string {
  return joined([cell, 'status']);
}

/** Topic of one alarm of a sensor. Throws when it is no topic name. */
export function alarmTopic(cell: string, sensor: string, alarm: string): string {
  return joined([cell, 'alarm', sensor, alarm]);
}

/** Topics of the power supply: whether it is present, and how long it took to make everything safe after a failure. */
export function powerTopics(cell: string): { readonly supplied: string; readonly secured: string } {
  const topic = (channel: string): string => readingTopic(cell, 'power', channel);
  return { supplied: topic('supplied'), secured: topic('secured') };
}

function joined(parts: readonly string[]): string {
  const topic = parts.join('/');
  const problem = parts.includes('')
    ? 'has an empty part'
    : topic.startsWith('$')
      ? "starts with $, which is the broker's own"
      : topicProblem(topic);
  if (problem !== undefined) throw new Error(`topic "${topic}" ${problem}`);
  return topic;
}
