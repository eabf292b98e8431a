import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt';
import {
  decodePayload,
  type Metric,
  type ReceivedMetric,
  type ReceivedPayload,
} from '../../src/uplink/sparkplug/payload.ts';
import { differencesFromPackage, encodeWithPackage } from './sparkplug-package.ts';

/** A message of an edge node as the host received it. */
export interface HostMessage {
  readonly type: string;
  /** '' for the node itself. */
  readonly device: string;
  readonly payload: ReceivedPayload;
  readonly packet: IPublishPacket;
  /** Whether STATE said that the host is online when it arrived. */
  readonly whileOnline: boolean;
  /** When, on performance.now(). */
  readonly at: number;
}

/** One value of a metric, by the births before it. */
export interface HostValue {
  /** `device/name`, or the name of a metric of the node. */
  readonly metric: string;
  readonly value: unknown;
  readonly timestamp: number;
  readonly historical: boolean;
  readonly inBirth: boolean;
}

/** A primary host application, written from the specification [Sparkplug 3.0, sections 5.2 to 5.12]. */
export class SparkplugHost {
  readonly messages: HostMessage[] = [];
  /** What breaks the rules for edge nodes, in words. */
  readonly violations: string[] = [];
  readonly values: HostValue[] = [];
  /** bdSeq of each birth of the node that begins a session, and of each death. */
  readonly births: number[] = [];
  readonly deaths: number[] = [];
  readonly client: MqttClient;
  #isOnline = false;
  #stateTime = 0;
  #seq: number | undefined;
  #session: number | undefined;
  readonly #names = new Map<number, string>();
  readonly #born = new Set<string>();
  readonly #ids: { readonly group: string; readonly node: string; readonly host: string };

