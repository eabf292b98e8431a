import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient, type Packet } from 'mqtt';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { isError } from '../mqtt/reason-codes.ts';
import type { Ending } from './failures.ts';
import type { PlantTransport } from './plant-transport.ts';
import { readSecret } from './secret.ts';

/** The events of a connection to the plant. `down` is the last one. */
export interface PlantClientEvents {
  up(resumed: boolean): void;
  /** PUBACK. */
  acknowledged(packetId: number, reason: number): void;
  /** PUBREC. */
  received(packetId: number, reason: number): void;
  /** PUBCOMP. */
  completed(packetId: number): void;
  /** A message from the plant; it is acknowledged when the promise resolves. */
  message(topic: string, packet: IPublishPacket): Promise<void>;
  drained(): void;
  /** A packet could not be handled. */
  failed(error: unknown): void;
  down(ending: Ending): void;
}

/** How the will is published; a plant may refuse a CONNECT because of it [MQTT 5, section 3.1.2.6, 3.1.2.7]. */
export interface WillForm {
  readonly qos: 0 | 1;
  readonly retain: boolean;
}

export interface PlantSubscription {
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
  /** MQTT 5: the plant does not send us our own messages. */
  readonly noLocal: boolean;
  /** MQTT 5: the plant keeps the retain flag of a message. */
  readonly keepRetain: boolean;
}

/** Packet identifiers of the packets that mqtt.js sends; the lower ones belong to the uplink queues. */
const OWN_IDS = [64_001, 65_535] as const;
/** The most messages that the plant may send before the first is acknowledged. */
const RECEIVE_MAXIMUM = 100;
const LONGEST_CONNECT_MS = 20_000;

/**
 * One connection to the plant. mqtt.js does CONNECT, TLS, WebSocket, keep-alive and incoming messages. The packets
 * of outgoing messages are written directly to its stream, without its queue and store.
 */
export class PlantClient implements PlantTransport {
  receiveMaximum = 65_535;
  maximumPacketSize = Number.POSITIVE_INFINITY;
  maximumQos: 0 | 1 | 2 = 2;
  retainAvailable = true;
  congested = false;
  readonly url: string;
  readonly #client: MqttClient;
  readonly #events: PlantClientEvents;
  #ending: { -readonly [K in keyof Ending]: Ending[K] };
  #isDown = false;

