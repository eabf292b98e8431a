import type { WatchedSample } from '../../src/alarms/alarm-condition.ts';
import { createAlarms } from '../../src/alarms/alarms.ts';
import { alarmSchema } from '../../src/config/schema/alarms.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { createQuietLog } from './quiet-log.ts';

export interface PublishedAlarm {
  readonly topic: string;
  readonly state: string;
  readonly acknowledged: boolean;
  readonly [key: string]: unknown;
}

export interface AlarmRunOptions {
  readonly clock?: ManualClock;
  /** What is on disk; a restart gets that of the run before. */
  readonly disk?: Map<string, unknown>;
  readonly storedNow?: () => number;
  readonly store?: (key: string, value: unknown) => Promise<void>;
}

/** Started alarms of the sensor `boiler`, with a disk in memory. */
export async function runAlarms(
  alarms: readonly Readonly<Record<string, unknown>>[],
  options: AlarmRunOptions = {},
) {
  const { clock = createManualClock(), disk = new Map<string, unknown>() } = options;
  const { log, lines } = createQuietLog();
  const published: PublishedAlarm[] = [];
  const results: unknown[] = [];
  const subscribers = new Map<string, (message: { payload: Uint8Array }) => void>();
  const configOf = (list: typeof alarms) => [
    { name: 'boiler', alarms: list.map((one) => alarmSchema.parse(one)) },
  ];
  const list = createAlarms({
    cell: 'robotcell1',
    boot: () => 12,
    sensors: configOf(alarms),
    clock,
    log,
    storedNow: options.storedNow ?? clock.monotonic,
    state: { get: (key) => structuredClone(disk.get(key)) },
    store:
      options.store ??
      (async (key, value) => {
        disk.set(key, structuredClone(value));
      }),
    publish(topic, payload) {
      const text = Buffer.from(payload).toString();
      published.push({ topic, ...(text === '' ? { deleted: true } : JSON.parse(text)) });
    },
    publishResult: (_topic, payload) => results.push(JSON.parse(Buffer.from(payload).toString())),
    subscribe(topic, receive) {
      subscribers.set(topic, receive);
      return () => subscribers.delete(topic);
    },
  });
  await list.start();
  await clock.advance(0);
  const take = (value: WatchedSample['value'], quality: WatchedSample['quality'] = 'good') =>
    list.observe(
      'boiler',
      '',
      {
        value: quality === 'bad' ? null : value,
        quality,
        ...(quality === 'good' ? {} : { reason: 'no answer' }),
      },
      clock.monotonic(),
    );
  return {
    list,
    clock,
    disk,
    lines,
    published,
    results,
    take,
    applyConfig: (next: typeof alarms) => list.applyConfig(configOf(next)),
    send: (name: string, text: string) =>
      subscribers.get(`robotcell1/alarm/boiler/${name}/set`)?.({ payload: Buffer.from(text) }),
    /** Published states since the last call, such as `active` and `cleared, acknowledged`. */
    states: (): string[] =>
      published
        .splice(0)
        .map(({ state, acknowledged }) => `${state}${acknowledged ? ', acknowledged' : ''}`),
  };
}
