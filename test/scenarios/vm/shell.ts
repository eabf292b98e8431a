import type { Socket } from 'node:net';

/** A command ended with another code than 0. */
export class CommandError extends Error {
  readonly output: string;

  constructor(command: string, code: string, output: string) {
    super(`${command}: ended with ${code}: ${output}`);
    this.name = 'CommandError';
    this.output = output;
  }
}

/** Runs a command in the machine's shell, one after the other; resolves with what it printed, trimmed. */
export type Shell = (command: string, ms?: number) => Promise<string>;

/** Marks the end of a command's output, with its exit code. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the separator is one, as no output has it
const END = /\x1e(\d+)\n/;

/** The shell at the other end of a socket. */
export function createShell(socket: Socket): Shell {
  let output = '';
  let wake = (): void => undefined;
  let last: Promise<unknown> = Promise.resolve();
  socket.setEncoding('utf8').on('data', (chunk) => {
    output += chunk;
    wake();
  });

  const run = (command: string, ms: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error(`${command}: not done after ${ms} ms: ${output}`));
      }, ms);
      wake = () => {
        const end = END.exec(output);
        if (end === null) return;
        clearTimeout(late);
        const said = output.slice(0, end.index).trim();
        output = output.slice(end.index + end[0].length);
        if (end[1] === '0') resolve(said);
        else reject(new CommandError(command, end[1] ?? '', said));
      };
      socket.write(`{ ${command}\n} </dev/null; printf '\\036%d\\n' $?\n`);
    });

  return (command, ms = 240_000) => {
    const result = last.then(() => run(command, ms));
    last = result.catch(() => undefined);
    return result;
  };
}
