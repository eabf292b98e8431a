import { createHash } from 'node:crypto';
import { encodeUserProperty } from '../mqtt/publish-encoder.ts';

/** MQTT 5: the user property with the name of the gateway that sent the message. */
const FROM_PROPERTY = 'cellgate-from';
/** MQTT 3.1.1 has no user properties: the latest messages are remembered, at most so many and for so long. */
const REMEMBERED = 10_000;
const REMEMBERED_MS = 30_000;

/** Recognises messages that this gateway sent and the plant sends back. */
export class EchoGuard {
  /** MQTT 5 properties of every message to the plant; undefined for MQTT 3.1.1. */
  readonly properties: Buffer | undefined;
  /** Echoes stopped since the start. */
  stopped = 0;
  readonly #name: string;
  readonly #sent = new Map<string, number>();
  readonly #monotonic: () => number;

  /** `name` identifies this gateway at the plant, e.g. its client id. */
  constructor(name: string, protocol: 4 | 5, monotonic: () => number) {
    this.#name = name;
    this.#monotonic = monotonic;
    this.properties = protocol === 5 ? encodeUserProperty(FROM_PROPERTY, name) : undefined;
  }

  /** Remembers a message that is sent to the plant; the topic is the local one. */
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

  /** Whether this gateway sent the received message. Without user properties, each sent message matches one echo. */
  isEcho(topic: string, payload: Uint8Array, properties: object | undefined): boolean {
    const echo = this.properties
      ? this.#hasOwnName(properties)
      : this.#isRemembered(topic, payload);
    if (echo) this.stopped++;
    return echo;
  }

  #hasOwnName(properties: object | undefined): boolean {
    const names = (properties as Readonly<Record<string, unknown>> | undefined)?.[FROM_PROPERTY];
    return [names].flat().includes(this.#name);
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
