import { parser } from 'mqtt-packet';
import type { LocalMessage } from '../../src/broker/messages/local-message.ts';
import { createMessage } from '../../src/queue/message.ts';
import { QueueEntry } from '../../src/queue/queue-entry.ts';
import type { PlantConnection } from '../../src/uplink/plant-client.ts';
import type { PlantTransport } from '../../src/uplink/plant-transport.ts';
import type { Sender } from '../../src/uplink/sender.ts';
import { EdgeNode } from '../../src/uplink/sparkplug/edge-node.ts';
import type { MetricDefinition } from '../../src/uplink/sparkplug/metrics.ts';
import {
  decodePayload,
  encodePayload,
  type Metric,
  type ReceivedPayload,
} from '../../src/uplink/sparkplug/payload.ts';
import { createManualClock, settle } from './manual-clock.ts';

export interface NodeMessage {
  readonly type: string;
  readonly device: string;
  readonly payload: ReceivedPayload;
  readonly qos: number;
  readonly retain: boolean;
}

export const SPARKPLUG = { group: 'Plant1', node: 'cell1', primaryHost: 'scada1' };

/** A metric of a sensor with numbers. */
export function metric(path: string, over: Partial<MetricDefinition> = {}): MetricDefinition {
  const [first = '', ...rest] = path.split('/');
  const place =
    rest.length === 0 ? { device: '', name: first } : { device: first, name: rest.join('/') };
  const topic = `cell/${path}`;
  return {
    topic,
    ...place,
    unit: '°C',
    type: 'Double',
    isWritable: false,
    isOutput: false,
    ...over,
  };
}

/** A payload of a reading. */
export function reading(value: unknown, over: object = {}): Buffer {
  const quality = value === null ? 'bad' : 'good';
  const time = '2026-11-20T20:30:00.000Z';
  return Buffer.from(JSON.stringify({ value, unit: '°C', quality, time, ...over }));
}

/** An edge node with a plant, a sender and a clock that the test controls. */
export function createEdgeNode({
  metrics = [metric('robot/j1'), metric('ambient')] as MetricDefinition[],
  urls = ['mqtt://a'],
  waitsForHost = false,
  state = new Map<string, unknown>(),
  version = 5 as 4 | 5,
} = {}) {
  const clock = createManualClock();
  const current = new Map<string, Buffer>();
  const messages: NodeMessage[] = [];
  const commands: [topic: string, payload: string][] = [];
  const refused: string[] = [];
  const log: string[] = [];
  const acknowledged: number[] = [];
  let definitions = metrics;
  let transport: PlantTransport | undefined;
  let pings = 0;
  const note = (topic: string, bytes: Buffer, qos: number, retain: boolean): void => {
    const [, , type = '', , device = ''] = topic.split('/');
    messages.push({ type, device, payload: decodePayload(bytes), qos, retain });
  };
  const packets = parser({ protocolVersion: version });
  packets.on('packet', (packet) => {
    if (packet.cmd !== 'publish') return;
    note(packet.topic, packet.payload as Buffer, packet.qos, packet.retain);
  });
  const sender = {
    async connect(next: PlantTransport) {
      transport = next;
    },
    disconnect() {
      transport = undefined;
    },
    acknowledged: (id: number) => void acknowledged.push(id),
    pump: () => undefined,
  } as unknown as Sender;
  const { primaryHost, ...names } = SPARKPLUG;
  const edge = new EdgeNode({
    config: { urls, sparkplug: waitsForHost ? SPARKPLUG : names },
    clock,
    sender: () => sender,
    state: () => ({
      get: (key) => state.get(key),
      set: (key, value) => void state.set(key, value),
    }),
    keep: async (key, value) => void state.set(key, value),
    storedNow: () => clock.monotonic(),
    definitions: () => definitions,
    current: (topic) => current.get(topic),
    publish: async ({ topic, payload }: LocalMessage) =>
      void commands.push([topic, Buffer.from(payload).toString()]),
    refused: (sentence) => void refused.push(sentence),
  });
  const subscribed: string[] = [];
  const plant = {
    ...{ url: 'mqtt://a', isDown: false, congested: false, receiveMaximum: 20 },
    ...{ maximumPacketSize: 100_000, protocol: { version, bridge: false } },
    async subscribe(wanted: readonly { readonly filter: string; readonly qos: number }[]) {
      subscribed.push(...wanted.map(({ filter, qos }) => `${filter} ${qos}`));
      log.push(`subscribed before ${messages.length} messages`);
      return [];
    },
    write: (frame: Buffer) => void (frame.length > 0 && packets.parse(frame)),
    ping: () => void pings++,
    async publish(topic: string, payload: Buffer, qos: number, retain: boolean) {
      note(topic, payload, qos, retain);
    },
    async close(sentence: string) {
      log.push(`closed: ${sentence}`);
    },
    giveUp: (sentence: string) => void log.push(`given up: ${sentence}`),
  } as unknown as PlantConnection;
  let entries = 0;
  const encode = (topic: string, payload: Buffer, at: number) => {
    const message = createMessage(topic, payload);
    const entry = new QueueEntry(null, message, ++entries, 1, false, at);
    return edge.encode(entry, entries, message.body, message.payloadStart);
  };
  return {
    ...{ edge, clock, current, messages, commands, refused, log, acknowledged, subscribed, state },
    /** Connects; resolves when the node has begun. */
    async connect() {
      await edge.prepare();
      const { will } = edge;
      note(will.topic, will.payload, will.qos, will.retain);
      await edge.up(plant, {
        proven: () => void log.push('proven'),
        waiting: (sentence) => void log.push(sentence),
        report: () => undefined,
        failed: (error) => void log.push(`failed: ${error}`),
      });
      await settle();
    },
    redefine(next: MetricDefinition[]) {
      definitions = next;
      edge.applyConfig();
    },
    /** Sends a reading as it would come from a queue; returns what became of it. */
    send(topic: string, payload: Buffer, at = clock.monotonic()) {
      const outgoing = encode(topic, payload, at);
      if (outgoing.kind === 'publish') transport?.write(outgoing.frame);
      return outgoing;
    },
    /** Sends readings of one turn of the event loop. */
    sendTogether(readings: readonly (readonly [topic: string, payload: Buffer])[]) {
      const frames = readings.map(([topic, payload]) => {
        const outgoing = encode(topic, payload, clock.monotonic());
        return outgoing.kind === 'publish' ? outgoing.frame : Buffer.alloc(0);
      });
      transport?.write(Buffer.concat(frames));
    },
    /** STATE of the primary host. */
    async host(online: boolean, timestamp: unknown = clock.wall(), name = 'scada1') {
      const payload = Buffer.from(JSON.stringify({ online, timestamp }));
      await edge.receive(`spBv1.0/STATE/${name}`, payload, true);
      await settle();
    },
    async command(device: string, sent: readonly Metric[], retain = false) {
      const topic =
        device === '' ? 'spBv1.0/Plant1/NCMD/cell1' : `spBv1.0/Plant1/DCMD/cell1/${device}`;
      await edge.receive(topic, encodePayload({ metrics: sent }), retain);
    },
    get isSending() {
      return transport !== undefined;
    },
    get pings() {
      return pings;
    },
    /** The types of the messages since the last call, with their devices. */
    take(): string[] {
      return messages.splice(0).map(({ type, device }) => `${type} ${device}`.trim());
    },
  };
}

export type TestEdgeNode = ReturnType<typeof createEdgeNode>;
