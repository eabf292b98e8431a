import { EventEmitter } from 'node:events';
import type { Io } from '../../src/cli/io.ts';

/** A process that is not there: what it wrote, and the code with which it was ended. */
export interface FakeIo extends Io {
  readonly out: () => string;
  readonly err: () => string;
  readonly exits: readonly number[];
}

export function fakeIo(env: Io['env'] = {}, cwd = process.cwd(), isTTY = false): FakeIo {
  const texts = { out: '', err: '' };
  const exits: number[] = [];
  const output = (name: 'out' | 'err') => ({
    isTTY,
    write(text: string, done?: () => void) {
      texts[name] += text;
      done?.();
    },
  });
  return {
    stdout: output('out'),
    stderr: output('err'),
    env,
    cwd,
    events: new EventEmitter(),
    exit: (code) => void exits.push(code),
    ready: () => undefined,
    out: () => texts.out,
    err: () => texts.err,
    exits,
  };
}
