import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

/** The program that gives a command a terminal. */
export const SCRIPT = '/usr/bin/script';

/** A question, or its beginning, and what a person types. */
export type Answer = readonly [question: string, answer: string];

/** Runs a line of shell in a terminal and answers its questions in their order; resolves with what it showed. */
export async function inTerminal(
  line: string,
  answers: readonly Answer[],
): Promise<{ code: number | null; shown: string }> {
  const child: ChildProcess = spawn(SCRIPT, ['-qefc', line, '/dev/null'], { stdio: 'pipe' });
  onTestFinished(() => void child.kill('SIGKILL'));
  let shown = '';
  child.stdout?.on('data', (chunk) => {
    shown += chunk;
  });
  const ended = once(child, 'close');
  let from = 0;
  for (const [question, answer] of answers) {
    await until(
      `it asks "${question}": ${shown.slice(-200)}`,
      () => shown.indexOf(question, from) >= 0,
      40_000,
    );
    from = shown.indexOf(question, from) + question.length;
    child.stdin?.write(`${answer}\r`);
  }
  const [code] = (await ended) as [number | null];
  return { code, shown };
}
