import type { DropCounts } from '../broker/stats/status.ts';
import type { TrafficCounters } from '../broker/stats/traffic-counters.ts';
import type { GatewayStatus } from '../runtime/health.ts';

type Labels = Readonly<Record<string, string>>;
type Rows = Iterable<readonly [labels: Labels, value: number]>;
/** The moment that is told. */
export interface Now {
  readonly status: GatewayStatus;
  readonly drops: DropCounts;
  readonly traffic: TrafficCounters;
}
type Definition = readonly [
  kind: 'gauge' | 'counter',
  name: string,
  help: string,
  labels: readonly string[],
  rows: (now: Now) => Rows,
];

const one = (value: number): Rows => [[{}, value]];
const flag = (is: boolean): number => (is ? 1 : 0);

const uplinks =
  (value: (uplink: GatewayStatus['uplinks'][number]) => number | null) =>
  ({ status }: Now): Rows =>
    status.uplinks.flatMap((uplink) => {
      const found = value(uplink);
      return found === null ? [] : [[{ uplink: uplink.name }, found] as const];
    });
const sensors =
  (value: (sensor: GatewayStatus['sensors'][number]) => number | undefined) =>
  ({ status }: Now): Rows =>
    status.sensors.flatMap((sensor) => {
      const found = value(sensor);
      return found === undefined
        ? []
        : [[{ sensor: sensor.name, driver: sensor.driver }, found] as const];
    });
const channels = ({ status }: Now) => status.sensors.flatMap((sensor) => sensor.channels);

