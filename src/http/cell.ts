import type { Alarms } from '../alarms/alarms.ts';
import type { Broker } from '../broker/broker.ts';
import type { OutputStatus } from '../outputs/output.ts';
import type { Outputs } from '../outputs/outputs.ts';
import type { Health } from '../runtime/health.ts';
import type { Sensors } from '../sensors/sensors.ts';
import type { Store } from '../store/store.ts';
import type { Uplink } from '../uplink/uplink.ts';
import { type Answer, jsonAnswer, textAnswer } from './answer.ts';
import type { Visitor } from './login.ts';

export interface CellParts {
  readonly cell: string;
  readonly version: string;
  readonly health: Pick<Health, 'started' | 'troubles'>;
  readonly sensors: Pick<Sensors, 'status'>;
  readonly outputs: Pick<Outputs, 'status'>;
  readonly alarms: Pick<Alarms, 'list'>;
  readonly broker: Pick<Broker, 'shares'>;
  readonly store: Pick<Store, 'status'>;
  uplinks(): readonly Pick<Uplink, 'name' | 'status'>[];
}

/** Parts of the state that have no topic of the cell: they need a right of their topic under `$SYS`. */
type Whole = 'troubles' | 'uplinks' | 'store' | 'shares';

/** The state of the cell for one visitor, for a page without the right to read all of `$SYS/cellgate/#`. */
export interface VisibleCell {
  /** By the name of the topic below `$SYS/cellgate/`; sensors, alarms and outputs only those that the visitor may read. */
  readonly state: Readonly<Record<string, unknown>>;
  /** How many the visitor may not read. */
  readonly hidden: Readonly<Record<'sensors' | 'alarms' | 'outputs', number>>;
  /** What the visitor may not read at all. */
  readonly denied: readonly Whole[];
}

const SYS = '$SYS/cellgate/';

/** What the visitor may see of the cell. */
export async function cellFor(parts: CellParts, visitor: Visitor): Promise<Answer> {
  if (visitor.readable.length === 0) return textAnswer(403, 'This user may not read any topic.');
  return jsonAnswer(await visibleCell(parts, visitor));
}

async function visibleCell(parts: CellParts, visitor: Visitor): Promise<VisibleCell> {
  const { cell, version, health, broker, store } = parts;
  const may = (topic: string): boolean => visitor.maySubscribe(topic);
  const all = allOf(parts);
  const sensors = may(`${SYS}sensors`) ? all.sensors : readableSensors(all.sensors, may);
  const alarms = may(`${SYS}alarms`) ? all.alarms : all.alarms.filter(({ topic }) => may(topic));
  const outputs = may(`${SYS}outputs`)
    ? all.outputs
    : all.outputs.filter(({ topic }) => may(topic)).map(withoutNames);
  const uplinks = all.uplinks.filter(({ name }) => may(`${SYS}uplink/${name}`));
  const whole = {
    ...(may(`${SYS}troubles`) && { troubles: health.troubles }),
    ...(may(`${SYS}shares`) && { shares: broker.shares }),
    ...(may(`${SYS}store`) && { store: await store.status() }),
  };
  const names = uplinks.map(({ name }) => name);
  const states = uplinks.map(({ name, status }) => [`uplink/${name}`, status] as const);
  return {
    state: {
      gateway: { cell, version, started: health.started, uplinks: names },
      ...{ sensors, alarms, outputs, ...whole, ...Object.fromEntries(states) },
    },
    hidden: {
      sensors: all.sensors.length - sensors.length,
      alarms: all.alarms.length - alarms.length,
      outputs: all.outputs.length - outputs.length,
    },
    denied: [
      ...(['troubles', 'store', 'shares'] as const).filter((name) => !(name in whole)),
      ...(names.length < all.uplinks.length ? (['uplinks'] as const) : []),
    ],
  };
}

/** Who has switched an output is for those who may read the gateway's state: users and clients are named. */
function withoutNames({ changed: _, ...status }: OutputStatus): OutputStatus {
  return status;
}

function allOf({ sensors, alarms, outputs, uplinks }: CellParts) {
  return {
    sensors: sensors.status(),
    alarms: alarms.list(),
    outputs: outputs.status(),
    uplinks: uplinks(),
  };
}

/** Of each sensor the channels that may be read; a sensor without one is left out. */
function readableSensors(
  sensors: ReturnType<Sensors['status']>,
  may: (topic: string) => boolean,
): ReturnType<Sensors['status']> {
  return sensors
    .map((sensor) => ({ ...sensor, channels: sensor.channels.filter(({ topic }) => may(topic)) }))
    .filter(({ channels }) => channels.length > 0);
}
