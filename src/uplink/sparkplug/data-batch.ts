import type { MessageFrames } from './message-frames.ts';
import { encodeMetric, type Metric } from './payload.ts';

/** Values of one device that wait for the end of the turn. */
interface Waiting {
  readonly aliases: Set<number>;
  /** The encoded metrics, in the order of their arrival. */
  readonly metrics: Buffer[];
  bytes: number;
}

/** A message gets no larger, unless one value alone is. */
const LIMIT_BYTES = 32_768;
/** What a packet has beside its metrics: topic, time, number. Names are 200 bytes at most each. */
const OVERHEAD_BYTES = 1024;
/** The tag and length of a metric in the payload. */
const METRIC_BYTES = 6;

/**
 * The data that are sent in one turn of the event loop: the metrics of a device that have changed are in one message
 * [tck-id-topics-ndata-payload]. A message has each metric at most once, so that the order of its values is that of the
 * messages.
 */
export class DataBatch {
  readonly #frames: MessageFrames;
  readonly #limitBytes: number;
  readonly #waiting = new Map<string, Waiting>();
  /** In the order of their numbers. */
  readonly #packets: Buffer[] = [];

  constructor(frames: MessageFrames, maximumPacketSize: number) {
    this.#frames = frames;
    this.#limitBytes = Math.min(LIMIT_BYTES, maximumPacketSize - OVERHEAD_BYTES);
  }

  /** Adds a value of a device, or of the node for ''. Throws if it can't be encoded. */
  add(device: string, metric: Metric & { readonly alias: number }): void {
    const encoded = encodeMetric(metric);
    const bytes = encoded.length + METRIC_BYTES;
    let waiting = this.#waiting.get(device);
    const isFull =
      waiting && (waiting.aliases.has(metric.alias) || waiting.bytes + bytes > this.#limitBytes);
    if (!waiting || isFull) {
      if (waiting) this.#number(device, waiting);
      waiting = { aliases: new Set(), metrics: [], bytes: 0 };
      this.#waiting.set(device, waiting);
    }
    waiting.aliases.add(metric.alias);
    waiting.metrics.push(encoded);
    waiting.bytes += bytes;
  }

  /** Adds births, which hosts get after what was added before and before what comes later. */
  addBirths(create: () => readonly Buffer[]): void {
    this.#numberAll();
    this.#packets.push(...create());
  }

  /** The packets that have their numbers: they must be sent before any later packet. */
  takeNumbered(): Buffer[] {
    return this.#packets.splice(0);
  }

  /** The packets of all that was added. */
  takeAll(): Buffer[] {
    this.#numberAll();
    return this.takeNumbered();
  }

  #numberAll(): void {
    for (const [device, waiting] of this.#waiting) this.#number(device, waiting);
  }

  #number(device: string, { metrics }: Waiting): void {
    this.#packets.push(this.#frames.data(device, metrics));
    this.#waiting.delete(device);
  }
}
