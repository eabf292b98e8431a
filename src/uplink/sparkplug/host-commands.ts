import type { LocalMessage } from '../../broker/messages/local-message.ts';
import { REBIRTH } from './message-frames.ts';
import type { NodeMetric, NodeMetrics } from './node-metrics.ts';
import { decodePayload, type MetricValue, type ReceivedMetric } from './payload.ts';

export interface HostCommandsParts {
  readonly metrics: NodeMetrics;
  /** Publishes here; resolves when it is on disk. */
  publish(message: LocalMessage): Promise<void>;
  rebirth(): void;
  /** A command that is not carried out, with its reason. */
  refused(sentence: string): void;
}

/** Publishes here what a host commands, so that it has the rights, interlocks and results of any command. */
export class HostCommands {
  readonly #parts: HostCommandsParts;

  constructor(parts: HostCommandsParts) {
    this.#parts = parts;
  }

  /** An NCMD, or a DCMD to a device; resolves when its commands are on disk. */
  async receive(device: string, payload: Buffer): Promise<void> {
    const { publish, rebirth, refused } = this.#parts;
    const kind = device === '' ? 'NCMD' : `DCMD to ${device}`;
    let received: readonly ReceivedMetric[];
    try {
      received = decodePayload(payload).metrics;
    } catch (error) {
      refused(`${kind}: ${(error as Error).message}`);
      return;
    }
    const commands: Promise<void>[] = [];
    for (const metric of received) {
      if (device === '' && metric.name === REBIRTH) {
        if (metric.value === true) rebirth();
        continue;
      }
      const command = this.#commandOf(device, metric);
      if (typeof command === 'string') refused(`${kind}: ${command}`);
      else commands.push(publish(command));
    }
    await Promise.all(commands);
  }

  /** The message of the command, or why there is none. */
  #commandOf(device: string, received: ReceivedMetric): LocalMessage | string {
    const label = received.name ?? `alias ${received.alias}`;
    const metric = this.#parts.metrics.find(device, received);
    if (!metric) return `${label} is no metric of it`;
    if (!metric.isWritable) return `${metric.name} can only be read`;
    const value = writable(metric, received.value);
    if (value === undefined)
      return `${metric.name} takes ${metric.isOutput ? 'true or false' : 'a number'}`;
    const payload = Buffer.from(JSON.stringify({ value }));
    return { topic: `${metric.topic}/set`, payload, qos: 1, retain: false, inbound: true };
  }
}

function writable({ isOutput }: NodeMetric, value: MetricValue): boolean | number | undefined {
  if (isOutput) return typeof value === 'boolean' ? value : undefined;
  const number = typeof value === 'bigint' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}
