import { performance } from 'node:perf_hooks';
import { publish } from '../../support/packets.ts';
import { RawClient } from '../../support/raw-client.ts';

/** A publisher and a subscriber that have nothing to do with anyone else. */
export class Pair {
  readonly #publisher: RawClient;
  readonly #subscriber: RawClient;

  private constructor(publisher: RawClient, subscriber: RawClient) {
    this.#publisher = publisher;
    this.#subscriber = subscriber;
  }

  static async connect(port: number): Promise<Pair> {
    const publisher = await (await RawClient.open('tcp', port)).connect({ clientId: 'pair-p' });
    const subscriber = await (await RawClient.open('tcp', port)).connect({ clientId: 'pair-s' });
    await subscriber.subscribe(['pair/0', 0], ['pair/1', 1]);
    return new Pair(publisher, subscriber);
  }

  /** Milliseconds of the 99th percentile of QoS 0 round trips, one after the other for `ms`. */
  async p99(ms: number): Promise<number> {
    const times: number[] = [];
    const until = performance.now() + ms;
    for (let i = 0; performance.now() < until; i++) {
      const began = performance.now();
      this.#publisher.send(publish('pair/0', `r${i}`));
      await this.#subscriber.next('publish');
      times.push(performance.now() - began);
      // Whoever else is in this process has its turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]!;
  }

  /** Sends as many messages and gives how many of each QoS have come, in order and once. */
  async count(atQos0: number, atQos1: number): Promise<{ qos0: number; qos1: number }> {
    const got = { qos0: 0, qos1: 0 };
    const receiving = (async () => {
      while (got.qos0 < atQos0 || got.qos1 < atQos1) {
        const { topic, payload } = await this.#subscriber.message();
        const level = topic === 'pair/0' ? 'qos0' : 'qos1';
        if (Number(payload) !== got[level]++) throw new Error(`${payload} on ${topic} is not next`);
      }
    })();
    for (let sent = 0; sent < atQos0; sent += 1000) {
      const chunk = Array.from({ length: 1000 }, (_, i) => publish('pair/0', String(sent + i)));
      this.#publisher.send(...chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let sent = 0; sent < atQos1; sent += 100) {
      const chunk = Array.from({ length: 100 }, (_, i) =>
        publish('pair/1', String(sent + i), { qos: 1, id: sent + i + 1 }),
      );
      this.#publisher.send(...chunk);
      for (let i = 0; i < 100; i++) await this.#publisher.next('puback');
    }
    await receiving.catch(() => undefined);
    return got;
  }

  destroy(): void {
    this.#publisher.destroy();
    this.#subscriber.destroy();
  }
}
