import type { UplinkConfig } from '../config/schema/uplinks.ts';
import type { Ending } from './failures.ts';

/** How the gateway speaks with a plant. */
export interface PlantProtocol {
  readonly version: 4 | 5;
  /** MQTT 3.1.1: as a bridge, to which some brokers send messages with the retain flag of their publisher. */
  readonly bridge: boolean;
}

export const MQTT_5: PlantProtocol = { version: 5, bridge: false };
export const MQTT_311_BRIDGE: PlantProtocol = { version: 4, bridge: true };
export const MQTT_311: PlantProtocol = { version: 4, bridge: false };

/** CONNACK: the version is not supported [MQTT 3.1.1, table 3.1; MQTT 5, table 3-1]. */
const REFUSALS = [0x01, 0x84];
/** A plant that has taken a protocol must give no answer to it so often in a row before another one is tried. */
const UNANSWERED = 3;

/**
 * Chooses the protocol for each address: MQTT 5, and MQTT 3.1.1 where the plant does not take it, unless the config
 * says which. MQTT 3.1.1 is spoken as a bridge where a route keeps the retain flag, if the plant takes that.
 */
export class ProtocolChoice {
  readonly #wanted: readonly PlantProtocol[];
  /** Refused with a reason: not tried again while the gateway runs. */
  readonly #refused = new Set<string>();
  /** The plant closed the connection instead of an answer, which may have another cause: tried again with the next one. */
  readonly #closed = new Set<string>();
  /** Taken by the plant in this run, and how often in a row it has given no answer since. */
  readonly #taken = new Map<string, number>();

  constructor({ protocol, in: routes, username, password }: ProtocolConfig) {
    // MQTT 3.1.1 takes a password only with a user name [MQTT-3.1.2-22].
    const mayFallBack = password === undefined || username !== undefined;
    const older = routes.some(({ retain }) => retain === 'keep')
      ? [MQTT_311_BRIDGE, MQTT_311]
      : [MQTT_311];
    if (protocol === 4) this.#wanted = older;
    else this.#wanted = protocol === 5 || !mayFallBack ? [MQTT_5] : [MQTT_5, ...older];
  }

  /** The protocol of the next connection to the address. */
  next(url: string): PlantProtocol {
    return this.#left(url)[0] ?? this.#wanted[0] ?? MQTT_5;
  }

  /** Whether the address is used with MQTT 3.1.1 only because it does not take MQTT 5. */
  hasFallenBack({ version }: PlantProtocol): boolean {
    return version === 4 && this.#wanted[0] === MQTT_5;
  }

  /** A connection has ended. Returns whether another protocol is tried at once. */
  ended(url: string, protocol: PlantProtocol, ending: Ending): boolean {
    const key = keyOf(url, protocol);
    if (ending.reached === 'session') this.#taken.set(key, 0);
    if (ending.refusal !== undefined && REFUSALS.includes(ending.refusal)) this.#refused.add(key);
    else if (!wasClosed(ending, protocol)) return this.#startAgain(url);
    else if (this.#isOutage(key)) return false;
    else this.#closed.add(key);
    return this.#left(url).length > 0 || this.#startAgain(url);
  }

  /**
   * Whether a closed connection says nothing about the protocol, which the plant has taken before: a plant that starts or
   * a network that fails looks the same, and another protocol would bring the retained messages again.
   */
  #isOutage(key: string): boolean {
    const before = this.#taken.get(key);
    if (before === undefined) return false;
    this.#taken.set(key, before + 1);
    if (before + 1 < UNANSWERED) return true;
    this.#taken.delete(key);
    return false;
  }

  #left(url: string): PlantProtocol[] {
    return this.#wanted.filter((one) => {
      const key = keyOf(url, one);
      return !this.#refused.has(key) && !this.#closed.has(key);
    });
  }

  #startAgain(url: string): false {
    for (const one of this.#wanted) this.#closed.delete(keyOf(url, one));
    if (this.#left(url).length > 0) return false;
    for (const one of this.#wanted) this.#refused.delete(keyOf(url, one));
    return false;
  }
}

/** The settings that decide which protocols are possible. */
export type ProtocolConfig = Pick<UplinkConfig, 'protocol' | 'in' | 'username' | 'password'>;

function keyOf(url: string, { version, bridge }: PlantProtocol): string {
  return `${version} ${bridge} ${url}`;
}

/** Whether the plant closed the connection instead of answering CONNECT. A bridge may also get no answer. */
function wasClosed(ending: Ending, { bridge }: PlantProtocol): boolean {
  const { reached, refusal, disconnect, sentence, silent, error } = ending;
  if (reached === 'session' || refusal !== undefined || disconnect !== undefined) return false;
  if (sentence !== undefined) return false;
  if (silent) return bridge && reached === 'socket';
  return error === undefined || ['ECONNRESET', 'EPIPE'].includes(String(error.code));
}

/** The protocol in words. */
export function protocolName({ version }: PlantProtocol): 'MQTT 5' | 'MQTT 3.1.1' {
  return version === 5 ? 'MQTT 5' : 'MQTT 3.1.1';
}
