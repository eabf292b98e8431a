import { type Logger, pino } from 'pino';

/** A logger whose lines can be looked at: each is the message that was logged. */
export function createQuietLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const log = pino(
    { level: 'debug' },
    {
      write(line: string) {
        lines.push((JSON.parse(line) as { msg: string }).msg);
      },
    },
  );
  return { log, lines };
}
