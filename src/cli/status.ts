import type { Drivers } from '../driver-kit/driver.ts';
import { askGateway } from '../runtime/admin-socket.ts';
import type { GatewayStatus } from '../runtime/health.ts';
import { type ConfigOption, dataFolder } from './config-file.ts';
import { EXIT, type Io } from './io.ts';
import { alarmText, duration, printable, raisedAlarms } from './status-view.ts';

export interface StatusOption extends ConfigOption {
  readonly json?: boolean | undefined;
}

/** The state of the running gateway: 0 healthy, 1 with troubles, 3 when it does not run. */
export async function status(options: StatusOption, io: Io, drivers: Drivers): Promise<number> {
  const folder = await dataFolder(options, io, drivers);
  if (folder === undefined) return EXIT.trouble;
  let answer: unknown;
  try {
    answer = await askGateway(folder, { ask: 'status' });
  } catch (error) {
    io.stderr.write(`cellgate: ${(error as Error).message}\n`);
    return EXIT.trouble;
  }
  if (answer === undefined) {
    io.stderr.write(`cellgate: no gateway runs on ${folder}\n`);
    return EXIT.notRunning;
  }
  const state = answer as GatewayStatus;
  io.stdout.write(options.json ? `${JSON.stringify(state)}\n` : inWords(state));
  return state.troubles.length === 0 ? EXIT.ok : EXIT.trouble;
}

/** Groups of shared subscriptions that are listed. */
const LISTED_SHARES = 10;
/** Alarms that are listed. */
const LISTED_ALARMS = 20;

/** The state without single sensors and clients, which `cellgate watch` shows. */
export function inWords(state: GatewayStatus): string {
  const { cell, version, sessions, uplinks, sensors, troubles } = state;
  const alarms = raisedAlarms(state.alarms);
  const more = alarms.length - LISTED_ALARMS;
  const lines = [
    `${cell}, cellgate ${version}`,
    `sessions   ${sessions.sessions}, ${sessions.connected} connected, ${sessions.queued} messages wait, ${sessions.expired} expired`,
    ...mqttLines(state),
    `sensors    ${sensors.length}`,
    ...uplinks.map((one) => {
      const oldest = one.oldestAge === null ? '' : `, oldest ${duration(one.oldestAge)}`;
      const eta = one.queued > 0 && one.eta !== null ? `, empty in ${duration(one.eta)}` : '';
      const dropped = Object.values(one.dropped).reduce((sum, count) => sum + count, 0);
      return `uplink     ${one.name} ${one.state} (${one.url}${one.protocol === null ? '' : `, ${one.protocol}`}): ${one.queued} wait${oldest}, ${one.rate}/s${eta}, ${dropped} dropped`;
    }),
    ...alarms.slice(0, LISTED_ALARMS).map((one) => `alarm      ${alarmText(one)}`),
    ...(more > 0 ? [`alarm      ${more} more: cellgate alarm list`] : []),
    ...(troubles.length === 0 ? ['healthy'] : troubles.map((trouble) => `trouble    ${trouble}`)),
  ];
  return `${lines.join('\n')}\n`;
}

/** The versions of the connected clients, their topic aliases, and the groups of shared subscriptions. */
function mqttLines({ sessions, shares }: GatewayStatus): string[] {
  const { versions, aliases } = sessions;
  const used = Object.entries(versions).filter(([, count]) => count > 0);
  const counts = used.map(([name, count]) => `${count} with MQTT ${name}`);
  const aliasCount = aliases.fromClient + aliases.toClient;
  if (aliasCount > 0) counts.push(`${aliasCount} topic aliases`);
  const more = sessions.shares.groups - LISTED_SHARES;
  return [
    ...(counts.length > 0 ? [`clients    ${counts.join(', ')}`] : []),
    ...shares.slice(0, LISTED_SHARES).map(({ filter, online, away }) => {
      return `shared     ${printable(filter)}: ${online} connected, ${away} away`;
    }),
    ...(more > 0 ? [`shared     ${more} groups more`] : []),
  ];
}
