import { createHash } from 'node:crypto';
import { encodeUserProperty } from '../mqtt/publish-encoder.ts';

/** User property that says which gateway a message came from (MQTT 5). */
const MARK = 'cellgate-from';
/** MQTT 3.1.1 has no such mark: what was sent lately is remembered, so many messages and so long. */
const REMEMBERED = 10_000;
const REMEMBERED_MS = 30_000;

/** Recognises what this gateway itself has sent when a plant sends it back. */
export class EchoGuard {
  /** MQTT 5 properties of every message that goes out. */
  readonly properties: Buffer | undefined;
  /** Echoes stopped since the start. */
  stopped = 0;
  readonly #name: string;
  readonly #sent = new Map<string, number>();
  readonly #monotonic: () => number;

  /** `name` is this gateway's at the plant, e.g. its client id. */
  constructor(name: string, protocol: 4 | 5, monotonic: () => number) {
    this.#name = name;
    this.#monotonic = monotonic;
    this.properties = protocol === 5 ? encodeUserProperty(MARK, name) : undefined;
  }

  /** A message goes out under its local topic. */
  sent(topic: string, payload: Uint8Array): void {
    if (this.properties) return;
    const key = digest(topic, payload);
    this.#sent.delete(key);
    this.#sent.set(key, this.#monotonic());
    if (this.#sent.size <= REMEMBERED) return;
    for (const oldest of this.#sent.keys()) {
      this.#sent.delete(oldest);
      return;
    }
  }

  /** Whether the message that comes in is one of ours. Without a mark one sent message is taken for one echo. */
  isEcho(topic: string, payload: Uint8Array, properties: object | undefined): boolean {
    const echo = this.properties ? this.#isMarked(properties) : this.#isRemembered(topic, payload);
    if (echo) this.stopped++;
    return echo;
  }

  #isMarked(properties: object | undefined): boolean {
    const marks = (properties as Readonly<Record<string, unknown>> | undefined)?.[MARK];
    return [marks].flat().includes(this.#name);
  }

  #isRemembered(topic: string, payload: Uint8Array): boolean {
    const key = digest(topic, payload);
    const at = this.#sent.get(key);
    if (at === undefined) return false;
    this.#sent.delete(key);
    return this.#monotonic() - at <= REMEMBERED_MS;
  }
}

function digest(topic: string, payload: Uint8Array): string {
  return createHash('sha1').update(topic).update('\0').update(payload).digest('base64');
}