  /** Throws if a file or the password can't be read. */
  constructor(config: UplinkConfig, url: string, events: PlantClientEvents, will: WillForm) {
    this.url = url;
    this.#events = events;
    this.#ending = { url, reached: 'nothing' };
    this.#client = mqtt.connect(url, clientOptions(config, will));
    const client = this.#client;
    const { stream } = client;
    stream.once('connect', () => this.#reached('socket'));
    // Small packets must not wait for the acknowledgement of earlier ones.
    if (stream instanceof Socket) stream.setNoDelay(true);
    stream.on('drain', () => {
      this.congested = false;
      events.drained();
    });
    client.on('packetreceive', (packet) => {
      try {
        this.#receive(packet);
      } catch (error) {
        events.failed(error);
      }
    });
    client.on('connect', ({ sessionPresent }) => {
      this.#reached('session');
      events.up(sessionPresent === true);
    });
    client.on('error', (error) => this.#failed(error));
    client.on('close', () => this.#down());
    client.handleMessage = (packet, done) => {
      events.message(packet.topic, packet).then(
        () => done(),
        () => this.giveUp('a message from the plant could not be accepted'),
      );
    };
  }

  /** Whether the connection has ended; after that all calls are ignored. */
  get isDown(): boolean {
    return this.#isDown;
  }

  #reached(reached: Ending['reached']): void {
    this.#ending.reached = reached;
  }

  #failed(error: Error & { code?: string | number }): void {
    if (/^(connack timeout|Keepalive timeout)$/i.test(error.message)) this.#ending.silent = true;
    else if (typeof error.code === 'number' && this.#ending.refusal === undefined) {
      this.#ending.sentence ??= error.message;
    } else this.#ending.error ??= { code: error.code, message: error.message };
    // mqtt.js emits no `close` after an error before the stream is open.
    if (this.#ending.reached === 'nothing') setImmediate(() => this.#down());
  }

  #down(): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#client.end(true);
    this.#events.down(this.#ending);
  }

  #receive(packet: Packet): void {
    if (this.#isDown) return;
    switch (packet.cmd) {
      case 'connack': {
        const code = packet.reasonCode ?? packet.returnCode ?? 0;
        const { properties } = packet;
        if (code > 0) {
          this.#ending.refusal = code;
          this.#ending.reason = properties?.reasonString;
          this.#ending.serverReference = properties?.serverReference;
          return;
        }
        this.receiveMaximum = properties?.receiveMaximum ?? this.receiveMaximum;
        this.maximumPacketSize = properties?.maximumPacketSize ?? this.maximumPacketSize;
        this.maximumQos = (properties?.maximumQoS ?? 2) as 0 | 1 | 2;
        this.retainAvailable = properties?.retainAvailable ?? true;
        return;
      }
      case 'puback':
        return this.#events.acknowledged(packet.messageId ?? 0, packet.reasonCode ?? 0);
      case 'pubrec':
        return this.#events.received(packet.messageId ?? 0, packet.reasonCode ?? 0);
      case 'pubcomp':
        return this.#events.completed(packet.messageId ?? 0);
      case 'disconnect':
        this.#ending.disconnect = packet.reasonCode ?? 0;
        this.#ending.reason = packet.properties?.reasonString;
        this.#ending.serverReference = packet.properties?.serverReference;
        // It is the last packet, even if the plant does not close [MQTT 5, section 3.14.4].
        this.#down();
        return;
    }
  }

  write(frame: Buffer): void {
    if (this.#isDown || !this.#client.connected) return;
    if (!this.#client.stream.write(frame)) this.congested = true;
  }

  /** Resolves with the filters that the plant refuses; rejects if the plant does not answer. */
  async subscribe(subscriptions: readonly PlantSubscription[]): Promise<readonly string[]> {
    if (subscriptions.length === 0) return [];
    const wanted = subscriptions.map(({ filter, qos, noLocal, keepRetain }) => {
      return [filter, { qos, nl: noLocal, rap: keepRetain, rh: 1 as const }] as const;
    });
    return new Promise((resolve, reject) => {
      this.#client.subscribe(Object.fromEntries(wanted), (error, granted, packet) => {
        const codes = packet?.granted as readonly (number | { qos: number })[] | undefined;
        if (!codes) return reject(error ?? new Error('no SUBACK'));
        const refused = subscriptions.filter((_, index) => isError(Number(codes[index] ?? 0)));
        resolve(granted ? refused.map(({ filter }) => filter) : []);
      });
    });
  }

  async unsubscribe(filters: string[]): Promise<void> {
    if (filters.length > 0) await this.#client.unsubscribeAsync(filters);
  }

  /** Sends a message of the uplink itself as far as the plant allows; resolves when it is sent (QoS 0) or acknowledged (QoS 1). */
  async publish(topic: string, payload: string, qos: 0 | 1, retain: boolean): Promise<void> {
    await this.#client.publishAsync(topic, payload, {
      qos: Math.min(qos, this.maximumQos) as 0 | 1,
      retain: retain && this.retainAvailable,
    });
  }

  /** Ends the connection, with the reason as text; without a reason: because the plant does not answer. */
  giveUp(sentence?: string): void {
    if (sentence === undefined) this.#ending.silent = true;
    else this.#ending.sentence ??= sentence;
    this.#down();
  }

  /** Sends DISCONNECT; resolves when the connection has ended. */
  async close(): Promise<void> {
    await this.#client.endAsync();
  }
}

/** The part of PlantClient that the uplink's connection uses. */
export type PlantConnection = Pick<PlantClient, keyof PlantClient>;

/** Opens one connection. Throws if a file or the password can't be read. */
export type OpenPlant = (
  config: UplinkConfig,
  url: string,
  events: PlantClientEvents,
  will: WillForm,
) => PlantConnection;

export const openPlant: OpenPlant = (...parts) => new PlantClient(...parts);

function clientOptions(config: UplinkConfig, will: WillForm): IClientOptions {
  const { protocol, tls, username, password, sessionExpiry } = config;
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
    protocolVersion: protocol,
    clientId: config.clientId,
    clean: false,
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
    ...(protocol === 5 ? { properties: five } : {}),
    ...(secure ? { ...secure, wsOptions: secure } : {}),
  };
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
