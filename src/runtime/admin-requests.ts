import type { Alarms } from '../alarms/alarms.ts';
import { shortTopic } from '../base/faults.ts';
import type { LogTail } from '../base/log.ts';
import type { Broker } from '../broker/broker.ts';
import { didYouMean } from '../config/yaml/suggestion.ts';
import type { Outputs } from '../outputs/outputs.ts';
import type { Sensors } from '../sensors/sensors.ts';
import type { Simulation } from '../simulation/simulation.ts';
import type { ReportShare } from '../store/commit/queue-deletion.ts';
import type { Store } from '../store/store.ts';
import type { Uplinks } from '../uplink/uplinks.ts';
import type { AdminAnswer } from './admin-socket.ts';
import type { Health } from './health.ts';
import type { Reload } from './reload.ts';

export interface AdminRequestsParts {
  readonly cell: string;
  readonly health: Pick<Health, 'status'>;
  /** The uplinks that may have messages. */
  uplinks: Uplinks['purgeable'];
  readonly broker: Pick<Broker, 'purge'>;
  readonly reload: Pick<Reload, 'run'>;
  readonly store: Pick<Store, 'acknowledgeLoss' | 'purgeRefused'>;
  readonly alarms: Pick<Alarms, 'list' | 'command'>;
  readonly outputs: Pick<Outputs, 'set' | 'status'>;
  readonly sensors: Pick<Sensors, 'set' | 'status'>;
  readonly tail: Pick<LogTail, 'after'>;
  readonly simulation: Pick<Simulation, 'command'> | undefined;
}

const NOT_SIMULATED =
  'the hardware of this gateway is real, expected one that was started with cellgate run --simulate';

/** What a purge has done: messages that were in flight are not deleted. */
export interface Purged {
  readonly deleted: number;
  readonly inFlight: number;
}

/** Answers the requests of the command line. Rejects with a sentence for a queue or an alarm that does not exist. */
export function createAdminRequests(parts: AdminRequestsParts): AdminAnswer {
  const { health, uplinks, broker, reload, store, alarms } = parts;
  const purgeUplink = async (name: string, report: ReportShare): Promise<Purged> => {
    const uplink = uplinks().find((one) => one.name === name);
    if (!uplink) throw new Error(`there is no uplink "${name}"`);
    const deleted = await uplink.purge(report);
    return { deleted, inFlight: uplink.status.inFlight };
  };
  return async (request, progress) => {
    const report = (share: number): void =>
      progress(`deleting from disk, ${Math.floor(share * 100)} % are done`);
    switch (request.ask) {
      case 'status':
        return health.status();
      case 'reload':
        return reload.run();
      case 'log':
        return parts.tail.after(0).map(({ line }) => line);
      case 'acknowledge':
        // JSON has no undefined.
        return (await store.acknowledgeLoss()) ?? null;
      case 'purgeRefused':
        await store.purgeRefused(request.uplink);
        return null;
      case 'set':
        return (await set(parts, request)) ?? null;
      case 'simulate':
        if (!parts.simulation) throw new Error(NOT_SIMULATED);
        return parts.simulation.command(request.name, request.what) ?? null;
      case 'alarms':
        return alarms.list();
      case 'alarm':
        // JSON has no undefined.
        return (await alarms.command(request.id, request.command)) ?? null;
      case 'purge':
        return purgeUplink(request.uplink, report);
      case 'purgeSession': {
        const purged = broker.purge(request.clientId, report);
        if (!purged) throw new Error(`there is no stored session of client ${request.clientId}`);
        return purged;
      }
      default:
        throw new Error(`the gateway does not know the request ${JSON.stringify(request)}`);
    }
  };
}

/** A command to an output, or a value for a sensor that counts; resolves with the reason if it is refused. */
async function set(
  { cell, outputs, sensors }: AdminRequestsParts,
  { name, value, by }: { readonly name: string; readonly value: string; readonly by: string },
): Promise<string | undefined> {
  const ofOutput = outputs.set(name, Buffer.from(value), `${shortTopic(by)} on the command line`);
  if (ofOutput) return ofOutput;
  const values = sensors
    .status()
    .flatMap(({ channels }) => channels.map(({ topic }) => topic.slice(cell.length + 1)));
  if (!values.includes(name)) {
    const names = outputs.status().map((one) => one.name);
    return `there is no output and no value "${name}"${didYouMean(name, [...names, ...values])}`;
  }
  const number = value.trim() === '' ? Number.NaN : Number(value);
  if (!Number.isFinite(number)) return `"${value}" is no number`;
  return sensors.set(name, { value: number, by });
}
