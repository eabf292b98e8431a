import type { Clock } from '../base/clock.ts';
import type { Drivers } from '../driver-kit/driver.ts';
import { askGateway } from '../runtime/admin-socket.ts';
import type { GatewayStatus } from '../runtime/health.ts';
import { type ConfigOption, dataFolder } from './config-file.ts';
import { EXIT, type Io } from './io.ts';
import { statusLines } from './status-view.ts';

export interface WatchParts {
  readonly drivers: Drivers;
  readonly clock: Clock;
}

const EVERY_MS = 1000;
/** Switches to the alternate screen of the terminal, without a cursor, and back to the normal one. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const [HOME, CLEAR_LINE, CLEAR_REST] = ['\u001b[H', '\u001b[K', '\u001b[J'];

/** Shows the state of the running gateway, updated every second, until Ctrl-C; restores the terminal. */
export async function watch(options: ConfigOption, io: Io, parts: WatchParts): Promise<number> {
  if (io.stdout.isTTY !== true) {
    io.stderr.write('cellgate: watch needs a terminal; "cellgate status" prints once\n');
    return EXIT.usage;
  }
  const folder = await dataFolder(options, io, parts.drivers);
  if (folder === undefined) return EXIT.trouble;
  const end = new AbortController();
  const stop = (): void => end.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) io.events.on(signal, stop);
  io.stdout.write(ENTER);
  try {
    while (!end.signal.aborted) {
      io.stdout.write(frame(await stateLines(folder, parts.clock), io));
      await parts.clock.sleep(EVERY_MS, end.signal).catch(() => undefined);
    }
  } finally {
    io.stdout.write(LEAVE);
    for (const signal of signals) io.events.off(signal, stop);
  }
  return EXIT.ok;
}

async function stateLines(folder: string, clock: Clock): Promise<string[]> {
  try {
    const status = await askGateway(folder, { ask: 'status' });
    if (status === undefined) return [`no gateway runs on ${folder}; waiting for it`];
    return statusLines(status as GatewayStatus, clock.wall());
  } catch (error) {
    return [(error as Error).message];
  }
}

/** As many lines as the terminal has, each as long as it has room for. */
function frame(lines: readonly string[], { stdout }: Io): string {
  const { columns = 80, rows = 24 } = stdout;
  const room = rows - 1;
  const hidden = lines.length - room;
  const shown = hidden > 0 ? [...lines.slice(0, room - 1), `… ${hidden + 1} more lines`] : lines;
  const drawn = shown.map((line) => `${line.slice(0, columns)}${CLEAR_LINE}`);
  return `${HOME}${drawn.join('\n')}\n${CLEAR_REST}`;
}
