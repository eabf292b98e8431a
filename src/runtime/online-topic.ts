import type { Service } from '../base/lifecycle.ts';
import { statusTopic } from '../driver-kit/cell-topics.ts';

/** Publishes on `<cell>/status` that the gateway is `online`, and at the stop that it is `offline`. */
export function createOnlineTopic(
  cell: string,
  publish: (topic: string, payload: Uint8Array) => void,
): Service {
  const topic = statusTopic(cell);
  return {
    name: 'status',
    start: async () => publish(topic, Buffer.from('online')),
    stop: async () => publish(topic, Buffer.from('offline')),
  };
}
