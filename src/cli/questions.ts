import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';

/** Asks a person; rejects with an Error whose message is a sentence when there are no more answers. */
export interface Questions {
  /** Whether a person can answer. */
  readonly isTerminal: boolean;
  /** The answer without spaces at its ends; `usual` if it is empty. */
  ask(question: string, usual: string): Promise<string>;
  /** An answer that is not shown. */
  askSecret(question: string): Promise<string>;
  /** Reads no more. */
  close(): void;
}

/** Asks on the terminal, on standard error. Lines that arrive before their question are its answer. */
export function terminalQuestions(): Questions {
  let isShown = true;
  let terminal: Interface | undefined;
  let isClosed = false;
  const lines: string[] = [];
  let wake: () => void = () => undefined;
  const output = new Writable({
    write(chunk, _encoding, done) {
      if (isShown) process.stderr.write(chunk);
      done();
    },
  });
  const open = (): Interface => {
    const made = createInterface({ input: process.stdin, output, terminal: true });
    made.on('line', (line) => {
      lines.push(line);
      wake();
    });
    made.on('SIGINT', () => made.close());
    made.on('close', () => {
      isClosed = true;
      wake();
    });
    return made;
  };
  const next = async (question: string): Promise<string> => {
    terminal ??= open();
    terminal.setPrompt(isShown ? question : '');
    terminal.prompt();
    while (lines.length === 0 && !isClosed) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const line = lines.shift();
    if (line === undefined) throw new Error('stopped: nothing was written');
    return line;
  };
  return {
    isTerminal: process.stdin.isTTY === true,
    async ask(question, usual) {
      const answer = (await next(`${question}${usual === '' ? '' : ` [${usual}]`}: `)).trim();
      return answer === '' ? usual : answer;
    },
    async askSecret(question) {
      process.stderr.write(`${question}: `);
      isShown = false;
      try {
        return await next('');
      } finally {
        isShown = true;
        process.stderr.write('\n');
      }
    },
    close: () => terminal?.close(),
  };
}
