import { randomBytes } from 'node:crypto';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import type { PlantConnection } from './plant-client.ts';
import type { PlantSessions } from './plant-sessions.ts';
import type { PlantProtocol } from './protocol-choice.ts';

export interface SessionProofParts {
  readonly config: Pick<UplinkConfig, 'probe'>;
  readonly probeTopic: string;
  readonly sessions: PlantSessions;
  /** Resolves with whether a message on the topic comes back on the present connection. */
  comesBack(topic: string): Promise<boolean>;
}

/** How often the gateway tries whether a session can be proven: a plant may end the connection at the topic. */
const TRIES = 3;

/**
 * Proves that a session still has all subscriptions: a plant that was restored from older data says that it has the
 * session, and some are missing. After them a separate topic is subscribed that is used for nothing else. If a
 * message on it comes back on a later connection, the session has all that was subscribed before. MQTT 3.1.1 needs
 * this: with MQTT 5 it costs nothing to subscribe again.
 */
export class SessionProof {
  readonly #parts: SessionProofParts;

  constructor(parts: SessionProofParts) {
    this.#parts = parts;
  }

  /**
   * Whether the session has what was granted. Where the plant lets no proof through, what was granted in this run counts:
   * otherwise each lost connection would bring the retained messages again. The same for a bridge, to which a plant does
   * not send its own messages.
   */
  async holds(url: string, { bridge }: PlantProtocol): Promise<boolean> {
    const { config, sessions, comesBack } = this.#parts;
    const { proof, proven, tries } = sessions.of(url);
    if (bridge) return sessions.isFresh(url);
    if (proven) return comesBack(proof);
    return (config.probe === 0 || tries >= TRIES) && sessions.isFresh(url);
  }

  /** Subscribes a new topic after subscriptions have changed, and finds out whether the plant lets messages on it through. */
  async renew(
    plant: Pick<PlantConnection, 'url' | 'isDown' | 'protocol' | 'subscribe'>,
  ): Promise<void> {
    const { config, probeTopic, sessions, comesBack } = this.#parts;
    const { url } = plant;
    const { asked, tries } = sessions.of(url);
    if (config.probe === 0 || plant.protocol.bridge || tries >= TRIES) return;
    const proof = `${probeTopic}/${randomBytes(4).toString('hex')}`;
    sessions.set(url, {
      ...sessions.of(url),
      asked: [...asked, proof],
      proof: '',
      proven: false,
      tries: tries + 1,
    });
    const refused = await plant.subscribe([
      { filter: proof, qos: 0, noLocal: false, keepRetain: false },
    ]);
    if (plant.isDown || refused.length > 0 || !(await comesBack(proof))) return;
    sessions.set(url, { ...sessions.of(url), proof, proven: true, tries: 0 });
  }
}
