import { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import mqtt, { type IPublishPacket, type MqttClient, type Packet } from 'mqtt';
import { maskUrls } from '../base/secrets.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { CONNACK_HEADER, PINGREQ } from '../mqtt/codec.ts';
import { isError } from '../mqtt/reason-codes.ts';
import { clientOptions, type WillForm, withSocketOf } from './client-options.ts';
import type { Ending } from './failures.ts';
import type { PlantClientEvents } from './plant-client-events.ts';
import { PlantInbox } from './plant-inbox.ts';
import type { PlantTransport } from './plant-transport.ts';
import { PropertyTap } from './property-tap.ts';
import type { PlantProtocol } from './protocol-choice.ts';
import type { ReceivedPublish } from './received-publish.ts';
import { receivedBytes, type SocketProgress, socketProgress } from './socket-progress.ts';

export interface PlantSubscription {
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
  /** MQTT 5: the plant does not send us our own messages. */
  readonly noLocal: boolean;
  /** MQTT 5: the plant keeps the retain flag of a message. */
  readonly keepRetain: boolean;
}

const PINGREQ_PACKET = Buffer.from([PINGREQ << 4, 0]);

/**
 * One connection to the plant. mqtt.js does CONNECT, TLS, WebSocket and keep-alive, and reads all packets. The packets
 * of outgoing messages and the acknowledgements of incoming ones are written directly to its stream.
 */
export class PlantClient implements PlantTransport {
  receiveMaximum = 65_535;
  maximumPacketSize = Number.POSITIVE_INFINITY;
  maximumQos: 0 | 1 | 2 = 2;
  retainAvailable = true;
  congested = false;
  /** Without secrets. */
  readonly url: string;
  readonly protocol: PlantProtocol;
  readonly #client: MqttClient;
  /** That of the WebSocket. */
  #socket: Socket | undefined;
  readonly #events: PlantClientEvents;
  readonly #inbox: PlantInbox;
  readonly #tap: PropertyTap | undefined;
  #ending: { -readonly [K in keyof Ending]: Ending[K] };
  #isDown = false;
  /** Whether each PINGREQ without PINGRESP is one of `ping`. */
  readonly #pings: boolean[] = [];

  /** Throws if a file or the password can't be read. */
  constructor(
    config: UplinkConfig,
    url: string,
    events: PlantClientEvents,
    protocol: PlantProtocol,
    will: WillForm,
  ) {
    this.url = maskUrls(url);
    this.protocol = protocol;
    this.#events = events;
    this.#ending = { url: this.url, reached: 'nothing' };
    const options = withSocketOf(clientOptions(config, protocol, will), (socket) => {
      this.#socket = socket;
    });
    this.#client = mqtt.connect(url, { ...options, manualConnect: true });
    const client = this.#client;
    if (protocol.bridge) client.once('packetsend', connectAsBridge);
    client.connect();
    const { stream } = client;
    if (protocol.version === 5) {
      const tap = new PropertyTap();
      this.#tap = tap;
      // Before mqtt.js: it handles the packets of the bytes at once.
      stream.prependListener('data', (bytes: Buffer) => tap.push(bytes));
      stream.once('data', (first: Buffer) => this.#olderConnack(first));
    }
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
    client.on('packetsend', ({ cmd }) => {
      if (cmd === 'pingreq') this.#pings.push(false);
    });
    client.on('connect', ({ sessionPresent }) => {
      this.#reached('session');
      events.up(sessionPresent === true);
    });
    client.on('error', (error) => this.#failed(error));
    client.on('close', () => this.#down());
    // mqtt.js ends the connection here, also while a large message is still on its way.
    client.onKeepaliveTimeout = () => events.silent();
    const failed = (): void => this.giveUp('a message from the plant could not be accepted');
    this.#inbox = new PlantInbox({
      publish: (packet) => events.message(packet.topic, packet),
      write: (frame) => this.write(frame),
      congested: () => events.congested(),
      failed,
    });
    client.handleMessage = (packet, done) => {
      if (packet.qos === 2) events.message(packet.topic, packet).then(() => done(), failed);
      else this.#inbox.take(acknowledgedHere(packet), () => done());
    };
  }

  /** Whether the connection has ended; after that all calls are ignored. */
  get isDown(): boolean {
    return this.#isDown;
  }

  #reached(reached: Ending['reached']): void {
    this.#ending.reached = reached;
  }

  /**
   * A broker of MQTT 3.1.1 refuses a CONNECT of MQTT 5 with its own CONNACK [MQTT-3.1.2-2], without the properties that
   * mqtt.js expects.
   */
  #olderConnack(first: Buffer): void {
    const returnCode = first[3] ?? 0;
    if (first[0] !== CONNACK_HEADER || first[1] !== 2 || returnCode === 0) return;
    this.#ending.refusal = returnCode;
    this.#down();
  }

  #failed(error: Error & { code?: string | number }): void {
    if (/^connack timeout$/i.test(error.message)) this.#ending.silent = true;
    else if (typeof error.code === 'number' && this.#ending.refusal === undefined) {
      this.#ending.sentence ??= error.message;
    } else this.#ending.error ??= { code: error.code, message: error.message };
    // mqtt.js emits no `close` after an error before the stream is open.
    if (this.#ending.reached === 'nothing') setImmediate(() => this.#down());
  }

  #down(): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#inbox.close();
    this.#client.end(true);
    // After `close`, mqtt.js leaves the stream open for as long as the plant does.
    this.#client.stream.destroy();
    this.#events.down(this.#ending);
  }

  #receive(packet: Packet): void {
    if (this.#isDown) return;
    switch (packet.cmd) {
      case 'publish':
        this.#arrived(packet);
        return acknowledgeHere(packet);
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
      case 'pingresp':
        if (this.#pings.shift()) this.#events.answered();
        return;
      case 'disconnect':
        this.#ending.disconnect = packet.reasonCode ?? 0;
        this.#ending.reason = packet.properties?.reasonString;
        this.#ending.serverReference = packet.properties?.serverReference;
        // It is the last packet, even if the plant does not close [MQTT 5, section 3.14.4].
        this.#down();
        return;
    }
  }

  #arrived(packet: ReceivedPublish): void {
    packet.arrivedAt = performance.now();
    if (this.#tap) packet.propertyBlock = { bytes: this.#tap.next() };
  }

  /** Bytes that came from the plant. */
  get received(): number {
    return receivedBytes(this.#socket ?? this.#client.stream);
  }

  /** Bytes that have moved to the plant. */
  progress(): Promise<SocketProgress> {
    return socketProgress(this.#socket ?? this.#client.stream);
  }

  write(frame: Buffer): void {
    if (this.#isDown || !this.#client.connected) return;
    if (!this.#client.stream.write(frame)) this.congested = true;
  }

  /** Asks for an answer behind all that was sent, see `answered`. */
  ping(): void {
    this.#pings.push(true);
    this.write(PINGREQ_PACKET);
  }

  /** Resolves with the filters that the plant refuses; rejects if the plant does not answer. */
  async subscribe(subscriptions: readonly PlantSubscription[]): Promise<readonly string[]> {
    if (subscriptions.length === 0) return [];
    const wanted = subscriptions.map(({ filter, qos, noLocal, keepRetain }) => {
      return [filter, { qos, nl: noLocal, rap: keepRetain, rh: 1 as const }] as const;
    });
    // What throws in a callback of mqtt.js would end the process.
    const codes = await new Promise<readonly unknown[]>((resolve, reject) => {
      this.#client.subscribe(Object.fromEntries(wanted), (error, _granted, packet) => {
        if (packet?.granted) resolve(packet.granted);
        else reject(error ?? new Error('no SUBACK'));
      });
    });
    if (codes.length !== subscriptions.length) {
      this.giveUp(
        `breaks the protocol: its SUBACK has ${codes.length} codes for ${subscriptions.length} filters`,
      );
      throw new Error(`${this.url}: a wrong SUBACK`);
    }
    return subscriptions
      .filter((_, index) => isError(Number(codes[index])))
      .map(({ filter }) => filter);
  }

  async unsubscribe(filters: string[]): Promise<void> {
    if (filters.length > 0) await this.#client.unsubscribeAsync(filters);
  }

  /** Sends a message of the uplink itself as far as the plant allows; resolves when it is sent (QoS 0) or acknowledged (QoS 1). */
  async publish(
    topic: string,
    payload: string | Buffer,
    qos: 0 | 1,
    retain: boolean,
  ): Promise<void> {
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

  /**
   * Sends DISCONNECT; resolves when the connection has ended, which `giveUp` does at once if the plant does not. The
   * sentence is the reason. `withWill` asks a plant of MQTT 5 to publish the will [MQTT 5, section 3.14.2.1].
   */
  async close(sentence?: string, withWill = false): Promise<void> {
    if (sentence !== undefined) this.#ending.sentence ??= sentence;
    await this.#client.endAsync(false, withWill ? { reasonCode: 4 } : {});
  }
}

/** The part of PlantClient that the uplink's connection uses. */
export type PlantConnection = Pick<PlantClient, keyof PlantClient>;

/** Opens one connection. Throws if a file or the password can't be read. */
export type OpenPlant = (
  config: UplinkConfig,
  url: string,
  events: PlantClientEvents,
  protocol: PlantProtocol,
  will: WillForm,
) => PlantConnection;

export const openPlant: OpenPlant = (...parts) => new PlantClient(...parts);

/**
 * Takes the acknowledgement of a QoS 1 message from mqtt.js, which would read no other packet until this message is on
 * disk, not even PUBACK and PINGRESP: it sees a QoS 0 message, which it does not acknowledge.
 */
function acknowledgeHere(packet: IPublishPacket): void {
  if (packet.qos === 1) packet.qos = 0;
}

/** The message as the plant has sent it: at QoS 0 it has no packet identifier [MQTT-2.3.1-5]. */
function acknowledgedHere(packet: IPublishPacket): IPublishPacket {
  if (packet.messageId !== undefined) packet.qos = 1;
  return packet;
}

/** Sets the bit of the protocol level by which a bridge makes itself known; mqtt.js has no option for it. */
function connectAsBridge(packet: Packet): void {
  (packet as { bridgeMode?: boolean }).bridgeMode = true;
}
