import { setTimeout as delay } from 'node:timers/promises';
import type { Packet } from '../../../support/packets.ts';
import * as packets from '../../../support/packets.ts';
import type { Random } from '../../../support/random.ts';
import { RawClient } from '../../../support/raw-client.ts';
import { judge, type SubscriptionTrail } from './ledger.ts';
import type { Mortal, Outcome, Run } from './run.ts';
import { Wire } from './wire.ts';

const FILTERS = 24;
const PENDING = 8;

interface Request {
  readonly filters: readonly string[];
  readonly subscribe: boolean;
  acknowledged: boolean;
}

/** A client with a persistent session that keeps changing its mind about what it wants. */
class Chooser {
  readonly clientId: string;
  /** In the order of sending. */
  readonly requests: Request[] = [];
  readonly #random: Random;
  readonly #pending = new Map<number, Request>();
  #wire: Wire | undefined;
  #id = 0;
  #going = false;
  #acknowledged: (() => void) | undefined;

  constructor(clientId: string, random: Random) {
    this.clientId = clientId;
    this.#random = random;
  }

  get count(): number {
    return this.requests.reduce((sum, { acknowledged }) => sum + (acknowledged ? 1 : 0), 0);
  }

  async connect(port: number): Promise<void> {
    const options = { clientId: this.clientId, clean: false };
    const { wire } = await Wire.connect(port, options, (packet, from) => {
      if (from.open) this.#hear(packet);
    });
    this.#wire = wire;
  }

  /** Sends requests until the connection is gone, each as soon as an earlier one is acknowledged. */
  go(): void {
    this.#going = true;
    while (this.#pending.size < PENDING) this.#ask();
  }

  /** One request; resolves when its acknowledgement is read. */
  async askOnce(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#acknowledged = resolve;
      this.#ask();
    });
  }

  drop(): void {
    this.#going = false;
    this.#wire?.destroy();
  }

  #ask(): void {
    const random = this.#random;
    const filters = Array.from({ length: random.between(1, 3) }, () =>
      this.filter(random.between(0, FILTERS - 1)),
    );
    const subscribe = random.next() < 0.6 || this.requests.length === 0;
    const id = (this.#id++ % 1000) + 1;
    const request = { filters, subscribe, acknowledged: false };
    this.requests.push(request);
    this.#pending.set(id, request);
    this.#wire!.send(
      subscribe
        ? packets.subscribe(
            id,
            filters.map((filter) => [filter, 1] as const),
          )
        : packets.unsubscribe(id, filters),
    );
  }

  #hear(packet: Packet): void {
    if (packet.type !== 'suback' && packet.type !== 'unsuback') return;
    const request = this.#pending.get(packet.id);
    if (!request) return;
    this.#pending.delete(packet.id);
    request.acknowledged = true;
    this.#acknowledged?.();
    if (this.#going) this.#ask();
  }

  filter(number: number): string {
    return `${this.clientId}/f${number}`;
  }

  /** What must be in force for a filter; undefined where an unacknowledged request leaves it open. */
  wanted(filter: string): boolean | undefined {
    let wanted: boolean | undefined = false;
    for (const { filters, subscribe, acknowledged } of this.requests) {
      if (!filters.includes(filter)) continue;
      if (acknowledged) wanted = subscribe;
      else if (wanted !== subscribe) wanted = undefined;
    }
    return wanted;
  }
}

/** Clients subscribe and unsubscribe; the broker is killed; what was acknowledged must be in force. */
export async function runSubscriptions(each: Run): Promise<Outcome> {
  const { broker, random, name, presence } = each;
  const { port } = broker;
  const began = performance.now();
  const choosers: Chooser[] = [];
  if (presence === 'absent') {
    // Each is there for one acknowledged request and leaves at once.
    const count = random.between(1, 40);
    for (let n = 0; n < count; n++) {
      const chooser = new Chooser(`${name}-c${n}`, random);
      choosers.push(chooser);
      await chooser.connect(port);
      await chooser.askOnce();
      chooser.drop();
    }
  } else {
    for (let n = 0; n < 3; n++) choosers.push(new Chooser(`${name}-c${n}`, random));
    for (const chooser of choosers) await chooser.connect(port);
    for (const chooser of choosers) chooser.go();
    await delay(random.between(2, 300));
    if (presence === 'gone') {
      for (const chooser of choosers) chooser.drop();
      await delay(random.pick([0, 1, 5, 20]));
    }
  }
  const dying = broker.kill();
  const loadMs = performance.now() - began;
  await dying;
  for (const chooser of choosers) chooser.drop();

  const killed = performance.now();
  await broker.restart();
  const restartMs = performance.now() - killed;
  const forgotten: string[] = [];
  const subscriptions: SubscriptionTrail[] = [];
  for (const chooser of choosers) {
    const found = await inForce(each.broker, chooser);
    if (!found.sessionPresent && chooser.count > 0) forgotten.push(chooser.clientId);
    for (let n = 0; n < FILTERS; n++) {
      const filter = chooser.filter(n);
      subscriptions.push({
        filter,
        wanted: chooser.wanted(filter),
        found: found.topics.has(filter),
      });
    }
  }
  const verdict = judge({
    trails: [],
    retained: [],
    subscriptions,
    forgotten,
    violations: [],
    unmarked: 0,
  });
  const acknowledged = choosers.reduce((sum, chooser) => sum + chooser.count, 0);
  return { verdict: { ...verdict, acknowledged }, loadMs, restartMs };
}

/** Which of its topics reach a client that comes back; its session is ended then. */
async function inForce(
  { port, patienceMs }: Mortal,
  chooser: Chooser,
): Promise<{ sessionPresent: boolean; topics: Set<string> }> {
  const { clientId } = chooser;
  const client = await RawClient.open('tcp', port, patienceMs);
  await client.connect({ clientId, clean: false });
  const topics = new Set<string>();
  for (let n = 0; n < FILTERS; n++) client.send(packets.publish(chooser.filter(n), 'probe'));
  await client.subscribe([`${clientId}/end`, 0]);
  client.send(packets.publish(`${clientId}/end`, 'end'));
  for (;;) {
    const message = await client.next('publish');
    if (message.topic === `${clientId}/end`) break;
    topics.add(message.topic);
  }
  await client.disconnect();
  const { sessionPresent } = client.connack;
  const { wire } = await Wire.connect(port, { clientId }, () => undefined);
  await wire.leave();
  return { sessionPresent, topics };
}
