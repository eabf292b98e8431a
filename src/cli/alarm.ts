import { type AlarmCommand, shelvingTime } from '../alarms/alarm-command.ts';
import type { NamedAlarmStatus } from '../alarms/alarms.ts';
import type { Drivers } from '../driver-kit/driver.ts';
import { askGateway } from '../runtime/admin-socket.ts';
import { type ConfigOption, withData } from './config-file.ts';
import { EXIT, type Io } from './io.ts';
import { alarmText, raisedAlarms } from './status-view.ts';

/** What `alarm` can do. */
export type AlarmAction = 'list' | 'ack' | 'shelve' | 'unshelve';

export interface AlarmOptions extends ConfigOption {
  readonly all?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly for?: string | undefined;
}

/** `alarm list|ack|shelve|unshelve`: 0 done, 1 refused, 2 wrong usage, 3 if no gateway runs. */
export async function alarm(
  action: AlarmAction,
  id: string,
  options: AlarmOptions,
  io: Io,
  drivers: Drivers,
): Promise<number> {
  const command = action === 'list' ? undefined : commandOf(action, options, io);
  if (action !== 'list' && command === undefined) {
    io.stderr.write('cellgate: shelve needs --for with a time from 1s to 7d, such as --for 30m\n');
    return EXIT.usage;
  }
  return withData(options, io, drivers, async (folder) => {
    const request = command
      ? ({ ask: 'alarm', id, command } as const)
      : ({ ask: 'alarms' } as const);
    const answer = await askGateway(folder, request);
    if (answer === undefined) {
      io.stderr.write(`cellgate: no gateway runs on ${folder}\n`);
      return EXIT.notRunning;
    }
    if (command === undefined) list(answer as NamedAlarmStatus[], options, io);
    else if (answer !== null) {
      io.stderr.write(`cellgate: alarm ${id}: ${answer}\n`);
      return EXIT.trouble;
    } else io.stdout.write(`alarm ${id}: ${DONE[command.do]}\n`);
    return EXIT.ok;
  });
}

const DONE: Readonly<Record<AlarmCommand['do'], string>> = {
  acknowledge: 'acknowledged',
  shelve: 'shelved',
  unshelve: 'no longer shelved',
};

function commandOf(
  action: Exclude<AlarmAction, 'list'>,
  options: AlarmOptions,
  io: Io,
): AlarmCommand | undefined {
  const by = io.env.SUDO_USER ?? io.env.USER ?? 'the command line';
  if (action === 'ack') return { do: 'acknowledge', by };
  if (action === 'unshelve') return { do: 'unshelve', by };
  const forMs = shelvingTime(options.for);
  return forMs === undefined ? undefined : { do: 'shelve', forMs, by };
}

function list(all: readonly NamedAlarmStatus[], { all: every, json }: AlarmOptions, io: Io): void {
  if (json) {
    io.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    return;
  }
  const shown = every ? all : raisedAlarms(all);
  if (shown.length === 0) io.stdout.write('all alarms are normal\n');
  for (const one of shown) io.stdout.write(`${alarmText(one)}\n`);
}
