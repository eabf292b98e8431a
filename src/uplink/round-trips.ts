import { randomUUID } from 'node:crypto';
import type { PlantConnection } from './plant-client.ts';

/** How long a message may take to the plant and back. */
const TIMEOUT_MS = 5000;

/** Single messages on one connection through the plant to the gateway itself, on topics that it has subscribed. */
export class RoundTrips {
  readonly #waiting = new Map<string, (back: boolean) => void>();

  /** Resolves with whether the message came back before the connection ended, and within 5 s. */
  async comesBack(plant: Pick<PlantConnection, 'publish'>, topic: string): Promise<boolean> {
    const id = randomUUID();
    const returned = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => this.#end(id, false), TIMEOUT_MS);
      this.#waiting.set(id, (back) => {
        clearTimeout(timer);
        resolve(back);
      });
    });
    plant.publish(topic, id, 0, false).catch(() => this.#end(id, false));
    return returned;
  }

  /** A message was received on a topic that is used for nothing else. */
  returned(id: string): void {
    this.#end(id, true);
  }

  /** The connection has ended. */
  stop(): void {
    for (const id of [...this.#waiting.keys()]) this.#end(id, false);
  }

  #end(id: string, back: boolean): void {
    this.#waiting.get(id)?.(back);
    this.#waiting.delete(id);
  }
}
