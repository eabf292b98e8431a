import { type Logger, pino } from 'pino';

/** What was logged: `msg` is the message. */
export type LogRecord = Readonly<Record<string, unknown>> & { readonly msg: string };

/** A logger whose lines can be looked at: each is the message that was logged; `records` has its fields too. */
export function createQuietLog(): { log: Logger; lines: string[]; records: LogRecord[] } {
  const lines: string[] = [];
  const records: LogRecord[] = [];
  const log = pino(
    { level: 'debug' },
    {
      write(line: string) {
        const record = JSON.parse(line) as LogRecord;
        records.push(record);
        lines.push(record.msg);
      },
    },
  );
  return { log, lines, records };
}
