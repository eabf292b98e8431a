import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Milliseconds that the host of this virtual machine has run others on our processors, by the kernel's count. */
function stolenMs(): number {
  const [cpu = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  return Number(cpu.split(/\s+/)[8] ?? 0) * 10;
}

/** Starts a watch; called later, it gives the share of the processors' time that the host has taken since. */
export function watchSteal(): () => number {
  const [before, began] = [stolenMs(), performance.now()];
  return () => (stolenMs() - before) / (performance.now() - began) / availableParallelism();
}
