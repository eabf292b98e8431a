/** What the host of a virtual machine takes of its processors: nothing that was timed meanwhile is the broker's doing. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Milliseconds that the host has run others on our processors, by the kernel's count. */
function stolenMs() {
  const [cpu = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  return Number(cpu.split(/\s+/)[8] ?? 0) * 10;
}

/** Starts a watch; called later, it gives the share of the processors' time that the host has taken since. */
export function watchSteal() {
  const [before, began] = [stolenMs(), performance.now()];
  return () => (stolenMs() - before) / (performance.now() - began) / availableParallelism();
}
