import { readFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { IClientOptions } from 'mqtt';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import type { PlantProtocol } from './protocol-choice.ts';
import { readSecret } from './secret.ts';

/** Packet identifiers of the packets that mqtt.js sends; the lower ones belong to the uplink queues. */
const OWN_IDS = [64_001, 65_535] as const;
/** The most messages that the plant may send before the first is acknowledged. */
const RECEIVE_MAXIMUM = 100;
const LONGEST_CONNECT_MS = 20_000;

/** How the will is published; a plant may refuse a CONNECT because of it [MQTT 5, section 3.1.2.6, 3.1.2.7]. */
export interface WillForm {
  readonly qos: 0 | 1;
  readonly retain: boolean;
  /** Default: the status topic of the uplink, and `offline`. */
  readonly topic?: string;
  readonly payload?: Buffer;
}

/** The options of mqtt.js for one connection. Throws if a file or the password can't be read. */
export function clientOptions(
  config: UplinkConfig,
  { version }: PlantProtocol,
  will: WillForm,
): IClientOptions {
  const { tls, username, password, sparkplug } = config;
  // Sparkplug keeps no sessions [tck-id-principles-persistence-clean-session-50].
  const sessionExpiry = sparkplug ? 0 : config.sessionExpiry;
  const secure = tls && {
    ...(tls.ca ? { ca: readFileSync(tls.ca) } : {}),
    ...(tls.cert ? { cert: readFileSync(tls.cert) } : {}),
    ...(tls.key ? { key: readFileSync(tls.key) } : {}),
    ...(tls.alpn.length > 0 ? { ALPNProtocols: [...tls.alpn] } : {}),
    ...(tls.serverName ? { servername: tls.serverName } : {}),
  };
  const five = {
    sessionExpiryInterval: Math.min(Math.ceil(sessionExpiry / 1000), 0xffff_ffff),
    receiveMaximum: RECEIVE_MAXIMUM,
  };
  return {
    protocolVersion: version,
    clientId: config.clientId,
    clean: sparkplug !== undefined,
    keepalive: Math.ceil(config.keepalive / 1000),
    connectTimeout: Math.min(config.keepalive, LONGEST_CONNECT_MS),
    // Otherwise each acknowledgement of the plant would restart its timer.
    reschedulePings: false,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    messageIdProvider: createIdProvider(),
    // The default log function checks a dozen times for each acknowledgement whether debug output is on.
    log() {},
    will: { topic: config.status, payload: Buffer.from('offline'), ...will },
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: readSecret(password) }),
    ...(version === 5 ? { properties: five } : {}),
    ...(secure ? { ...secure, wsOptions: secure } : {}),
  };
}

/** The same options; `found` is called with the socket of a WebSocket, which the stream of mqtt.js does not show. */
export function withSocketOf(
  options: IClientOptions,
  found: (socket: Socket) => void,
): IClientOptions {
  // `ws` calls it with its request, which it does not end then.
  const finishRequest = (request: ClientRequest): void => {
    request.once('socket', found);
    request.end();
  };
  return { ...options, wsOptions: { ...options.wsOptions, finishRequest } };
}

/** Gives mqtt.js packet identifiers that no uplink queue uses. */
function createIdProvider() {
  const [first, last] = OWN_IDS;
  let id: number = last;
  return {
    allocate: () => {
      id = id === last ? first : id + 1;
      return id;
    },
    getLastAllocated: () => id,
    register: () => true,
    deallocate() {},
    clear() {},
  };
}