/** Names and units as Prometheus' guide wants them: base units, `_total` for what only grows. */
export const DEFINITIONS: readonly Definition[] = [
  [
    'gauge',
    'cellgate_build_info',
    'Version of the gateway and of Node; always 1.',
    ['cell', 'version', 'node'],
    ({ status }) => [[{ cell: status.cell, version: status.version, node: process.version }, 1]],
  ],
  [
    'gauge',
    'cellgate_start_time_seconds',
    'When the gateway started, since the epoch.',
    [],
    ({ status }) => one(status.started / 1000),
  ],
  [
    'gauge',
    'cellgate_troubles',
    'Troubles that there are; 0 is healthy.',
    [],
    ({ status }) => one(status.troubles.length),
  ],

  [
    'gauge',
    'cellgate_sensor_up',
    'Whether the last read of the sensor succeeded.',
    ['sensor', 'driver'],
    sensors(({ failure }) => flag(failure === undefined)),
  ],
  [
    'gauge',
    'cellgate_sensor_last_read_timestamp_seconds',
    'When the sensor was last read, since the epoch.',
    ['sensor', 'driver'],
    sensors(({ lastRead }) => lastRead && lastRead / 1000),
  ],
  [
    'gauge',
    'cellgate_sensor_consecutive_failures',
    'Tries in a row that failed.',
    ['sensor', 'driver'],
    sensors(({ failures }) => failures),
  ],
  [
    'counter',
    'cellgate_sensor_missed_deadlines_total',
    'Deadlines that went by because a read took too long.',
    ['sensor', 'driver'],
    sensors(({ missed }) => missed),
  ],
  [
    'gauge',
    'cellgate_reading_value',
    'Last value of a channel; absent while it is bad.',
    ['topic', 'unit'],
    (now) =>
      channels(now).flatMap(({ topic, unit, value }) =>
        typeof value === 'number' || typeof value === 'boolean'
          ? [[{ topic, unit }, Number(value)] as const]
          : [],
      ),
  ],
  [
    'gauge',
    'cellgate_reading_good',
    'Whether the last value can be trusted.',
    ['topic'],
    (now) => channels(now).map(({ topic, quality }) => [{ topic }, flag(quality === 'good')]),
  ],
  [
    'counter',
    'cellgate_readings_published_total',
    'Readings published since the start.',
    ['topic'],
    (now) => channels(now).map(({ topic, seq }) => [{ topic }, seq]),
  ],
  [
    'gauge',
    'cellgate_output_on',
    'What the line was when it was read back; absent where nobody knows.',
    ['output'],
    ({ status }) =>
      status.outputs.flatMap(({ name, value }) =>
        value === null ? [] : [[{ output: name }, flag(value)] as const],
      ),
  ],

  [
    'gauge',
    'cellgate_broker_connections',
    'Clients connected.',
    [],
    ({ status }) => one(status.sessions.connected),
  ],
  [
    'gauge',
    'cellgate_broker_sessions',
    'Sessions, connected or not.',
    [],
    ({ status }) => one(status.sessions.sessions),
  ],
  [
    'gauge',
    'cellgate_broker_sessions_away',
    'Persistent sessions whose client is not there.',
    [],
    ({ status }) => one(status.sessions.away),
  ],
  [
    'gauge',
    'cellgate_broker_subscriptions',
    'Subscriptions of all clients.',
    [],
    ({ status }) => one(status.sessions.subscriptions),
  ],
  [
    'gauge',
    'cellgate_broker_retained_messages',
    'Retained messages.',
    [],
    ({ status }) => one(status.sessions.retained),
  ],
  [
    'gauge',
    'cellgate_broker_queued_messages',
    'Messages that wait for clients.',
    [],
    ({ status }) => one(status.sessions.queued),
  ],
  [
    'counter',
    'cellgate_broker_messages_published_total',
    'Messages published by clients and by the gateway itself.',
    [],
    ({ status }) => one(status.sessions.published),
  ],
  [
    'counter',
    'cellgate_broker_dropped_messages_total',
    'Messages that did not reach whom they were for.',
    ['reason'],
    ({ drops }) => Object.entries(drops.reasons).map(([reason, count]) => [{ reason }, count]),
  ],
  [
    'counter',
    'cellgate_broker_received_packets_total',
    'MQTT packets from clients.',
    [],
    ({ status }) => one(status.sessions.packetsReceived),
  ],
  [
    'counter',
    'cellgate_broker_sent_packets_total',
    'MQTT packets to clients.',
    [],
    ({ traffic }) => one(traffic.packetsSent),
  ],
  [
    'counter',
    'cellgate_broker_received_bytes_total',
    'Bytes from clients.',
    [],
    ({ traffic }) => one(traffic.bytesReceived),
  ],
  [
    'counter',
    'cellgate_broker_sent_bytes_total',
    'Bytes to clients.',
    [],
    ({ traffic }) => one(traffic.bytesSent),
  ],

  [
    'gauge',
    'cellgate_uplink_connected',
    'Whether messages flow to the plant.',
    ['uplink'],
    uplinks(({ state }) => flag(state === 'connected')),
  ],
  [
    'gauge',
    'cellgate_uplink_queued_messages',
    'Messages that wait for the plant, those in flight too.',
    ['uplink'],
    uplinks(({ queued }) => queued),
  ],
  [
    'gauge',
    'cellgate_uplink_queued_bytes',
    'Bytes that wait for the plant.',
    ['uplink'],
    uplinks(({ bytes }) => bytes),
  ],
  [
    'gauge',
    'cellgate_uplink_oldest_message_age_seconds',
    'Age of the oldest message that waits; absent while none does.',
    ['uplink'],
    uplinks(({ oldestAge }) => (oldestAge === null ? null : oldestAge / 1000)),
  ],
  [
    'gauge',
    'cellgate_uplink_probe_duration_seconds',
    'Time that the last probe took to the plant and back.',
    ['uplink'],
    uplinks(({ probe }) => (probe === null ? null : probe / 1000)),
  ],
  [
    'counter',
    'cellgate_uplink_sent_messages_total',
    'Messages that the plant has acknowledged.',
    ['uplink'],
    uplinks(({ sent }) => sent),
  ],
  [
    'counter',
    'cellgate_uplink_received_messages_total',
    'Messages from the plant.',
    ['uplink'],
    uplinks(({ received }) => received),
  ],
  [
    'counter',
    'cellgate_uplink_dropped_messages_total',
    'Messages that gave way and never reached the plant.',
    ['uplink'],
    uplinks(({ dropped }) => Object.values(dropped).reduce((sum, count) => sum + count, 0)),
  ],
  [
    'counter',
    'cellgate_uplink_dead_letters_total',
    'Messages that the plant has refused; they are kept.',
    ['uplink'],
    uplinks(({ deadLetters }) => deadLetters),
  ],
  [
    'counter',
    'cellgate_uplink_reconnects_total',
    'Connections to the plant that ended or did not come about.',
    ['uplink'],
    uplinks(({ reconnects }) => reconnects),
  ],

  [
    'gauge',
    'cellgate_store_writable',
    'Whether the disk takes commits.',
    [],
    ({ status }) => one(flag(status.store.trouble === null)),
  ],
  [
    'gauge',
    'cellgate_store_free_bytes',
    'Bytes that the disk has left.',
    [],
    ({ status }) => (status.store.freeBytes === null ? [] : one(status.store.freeBytes)),
  ],
  [
    'counter',
    'cellgate_store_commits_total',
    'Commits.',
    [],
    ({ status }) => one(status.store.commits),
  ],
  [
    'counter',
    'cellgate_store_written_bytes_total',
    'Bytes written to the disk.',
    [],
    ({ status }) => one(status.store.bytesWritten),
  ],

  [
    'counter',
    'process_cpu_seconds_total',
    'CPU time of the process.',
    [],
    () => {
      const { user, system } = process.cpuUsage();
      return one((user + system) / 1e6);
    },
  ],
  [
    'gauge',
    'process_resident_memory_bytes',
    'Memory of the process.',
    [],
    () => one(process.memoryUsage.rss()),
  ],
];
