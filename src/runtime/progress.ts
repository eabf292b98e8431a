/** The slowest card answers sooner; a disk that fails answers too, with an error. */
const STUCK_S = 30;

export interface ProgressParts {
  /** How long the writer of the store has not answered, in milliseconds; 0 while it does. */
  unansweredMs(): number;
  /** The sensors whose loop does not advance. */
  stalledSensors(): readonly string[];
}

/** Whether the gateway makes progress; the watchdog is fed only while it does. */
export interface Progress {
  /** What does not advance and would after a restart, as a sentence; undefined while everything does. */
  stuck(): string | undefined;
}

export function createProgress({ unansweredMs, stalledSensors }: ProgressParts): Progress {
  return {
    stuck() {
      const seconds = Math.round(unansweredMs() / 1000);
      if (seconds > STUCK_S) return `the writer of the store has not answered for ${seconds} s`;
      const stalled = stalledSensors();
      return stalled.length > 0 ? `these sensors stand still: ${stalled.join(', ')}` : undefined;
    },
  };
}
