import type { Clock } from '../base/clock.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import type { PlantConnection } from './plant-client.ts';
import type { Problem } from './state-tracker.ts';

export interface StatusMessageParts {
  readonly config: Pick<UplinkConfig, 'status'>;
  readonly clock: Pick<Clock, 'sleep'>;
  /** A problem that does not change the state of the connection; `false` ends it. */
  report(problem: Problem, sentence: string | false): void;
}

/** How long `offline` waits until the plant has it and has closed the connection. */
const CLOSE_TIMEOUT_MS = 1000;

/** The retained message at the plant that says whether the gateway is `online` there. */
export class StatusMessage {
  readonly #parts: StatusMessageParts;

  constructor(parts: StatusMessageParts) {
    this.#parts = parts;
  }

  /** Reports a plant that does not take it. */
  async online(plant: PlantConnection): Promise<void> {
    const { config, report } = this.#parts;
    try {
      await plant.publish(config.status, 'online', 1, true);
      if (!plant.isDown) report('status', false);
    } catch (error) {
      if (plant.isDown) return;
      report('status', `${plant.url} does not take ${config.status}: ${(error as Error).message}`);
    }
  }

  /** Resolves when the plant has it and the connection has ended, or after a second. */
  async offline(plant: PlantConnection): Promise<void> {
    const { config, clock } = this.#parts;
    const closed = plant.publish(config.status, 'offline', 1, true).then(() => plant.close());
    const timeout = new AbortController();
    const late = clock.sleep(CLOSE_TIMEOUT_MS, timeout.signal);
    await Promise.race([closed, late]).catch(() => undefined);
    timeout.abort();
  }
}
