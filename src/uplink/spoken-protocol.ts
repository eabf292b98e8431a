import { QOS_NOT_SUPPORTED, RETAIN_NOT_SUPPORTED } from '../mqtt/reason-codes.ts';
import type { WillForm } from './client-options.ts';
import type { Ending } from './failures.ts';
import type { PlantConnection } from './plant-client.ts';
import {
  type PlantProtocol,
  ProtocolChoice,
  type ProtocolConfig,
  protocolName,
} from './protocol-choice.ts';

const FULL_WILL: WillForm = { qos: 1, retain: true };

/** The protocol that is spoken on the present connection of an uplink, and what the plant has shown of it. */
export class SpokenProtocol {
  readonly #choice: ProtocolChoice;
  #protocol: PlantProtocol;
  /** The plant has shown that it sends messages to a bridge with the retain flag of their publisher. */
  #bridgeProven = false;
  /** Of the plants that refuse a retained will, or its QoS, by their addresses. */
  readonly #wills = new Map<string, WillForm>();

  /** `url` is the address of the first connection. */
  constructor(config: ProtocolConfig, url: string) {
    this.#choice = new ProtocolChoice(config);
    this.#protocol = this.#choice.next(url);
  }

  /** The protocol of this connection, or of the next attempt. */
  get current(): PlantProtocol {
    return this.#protocol;
  }

  /** Whether the retain flag of a message is that of its publisher; otherwise it shows only what the plant had stored. */
  get keepsRetain(): boolean {
    return this.#protocol.version === 5 || this.#bridgeProven;
  }

  get inWords(): string {
    return `${protocolName(this.#protocol)}${this.#hasFallenBack ? ' (the plant does not take MQTT 5)' : ''}`;
  }

  /** To follow the address in a sentence; empty if there is nothing to say. */
  get means(): string {
    return this.#hasFallenBack
      ? ' by MQTT 3.1.1, as it does not take MQTT 5 (`protocol: 4` in the config saves this attempt)'
      : '';
  }

  get #hasFallenBack(): boolean {
    return this.#choice.hasFallenBack(this.#protocol);
  }

  /** The protocol of the next connection to the address. */
  next(url: string): PlantProtocol {
    return this.#choice.next(url);
  }

  /** A will that the plant takes, as far as that is known. */
  will(url: string): WillForm {
    return this.#wills.get(url) ?? FULL_WILL;
  }

  /** A connection of the uplink begins. */
  begin(url: string): PlantProtocol {
    this.#bridgeProven = false;
    this.#protocol = this.next(url);
    return this.#protocol;
  }

  /** The probe has come back. A plant that sends it without the retain flag takes the bridge for any client. */
  returned(plant: PlantConnection, topic: string, retain: boolean): void {
    if (!plant.protocol.bridge) return;
    this.#bridgeProven = retain;
    plant.publish(topic, '', 0, true).catch(() => undefined);
  }

  /** A connection has ended. Returns whether another protocol is tried at once. */
  ended(url: string, protocol: PlantProtocol, ending: Ending): boolean {
    const will = this.will(url);
    const { refusal } = ending;
    if (refusal === RETAIN_NOT_SUPPORTED) this.#wills.set(url, { ...will, retain: false });
    if (refusal === QOS_NOT_SUPPORTED) this.#wills.set(url, { ...will, qos: 0 });
    return this.#choice.ended(url, protocol, ending);
  }
}
