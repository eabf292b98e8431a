import { MemoryBudget } from '../../src/broker/messages/memory-budget.ts';
import { LIMITS } from './broker.ts';

/** A budget with the usual limits, apart from those of all other tests. */
export function memoryBudget(): MemoryBudget {
  return new MemoryBudget(LIMITS, () => undefined);
}
