import type { GatewayStatus } from '../runtime/health.ts';
import { BROKER_METRICS, UPLINK_METRICS } from './message-metrics.ts';
import { flag, type Metric, type MetricSource, one, type Rows } from './metric.ts';

const sensors =
  (value: (sensor: GatewayStatus['sensors'][number]) => number | undefined) =>
  ({ status }: MetricSource): Rows =>
    status.sensors.flatMap((sensor) => {
      const found = value(sensor);
      return found === undefined
        ? []
        : [[{ sensor: sensor.name, driver: sensor.driver }, found] as const];
    });
const alarms =
  (is: (alarm: GatewayStatus['alarms'][number]) => boolean) =>
  ({ status }: MetricSource): Rows =>
    status.alarms.map((alarm) => {
      const { sensor, name, severity } = alarm;
      return [{ sensor, alarm: name, severity }, flag(is(alarm))] as const;
    });
const channels = ({ status }: MetricSource) => status.sensors.flatMap((sensor) => sensor.channels);

const GATEWAY_METRICS: readonly Metric[] = [
  {
    kind: 'gauge',
    name: 'cellgate_build_info',
    help: 'Version of the gateway and of Node; always 1.',
    labels: ['cell', 'version', 'node'],
    rows: ({ status }) => [
      [{ cell: status.cell, version: status.version, node: process.version }, 1],
    ],
  },
  {
    kind: 'gauge',
    name: 'cellgate_start_time_seconds',
    help: 'When the gateway started, since the epoch.',
    rows: ({ status }) => one(status.started / 1000),
  },
  {
    kind: 'gauge',
    name: 'cellgate_troubles',
    help: 'Current troubles; 0 is healthy.',
    rows: ({ status }) => one(status.troubles.length),
  },
  {
    kind: 'counter',
    name: 'cellgate_faults_total',
    help: 'Messages and packets that could not be handled because of a fault of the gateway.',
    labels: ['stage'],
    rows: ({ status }) => Object.entries(status.faults).map(([stage, count]) => [{ stage }, count]),
  },
  {
    kind: 'gauge',
    name: 'cellgate_sensor_up',
    help: 'Whether the last read of the sensor succeeded.',
    labels: ['sensor', 'driver'],
    rows: sensors(({ failure }) => flag(failure === undefined)),
  },
  {
    kind: 'gauge',
    name: 'cellgate_sensor_last_read_timestamp_seconds',
    help: 'When the sensor was last read, since the epoch.',
    labels: ['sensor', 'driver'],
    rows: sensors(({ lastRead }) => lastRead && lastRead / 1000),
  },
  {
    kind: 'gauge',
    name: 'cellgate_sensor_consecutive_failures',
    help: 'Tries in a row that failed.',
    labels: ['sensor', 'driver'],
    rows: sensors(({ failures }) => failures),
  },
  {
    kind: 'counter',
    name: 'cellgate_sensor_missed_deadlines_total',
    help: 'Deadlines missed because a read took too long.',
    labels: ['sensor', 'driver'],
    rows: sensors(({ missed }) => missed),
  },
  {
    kind: 'gauge',
    name: 'cellgate_reading_value',
    help: 'Last value of a channel; absent while it is bad.',
    labels: ['topic', 'unit'],
    rows: (now) =>
      channels(now).flatMap(({ topic, unit, value }) =>
        typeof value === 'number' || typeof value === 'boolean'
          ? [[{ topic, unit }, Number(value)] as const]
          : [],
      ),
  },
  {
    kind: 'gauge',
    name: 'cellgate_reading_good',
    help: 'Whether the last value can be trusted.',
    labels: ['topic'],
    rows: (now) => channels(now).map(({ topic, quality }) => [{ topic }, flag(quality === 'good')]),
  },
  {
    kind: 'counter',
    name: 'cellgate_readings_published_total',
    help: 'Readings published since the start.',
    labels: ['topic'],
    rows: (now) => channels(now).map(({ topic, seq }) => [{ topic }, seq]),
  },
  {
    kind: 'gauge',
    name: 'cellgate_output_on',
    help: 'What the line was when it was read back; absent while that is unknown.',
    labels: ['output'],
    rows: ({ status }) =>
      status.outputs.flatMap(({ name, value }) =>
        value === null ? [] : [[{ output: name }, flag(value)] as const],
      ),
  },
  {
    kind: 'gauge',
    name: 'cellgate_alarm_active',
    help: 'Whether the alarm is active.',
    labels: ['sensor', 'alarm', 'severity'],
    rows: alarms(({ state }) => state === 'active'),
  },
  {
    kind: 'gauge',
    name: 'cellgate_alarm_unacknowledged',
    help: 'Whether the alarm waits for an acknowledgement, active or cleared.',
    labels: ['sensor', 'alarm', 'severity'],
    rows: alarms(({ state, acknowledged }) => state !== 'normal' && !acknowledged),
  },
  {
    kind: 'gauge',
    name: 'cellgate_alarm_shelved',
    help: 'Whether the alarm is shelved.',
    labels: ['sensor', 'alarm', 'severity'],
    rows: alarms(({ shelvedUntil }) => shelvedUntil !== undefined),
  },
];

