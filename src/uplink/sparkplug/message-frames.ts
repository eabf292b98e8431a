import type { SparkplugConfig } from '../../config/schema/sparkplug.ts';
import { encodePublish } from '../../mqtt/publish-encoder.ts';
import { encodePayload, type Metric } from './payload.ts';

/** The metric by which a host asks for the births again. */
export const REBIRTH = 'Node Control/Rebirth';
const BD_SEQ = 'bdSeq';
/** In NBIRTH every metric but the one for rebirth has an alias. */
const BD_SEQ_ALIAS = 1;

type MessageType = 'NBIRTH' | 'NDEATH' | 'NDATA' | 'NCMD' | 'DBIRTH' | 'DDEATH' | 'DDATA' | 'DCMD';

/** The topic of a message [Sparkplug 3.0, section 4.1]; the node's own without a device. */
export function topicOfType(
  { group, node }: SparkplugConfig,
  type: MessageType,
  device = '',
): string {
  return `spBv1.0/${group}/${type}/${node}${device === '' ? '' : `/${device}`}`;
}

/** The topic on which a host says whether it is online. */
export function stateTopic(host: string): string {
  return `spBv1.0/STATE/${host}`;
}

/** The payload of NDEATH: bdSeq alone, without a number [tck-id-topics-ndeath-payload]. */
export function deathPayload(bdSeq: number, timestamp: number): Buffer {
  return encodePayload({ timestamp, metrics: [{ name: BD_SEQ, type: 'Int64', value: bdSeq }] });
}

export interface MessageFramesParts {
  readonly config: SparkplugConfig;
  readonly isMqtt5: boolean;
  readonly bdSeq: number;
  /** Milliseconds since the Unix epoch. */
  wall(): number;
}

/** The packets of one connection: all have QoS 0 and are not retained, and each has the next number. */
export class MessageFrames {
  readonly #parts: MessageFramesParts;
  #seq = 0;

  constructor(parts: MessageFramesParts) {
    this.#parts = parts;
  }

  /** The birth of the node, with which the numbers begin again at 0. */
  nodeBirth(metrics: readonly Metric[]): Buffer {
    const { bdSeq, wall } = this.#parts;
    const timestamp = wall();
    this.#seq = 0;
    return this.#frame('NBIRTH', '', [
      { name: BD_SEQ, alias: BD_SEQ_ALIAS, timestamp, type: 'Int64', value: bdSeq },
      { name: REBIRTH, timestamp, type: 'Boolean', value: false },
      ...metrics,
    ]);
  }

  deviceBirth(device: string, metrics: readonly Metric[]): Buffer {
    return this.#frame('DBIRTH', device, metrics);
  }

  deviceDeath(device: string): Buffer {
    return this.#frame('DDEATH', device, []);
  }

  /** Values of a device, or of the node itself for ''; the metrics are encoded. */
  data(device: string, metrics: readonly Uint8Array[]): Buffer {
    return this.#frame(device === '' ? 'NDATA' : 'DDATA', device, metrics);
  }

  #frame(type: MessageType, device: string, metrics: readonly (Metric | Uint8Array)[]): Buffer {
    const { config, isMqtt5, wall } = this.#parts;
    const frame = encodePublish({
      ...{ qos: 0, retain: false, dup: false, packetId: 0 },
      topic: Buffer.from(topicOfType(config, type, device)),
      body: encodePayload({ timestamp: wall(), seq: this.#seq, metrics }),
      start: 0,
      properties: isMqtt5 ? Buffer.alloc(0) : undefined,
    });
    // Last: a message that can't be written must leave no gap.
    this.#seq = (this.#seq + 1) % 256;
    return frame;
  }
}
