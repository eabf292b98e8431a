import type { Logger } from 'pino';
import type { Config } from './config/schema.ts';

/** A gateway that runs; `stop` resolves when it has let go of everything. */
export interface Gateway {
  stop(): Promise<void>;
}

/** Starts the gateway; resolves when it works, rejects with a sentence when it can't. */
export async function startGateway(config: Config, log: Logger): Promise<Gateway> {
  log.info({ sensors: config.sensors.length }, `gateway of ${config.cell} is up`);
  const alive = setInterval(() => undefined, 60_000);
  return {
    async stop() {
      clearInterval(alive);
      log.info('gateway has stopped');
    },
  };
}
