import { performance } from 'node:perf_hooks';
import { type Faults, shortTopic } from '../base/faults.ts';
import type { Broker } from '../broker/broker.ts';
import type { Requester } from '../broker/messages/requester.ts';
import type { DropCounter } from '../broker/stats/drop-counter.ts';
import type { Store } from '../store/store.ts';
import type { EchoGuard } from './echo.ts';
import { receivedProblem } from './received-problem.ts';
import { receivedProperties } from './received-properties.ts';
import type { ReceivedPublish } from './received-publish.ts';
import type { Routes } from './routes.ts';

export interface ReceiverParts {
  /** Its name. */
  readonly uplink: string;
  readonly store: Pick<Store, 'storedClock'>;
  readonly broker: Pick<Broker, 'retainedPayload' | 'publishLocal'>;
  readonly drops: DropCounter;
  readonly faults: Faults;
  /** Those in force. */
  routes(): Routes;
  echo(): EchoGuard | undefined;
  /** Whether the plant sends the retain flag as it was published. */
  keepsRetain(): boolean;
  /** Keeps a message that can't be published here; resolves when it is on disk with its reason. */
  refuse(topic: string, payload: Uint8Array, reason: string): Promise<void>;
}

/** Publishes here what comes from a plant. */
export class Receiver {
  /** Messages that were published. */
  received = 0;
  readonly #parts: ReceiverParts;
  /** A plant may ask for an answer on a topic of which messages are sent to it. */
  readonly #requester: Requester;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    const maySubscribe = (topic: string): boolean => parts.routes().out(topic) !== undefined;
    this.#requester = {
      session: { clientId: `uplink ${parts.uplink}` },
      access: { rights: { maySubscribe } },
      uplink: parts.uplink,
    };
  }

  /** Resolves when the message is on disk. One that this program fails on must not stop the others: it is refused. */
  async receive(topic: string, packet: ReceivedPublish): Promise<void> {
    try {
      await this.#receive(topic, packet);
    } catch (error) {
      const { uplink, faults, refuse } = this.#parts;
      const what = `publishing a message of ${shortTopic(topic)} from uplink ${uplink}`;
      const reason = faults.caught('receive', what, error);
      await refuse(topic, Buffer.from(packet.payload), reason);
    }
  }

  async #receive(topic: string, packet: ReceivedPublish): Promise<void> {
    const { uplink, broker, drops, store } = this.#parts;
    const receiving = this.#parts.routes().in(topic);
    const payload = Buffer.from(packet.payload);
    if (!receiving) {
      drops.count(`uplink ${uplink}`, 'no-route');
      return;
    }
    const { local, route } = receiving;
    const properties = receivedProperties(packet, payload);
    const problem = receivedProblem(local, payload, properties);
    if (problem !== undefined) {
      drops.count(`route ${route.in}`, 'refused');
      await this.#parts.refuse(topic, payload, problem);
      return;
    }
    const keepsRetain = this.#parts.keepsRetain();
    const { userProperties } = packet.properties ?? {};
    const stored = packet.retain && !keepsRetain;
    if (this.#parts.echo()?.isEcho({ topic, payload, userProperties, stored })) {
      drops.count(`route ${route.in}`, 'echo');
      return;
    }
    const { expiry, stored: bytes } = properties;
    const waitedMs = performance.now() - (packet.arrivedAt ?? performance.now());
    const leftMs = expiry === undefined ? undefined : expiry * 1000 - Math.floor(waitedMs);
    if (leftMs !== undefined && leftMs < 0) {
      drops.count(`route ${route.in}`, 'expired');
      return;
    }
    this.received++;
    // Without the publisher's flag, a retained value here must not stay when a later one comes.
    const retain = packet.retain || (!keepsRetain && broker.retainedPayload(local) !== undefined);
    await broker.publishLocal({
      topic: local,
      payload,
      qos: packet.qos,
      retain: retain && route.retain === 'keep',
      inbound: true,
      requester: this.#requester,
      properties: bytes,
      expiresAt: leftMs === undefined ? null : store.storedClock.now() + leftMs,
    });
  }
}
