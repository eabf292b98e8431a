import type { Sensors } from '../sensors/sensors.ts';
import type { Store } from '../store/store.ts';

/** The slowest card answers sooner; a disk that fails answers too, with an error. */
const STUCK_S = 30;

export interface ProgressParts {
  /** Asked once it has started. */
  readonly store: { readonly journal: Pick<Store['journal'], 'unansweredMs'> };
  readonly sensors: Pick<Sensors, 'stalled'>;
}

/** Whether the gateway makes progress; the watchdog is fed only while it does. */
export interface Progress {
  /** What does not advance and would after a restart, as a sentence; undefined while everything does. */
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
