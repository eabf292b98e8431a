import type { Service } from '../base/lifecycle.ts';
import { statusTopic } from '../driver-kit/cell-topics.ts';

/** Publishes on `<cell>/status` `online` at the start of the gateway and `offline` at its stop. */
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
