import type { Broker } from '../broker/broker.ts';
import type { Service } from '../lifecycle.ts';
import type { Uplink } from './uplink.ts';

/** Often enough to watch a drain. */
const EVERY_MS = 1000;

/** Publishes each uplink's state, retained, as JSON on `$SYS/cellgate/uplink/<name>`. */
export function createUplinkTopics(broker: Broker, uplinks: readonly Uplink[]): Service {
  let timer: NodeJS.Timeout | undefined;
  const publish = (): void => {
    for (const { name, status } of uplinks) {
      void broker.publishLocal({
        topic: `$SYS/cellgate/uplink/${name}`,
        payload: Buffer.from(JSON.stringify(status)),
        qos: 0,
        retain: true,
      });
    }
  };
  return {
    name: 'uplink topics',
    async start() {
      publish();
      timer = setInterval(publish, EVERY_MS);
    },
    async stop() {
      clearInterval(timer);
    },
  };
}
