import { Faults } from '../../src/base/faults.ts';
import { createQuietLog } from './quiet-log.ts';

/** Counts faults; the log is thrown away. */
export function createFaults(): Faults {
  return new Faults(createQuietLog().log, () => 0);
}