  constructor(client: MqttClient, names: { group: string; node: string; host: string }) {
    this.client = client;
    this.#ids = names;
    client.on('message', (topic, bytes, packet) => this.#receive(topic, bytes, packet));
    client.on('error', () => undefined);
    // Without a connection a host knows of no node that lives.
    client.on('close', () => this.#forget());
  }

  /** Whether the death of the last session has come. */
  get isDead(): boolean {
    return this.births.length > 0 && this.#session === undefined;
  }

  get stateTopic(): string {
    return `spBv1.0/STATE/${this.#ids.host}`;
  }

  /** Publishes STATE; resolves when the broker has it. */
  async state(online: boolean, timestamp = Date.now()): Promise<void> {
    const payload = JSON.stringify({ online, timestamp });
    if (online) this.#isOnline = true;
    await this.client.publishAsync(this.stateTopic, payload, { qos: 1, retain: true });
  }

  /** From here on, what the node sends breaks a rule: its death was received, and the host is offline. */
  #receive(topic: string, bytes: Buffer, packet: IPublishPacket): void {
    const [, group, type = '', node, device = ''] = topic.split('/');
    if (group === 'STATE') {
      const { online, timestamp } = JSON.parse(bytes.toString());
      if (topic !== this.stateTopic || timestamp < this.#stateTime) return;
      this.#stateTime = timestamp;
      this.#isOnline = online;
      return;
    }
    if (node !== this.#ids.node || type.endsWith('CMD')) return;
    let payload: ReceivedPayload;
    try {
      payload = decodePayload(bytes);
      for (const other of differencesFromPackage(bytes, payload)) {
        this.violations.push(`${type}: ${other}`);
      }
    } catch (error) {
      this.violations.push(`${type}: ${error}`);
      return;
    }
    const message = {
      ...{ type, device, payload, packet, whileOnline: this.#isOnline },
      at: performance.now(),
    };
    this.messages.push(message);
    this.#check(message);
  }

  #check(message: HostMessage): void {
    const { type, device, payload, packet, whileOnline } = message;
    const where = device === '' ? type : `${type} ${device}`;
    const wrong = (rule: string): void => void this.violations.push(`${where}: ${rule}`);
    if (packet.retain) wrong('retained');
    if (type !== 'NDEATH' && packet.qos !== 0) wrong(`QoS ${packet.qos}`);
    if (type === 'NDEATH') return this.#died(message, wrong);
    if (!whileOnline) wrong('sent while the host is offline');
    if (payload.timestamp === undefined) wrong('no timestamp');
    if (type === 'NBIRTH') {
      if (payload.seq !== 0) wrong(`seq ${payload.seq}`);
      this.#nodeBirth(payload, wrong);
    } else {
      const next = this.#seq === undefined ? undefined : (this.#seq + 1) % 256;
      if (payload.seq !== next) wrong(`seq ${payload.seq} in place of ${next}`);
    }
    this.#seq = payload.seq;
    if (type === 'DBIRTH') this.#born.add(device);
    if (type === 'DDEATH' && !this.#born.delete(device)) wrong('death of a device without birth');
    const isBirth = type.endsWith('BIRTH');
    if (type.endsWith('DATA') && !this.#born.has(device)) wrong('data without a birth');
    for (const metric of payload.metrics) {
      if (isBirth) this.#define(device, metric, wrong);
      else if (metric.name !== undefined) wrong(`the name ${metric.name} beside its alias`);
      this.#value(device, metric, isBirth, wrong);
    }
  }

  #nodeBirth({ metrics }: ReceivedPayload, wrong: (rule: string) => void): void {
    const bdSeq = Number(metrics.find(({ name }) => name === 'bdSeq')?.value ?? -1);
    const rebirth = metrics.find(({ name }) => name === 'Node Control/Rebirth');
    if (rebirth?.value !== false || rebirth.type !== 'Boolean') wrong('no Node Control/Rebirth');
    if (rebirth?.alias !== undefined) wrong('an alias of Node Control/Rebirth');
    if (this.#session === undefined) {
      const before = this.births.at(-1);
      if (before !== undefined && bdSeq !== (before + 1) % 256) {
        wrong(`bdSeq ${bdSeq} after ${before}`);
      }
      this.births.push(bdSeq);
    } else if (bdSeq !== this.#session) wrong(`bdSeq ${bdSeq} in a session of ${this.#session}`);
    this.#session = bdSeq;
    this.#names.clear();
    this.#born.clear();
    this.#born.add('');
  }

  #died({ payload }: HostMessage, wrong: (rule: string) => void): void {
    if (payload.seq !== undefined) wrong('a seq');
    const [metric, ...others] = payload.metrics;
    if (metric?.name !== 'bdSeq' || others.length > 0) wrong('not bdSeq alone');
    const bdSeq = Number(metric?.value);
    this.deaths.push(bdSeq);
    // The host may have missed one birth while it was away.
    const last = this.births.at(-1);
    if (last !== undefined && ![last, (last + 1) % 256].includes(bdSeq)) {
      wrong(`the death of ${bdSeq} after the birth of ${last}`);
    }
    if (bdSeq === this.#session) this.#forget();
  }

  #forget(): void {
    this.#session = undefined;
    this.#seq = undefined;
    this.#born.clear();
  }

  #define(device: string, metric: ReceivedMetric, wrong: (rule: string) => void): void {
    const { name = '', alias, type, timestamp, properties = [] } = metric;
    const metricName = device === '' ? name : `${device}/${name}`;
    if (type === undefined) wrong(`${metricName} has no type`);
    if (timestamp === undefined) wrong(`${metricName} has no timestamp`);
    if (alias === undefined) {
      if (name !== 'Node Control/Rebirth') wrong(`${metricName} has no alias`);
      return;
    }
    if (this.#names.has(alias) && this.#names.get(alias) !== metricName) {
      wrong(`alias ${alias} of ${metricName} and ${this.#names.get(alias)}`);
    }
    this.#names.set(alias, metricName);
    const quality = properties.find((one) => one.name === 'Quality');
    if (quality && (quality.type !== 'Int32' || ![0, 192, 500].includes(Number(quality.value)))) {
      wrong(`${metricName} has the quality ${quality.value}`);
    }
  }

  #value(
    device: string,
    { name, alias, value, timestamp = -1, historical = false }: ReceivedMetric,
    inBirth: boolean,
    wrong: (rule: string) => void,
  ): void {
    const known = alias === undefined ? name : this.#names.get(alias);
    if (known === undefined) return wrong(`an unknown alias ${alias} of ${device}`);
    if (timestamp < 0) wrong(`${known} has no timestamp`);
    if (value === null) return;
    this.values.push({ metric: known, value, timestamp, historical, inBirth });
  }

  /** The messages of a type. */
  of(type: string): HostMessage[] {
    return this.messages.filter((one) => one.type === type);
  }

  /** Sends a command to the node, or to a device. */
  async command(device: string, metrics: readonly Metric[]): Promise<void> {
    const { group, node } = this.#ids;
    const topic =
      device === '' ? `spBv1.0/${group}/NCMD/${node}` : `spBv1.0/${group}/DCMD/${node}/${device}`;
    const payload = encodeWithPackage({ timestamp: Date.now(), metrics });
    await this.client.publishAsync(topic, payload, { qos: 0 });
  }

  async rebirth(): Promise<void> {
    await this.command('', [{ name: 'Node Control/Rebirth', type: 'Boolean', value: true }]);
  }
}

/** Connects a host: it subscribes, then publishes that it is online; after a lost connection again. */
export async function startHost(
  port: number,
  names: { group: string; node: string; host: string },
): Promise<SparkplugHost> {
  const will = { online: false, timestamp: Date.now() };
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    ...{ clientId: `host-${names.host}`, clean: true, reconnectPeriod: 100 },
    will: {
      ...{ topic: `spBv1.0/STATE/${names.host}`, payload: Buffer.from(JSON.stringify(will)) },
      ...{ qos: 1, retain: true },
    },
  });
  const host = new SparkplugHost(client, names);
  await new Promise<void>((resolve) => {
    client.on('connect', () => {
      const filters = [`spBv1.0/${names.group}/#`, host.stateTopic];
      // A connection that is lost meanwhile is made again.
      client
        .subscribeAsync(filters, { qos: 1 })
        .then(() => host.state(true))
        .then(resolve, () => undefined);
    });
  });
  return host;
}