/** No row where the value is unknown. */
const known = (value: number | null) => (value === null ? [] : one(value));

const STORE_METRICS: readonly Metric[] = [
  {
    kind: 'gauge',
    name: 'cellgate_store_writable',
    help: 'Whether the disk takes commits.',
    rows: ({ status }) => one(flag(status.store.trouble === null)),
  },
  {
    kind: 'gauge',
    name: 'cellgate_store_free_bytes',
    help: 'Free bytes of the disk.',
    rows: ({ status }) => (status.store.freeBytes === null ? [] : one(status.store.freeBytes)),
  },
  {
    kind: 'counter',
    name: 'cellgate_store_failed_reads_total',
    help: 'Reads of queued messages that failed; each is tried again.',
    rows: ({ status }) => one(status.store.failedReads),
  },
  {
    kind: 'gauge',
    name: 'cellgate_store_lost_messages',
    help: 'Messages known to be lost in a damaged database, until "cellgate acknowledge".',
    rows: ({ status }) => one(status.store.lostMessages),
  },
  {
    kind: 'counter',
    name: 'cellgate_store_commits_total',
    help: 'Commits.',
    rows: ({ status }) => one(status.store.commits),
  },
  {
    kind: 'counter',
    name: 'cellgate_store_written_bytes_total',
    help: 'Bytes written to the disk.',
    rows: ({ status }) => one(status.store.bytesWritten),
  },
  {
    kind: 'gauge',
    name: 'cellgate_store_year_written_bytes',
    help: 'Bytes that are written to the disk in a year, as since the start.',
    rows: ({ status: { store } }) => known(store.wear.bytesPerYear),
  },
  {
    kind: 'gauge',
    name: 'cellgate_store_disk_left_years',
    help: 'How long the disk takes these writes, at 1,000 cycles of each cell.',
    rows: ({ status: { store } }) => known(store.wear.yearsLeft),
  },
  {
    kind: 'gauge',
    name: 'cellgate_store_disk_life_used_ratio',
    help: 'What is used of the lifetime of the card, by the card itself.',
    rows: ({ status: { store } }) => known(store.wear.lifeUsed),
  },
];

const PROCESS_METRICS: readonly Metric[] = [
  {
    kind: 'counter',
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the process.',
    rows: () => {
      const { user, system } = process.cpuUsage();
      return one((user + system) / 1e6);
    },
  },
  {
    kind: 'gauge',
    name: 'process_resident_memory_bytes',
    help: 'Memory of the process.',
    rows: () => one(process.memoryUsage.rss()),
  },
];

/** All metrics but the histograms, in the order in which they are shown. */
export const METRICS: readonly Metric[] = [
  ...GATEWAY_METRICS,
  ...BROKER_METRICS,
  ...UPLINK_METRICS,
  ...STORE_METRICS,
  ...PROCESS_METRICS,
];
