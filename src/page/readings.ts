import type { Quality } from '../driver-kit/reading.ts';
import type { SensorStatus } from '../sensors/sensor-status.ts';
import { type LiveReading, parseReading } from './reading.ts';

/** One channel of a sensor, with its newest reading. */
export interface LiveChannel {
  readonly topic: string;
  /** Its topic without the cell. */
  readonly name: string;
  /** What it is called: its name, or the label of its sensor with the channel. */
  label: string;
  /** The group of its sensor in the config, or the first level of the name; empty if no other channel has the same. */
  group: string;
  reading: LiveReading;
  /** Whether its sensor makes no progress, so that the reading is old. */
  isStale: boolean;
  /** Decimals of the most exact value so far: a value does not jump in width. */
  decimals: number;
  /** Grows with each reading. */
  changes: number;
}

/** A group of channels in the order of the config. */
export interface ChannelGroup {
  readonly name: string;
  readonly channels: readonly LiveChannel[];
  readonly worst: Quality;
}

/** How many channels are how good; a stale one counts as that only. */
export type QualityCounts = Readonly<Record<Quality | 'stale', number>>;

const MOST_DECIMALS = 3;
const WORST_FIRST: readonly Quality[] = ['bad', 'uncertain', 'good'];

/** The newest readings of all channels, from their status and from their topics. */
export class Readings {
  readonly #channels = new Map<string, LiveChannel>();
  #groups: readonly ChannelGroup[] = [];

  get all(): Iterable<LiveChannel> {
    return this.#channels.values();
  }

  get size(): number {
    return this.#channels.size;
  }

  get(topic: string): LiveChannel | undefined {
    return this.#channels.get(topic);
  }

  /** Takes the status of all sensors: the channels are these, and a bare payload has their unit. */
  show(sensors: readonly SensorStatus[], cell: string): void {
    const before = new Map(this.#channels);
    this.#channels.clear();
    const groupOf = groupsBy(sensors, cell);
    for (const { name: sensor, channels, label, group, stalled = false } of sensors) {
      for (const status of channels) {
        const { topic } = status;
        const name = nameOf(topic, cell);
        const channel = before.get(topic) ?? created(topic, name);
        channel.label = label === undefined ? name : `${label}${rest(name, sensor)}`;
        channel.group = group ?? groupOf(name);
        channel.isStale = stalled;
        takeStatus(channel, status);
        this.#channels.set(topic, channel);
      }
    }
    this.#sort();
  }

  /** Takes a reading; false for a topic of no sensor. */
  receive(topic: string, payload: string, now: number): boolean {
    const channel = this.#channels.get(topic);
    if (!channel) return false;
    // A retained reading that is deleted is no reading.
    if (payload === '') return true;
    const before = channel.reading.quality;
    const reading = parseReading(payload);
    const unit = reading.unit ?? channel.reading.unit;
    take(channel, { ...reading, unit, time: reading.time ?? now });
    if (channel.reading.quality !== before) this.#sort();
    return true;
  }

  get counts(): QualityCounts {
    const counts = { good: 0, uncertain: 0, bad: 0, stale: 0 };
    for (const { reading, isStale } of this.#channels.values()) {
      counts[isStale ? 'stale' : reading.quality] += 1;
    }
    return counts;
  }

  /** Groups with bad channels first, and in each the bad ones first; else in the order of the config. */
  get groups(): readonly ChannelGroup[] {
    return this.#groups;
  }

  #sort(): void {
    const byName = new Map<string, LiveChannel[]>();
    for (const channel of this.#channels.values()) {
      const group = byName.get(channel.group);
      if (group) group.push(channel);
      else byName.set(channel.group, [channel]);
    }
    const groups = [...byName].map(([name, channels]) => {
      const sorted = channels.toSorted((a, b) => rankOf(a) - rankOf(b));
      return { name, channels: sorted, worst: sorted[0]?.reading.quality ?? 'good' };
    });
    const rank = ({ worst }: ChannelGroup): number => WORST_FIRST.indexOf(worst);
    const last = ({ name }: ChannelGroup): number => Number(name === '');
    this.#groups = groups.toSorted((a, b) => rank(a) - rank(b) || last(a) - last(b));
  }
}

function rankOf({ reading }: LiveChannel): number {
  return WORST_FIRST.indexOf(reading.quality);
}

function nameOf(topic: string, cell: string): string {
  return topic.startsWith(`${cell}/`) ? topic.slice(cell.length + 1) : topic;
}

/** The group of a name: its first level, if several channels have it. */
function groupsBy(sensors: readonly SensorStatus[], cell: string): (name: string) => string {
  const members = new Map<string, number>();
  for (const { topic } of sensors.flatMap(({ channels }) => channels)) {
    const first = firstLevel(nameOf(topic, cell));
    members.set(first, (members.get(first) ?? 0) + 1);
  }
  return (name) => ((members.get(firstLevel(name)) ?? 0) > 1 ? firstLevel(name) : '');
}

/** The channel behind the name of its sensor, after a space. */
function rest(name: string, sensor: string): string {
  return name.startsWith(`${sensor}/`) ? ` ${name.slice(sensor.length + 1)}` : '';
}

function firstLevel(name: string): string {
  return name.split('/', 1)[0] ?? name;
}

function created(topic: string, name: string): LiveChannel {
  const reading: LiveReading = { value: null, quality: 'bad' };
  return { topic, name, label: name, group: '', reading, isStale: false, decimals: 0, changes: 0 };
}

/** Takes the status if its quality is another one, or while there was no reading. */
function takeStatus(channel: LiveChannel, status: SensorStatus['channels'][number]): void {
  const { value, quality, reason, unit } = status;
  const { time } = channel.reading;
  if (quality === channel.reading.quality && time !== undefined) return;
  take(channel, { value, quality, reason, unit, time });
}

function take(channel: LiveChannel, reading: LiveReading): void {
  channel.reading = reading;
  channel.changes += 1;
  if (typeof reading.value !== 'number') return;
  const [, fraction = ''] = /\.(\d+)$/.exec(String(reading.value)) ?? [];
  channel.decimals = Math.max(channel.decimals, Math.min(fraction.length, MOST_DECIMALS));
}
