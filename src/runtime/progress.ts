import type { Sensors } from '../sensors/sensors.ts';
import type { Store } from '../store/store.ts';

/** Even the slowest card answers sooner; a disk that fails answers too, with an error. */
const STUCK_S = 30;

export interface ProgressParts {
  /** Called after its start. */
  readonly store: { readonly journal: Pick<Store['journal'], 'unansweredMs'> };
  readonly sensors: Pick<Sensors, 'stalled'>;
}

/** Whether the gateway makes progress; the watchdog is fed only while it does. */
export interface Progress {
  /** One sentence about a part that makes no progress and may do so after a restart; undefined if there is none. */
  stuck(): string | undefined;
}

export function createProgress({ store, sensors }: ProgressParts): Progress {
  return {
    stuck() {
      const seconds = Math.round(store.journal.unansweredMs / 1000);
      if (seconds > STUCK_S) return `the writer of the store has not answered for ${seconds} s`;
      const stalled = sensors.stalled();
      return stalled.length > 0 ? `these sensors stand still: ${stalled.join(', ')}` : undefined;
    },
  };
}
