import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../../support/random.ts';
import { CODEC_3, CODEC_5 } from './codec.ts';
import {
  judge,
  type Ledger,
  type Qos,
  type RetainedTrail,
  type Trail,
  type Verdict,
} from './ledger.ts';
import { Publisher, type PublisherOptions } from './publisher.ts';
import { readRetained } from './retained-reader.ts';
import { type Presence, Subscriber } from './subscriber.ts';
import { runSubscriptions } from './subscriptions.ts';
import { CATCH_UP_MS, Wire } from './wire.ts';

export const SCENARIOS = [
  'qos1-burst',
  'qos1-2k/s',
  'qos2',
  'retained',
  'subscribe',
  'pubrel',
] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** A broker that can be ended without warning and comes up again on the data that is left. */
export interface Mortal {
  readonly port: number;
  /** How long it may be silent before what has not come counts as lost: CATCH_UP_MS, unless its processor is slow. */
  readonly patienceMs?: number;
  /** Resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves when it accepts clients again. */
  restart(): Promise<void>;
}

/** One kill: which clients, on which broker, with which luck. */
export interface Run {
  readonly scenario: Scenario;
  readonly presence: Presence;
  readonly broker: Mortal;
  readonly random: Random;
  /** Of MQTT, which the messages' clients speak. */
  readonly version: 3 | 5;
  /** Unique on this broker; begins the run's topics and client ids. */
  readonly name: string;
}

export interface Outcome {
  readonly verdict: Verdict;
  /** Milliseconds of load before the kill. */
  readonly loadMs: number;
  /** Milliseconds from the kill until the broker accepted clients again. */
  readonly restartMs: number;
}

/** Loads the broker, kills it at a random moment, starts it again, lets everyone reconnect, and judges. */
export async function run(each: Run): Promise<Outcome> {
  return each.scenario === 'subscribe' ? runSubscriptions(each) : runMessages(each);
}

interface Plan {
  readonly qos: Qos;
  readonly publisher: Omit<PublisherOptions, 'qos' | 'codec'>;
  /** Clients drop their connections and come back while the load runs. */
  readonly churn: boolean;
}

function plan({ scenario, random }: Run): Plan {
  const size = random.pick([8, 120, 2000]);
  const window = random.pick([20, 200, 2000]);
  switch (scenario) {
    case 'qos1-2k/s':
      return { qos: 1, publisher: { window: 2000, rate: 1000, size, limit: 4000 }, churn: false };
    case 'qos2':
      return { qos: 2, publisher: { window, size, limit: 4000 }, churn: false };
    case 'retained': {
      const deletes = (topic: string, number: number): boolean =>
        (number * 31 + topic.length * 17 + topic.charCodeAt(topic.length - 1)) % 9 === 0;
      const qos = random.pick([1, 2] as const);
      return { qos, publisher: { window, size, limit: 4000, retain: true, deletes }, churn: false };
    }
    case 'pubrel': {
      const releaseAfterMs = random.between(1, 25);
      return { qos: 2, publisher: { window: 100, size, limit: 4000, releaseAfterMs }, churn: true };
    }
    default:
      return { qos: 1, publisher: { window, size, limit: 30_000 }, churn: false };
  }
}

async function runMessages(each: Run): Promise<Outcome> {
  const { broker, random, name, presence, scenario } = each;
  const { qos, publisher: options, churn } = plan(each);
  const { port } = broker;
  const codec = each.version === 5 ? CODEC_5 : CODEC_3;
  const topics = scenario === 'retained' ? 20 : 3;
  const publishers = [1, 2].map((p) => {
    const trails = Array.from({ length: topics }, (_, t) => trail(`${name}/p${p}/t${t}`, qos));
    return new Publisher(port, `${name}-p${p}`, trails, { qos, codec, ...options });
  });
  const trails = publishers.flatMap((publisher) => publisher.trails);
  // A deletion has no payload and so no number: the subscriber follows topics without any.
  const followed = options.deletes ? [trail(`${name}/plain`, qos)] : trails;
  if (options.deletes) {
    publishers.push(
      new Publisher(port, `${name}-p3`, followed, { qos, codec, ...options, ...PLAIN }),
    );
  }
  const delayMs = random.pick([0, 0, 4]);
  const subscriber = new Subscriber(port, `${name}-s`, followed, qos, delayMs, codec);

  for (const publisher of publishers) {
    await publisher.connect();
    await publisher.enrol();
  }
  await subscriber.connect();
  await subscriber.subscribe();
  if (presence === 'absent') await subscriber.leave();

  const began = performance.now();
  const stopChurn = churn ? startChurn(each, publishers, subscriber) : undefined;
  for (const publisher of publishers) publisher.load();
  await momentOfDeath(random, publishers);
  if (presence === 'gone') {
    subscriber.drop();
    await delay(random.pick([0, 1, 3, 6, 10, 50, 150]));
  }
  await stopChurn?.();
  const dying = broker.kill();
  const loadMs = performance.now() - began;
  await dying;
  for (const publisher of publishers) publisher.pause();
  await Promise.all(publishers.map((publisher) => publisher.gone()));
  const acknowledged = new Map(
    trails.concat(followed).map((one) => [one, new Set(one.acknowledged)]),
  );

  const killed = performance.now();
  await broker.restart();
  const restartMs = performance.now() - killed;
  const retained = options.deletes
    ? await checkRetained(broker, name, trails, options.deletes)
    : [];
  const forgotten = await reconnect(random, publishers, subscriber);
  await Promise.all(publishers.map((publisher) => publisher.conclude()));
  await drained(subscriber, followed, broker.patienceMs);
  if (options.deletes) {
    retained.push(...(await checkRetained(broker, name, trails, options.deletes)));
  }

  const ledger: Ledger = {
    trails: followed.map((one) => ({ ...one, acknowledged: acknowledged.get(one)! })),
    retained,
    subscriptions: [],
    forgotten,
    violations: [...publishers, subscriber].flatMap(({ violations }) => violations),
    unmarked: subscriber.unmarked,
  };
  for (const client of [...publishers, subscriber]) await forget(port, client);
  const verdict = judge(ledger);
  return { verdict, loadMs, restartMs };
}

/** Resolves when everything has come, or nothing more has for a while. */
async function drained(
  subscriber: Subscriber,
  trails: readonly Trail[],
  patienceMs = CATCH_UP_MS,
): Promise<void> {
  const received = (): number => trails.reduce((sum, one) => sum + one.received.length, 0);
  const all = subscriber.caughtUp().then(() => 'all' as const);
  for (;;) {
    const before = received();
    const end = await Promise.race([all, delay(patienceMs)]);
    if (end === 'all' || received() === before) return;
  }
}

/** A publisher beside those of deletable values: its messages all carry a number. */
const PLAIN: Partial<PublisherOptions> = { deletes: () => false, limit: 2000 };

function trail(topic: string, qos: Qos): Trail {
  return { topic, qos, published: 0, acknowledged: new Set(), received: [] };
}

/** Waits for the moment of the kill: some time, or some number of acknowledgements after the load has begun. */
async function momentOfDeath(random: Random, publishers: readonly Publisher[]): Promise<void> {
  if (random.next() < 0.5) {
    await delay(random.between(5, 500));
    return;
  }
  const wanted = random.pick([1, 20, 500, 3000]) + random.between(0, 300);
  const reached = new Promise<void>((resolve) => {
    for (const publisher of publishers) {
      publisher.onAcknowledged = () => {
        const total = publishers.reduce((sum, one) => sum + one.acknowledgements, 0);
        if (total >= wanted) resolve();
      };
    }
  });
  await Promise.race([reached, delay(1500)]);
}

/** Clients whose connections drop and come back all the time; the returned function ends it. */
function startChurn(
  { random, presence }: Run,
  publishers: readonly Publisher[],
  subscriber: Subscriber,
): () => Promise<void> {
  let stopped = false;
  const clients = presence === 'absent' ? publishers : [...publishers, subscriber];
  const loops = clients.map(async (client) => {
    while (!stopped) {
      await delay(random.between(5, 60));
      if (!stopped) await client.connect().catch(() => undefined);
    }
  });
  return async () => {
    stopped = true;
    await Promise.all(loops);
  };
}

/** Everyone comes back, in any order; gives the client ids whose session was not there. */
async function reconnect(
  random: Random,
  publishers: readonly Publisher[],
  subscriber: Subscriber,
): Promise<string[]> {
  const clients = [...publishers, subscriber].sort(() => random.next() - 0.5);
  for (const client of clients) await client.connect();
  if (!subscriber.sessionPresent) await subscriber.subscribe();
  return clients.filter((one) => !one.sessionPresent).map(({ clientId }) => clientId);
}

async function checkRetained(
  { port, patienceMs }: Mortal,
  name: string,
  trails: readonly Trail[],
  deletes: (topic: string, number: number) => boolean,
): Promise<RetainedTrail[]> {
  const values = await readRetained(port, `${name}/#`, patienceMs);
  return trails.map(({ topic, published, acknowledged }) => {
    const numbers = Array.from({ length: published }, (_, i) => i + 1);
    return {
      topic,
      published,
      acknowledged: Math.max(0, ...acknowledged),
      deletions: new Set(numbers.filter((number) => deletes(topic, number))),
      found: Number.parseInt(values.get(topic) ?? '0', 10),
    };
  });
}

/** Ends the client's session. */
async function forget(port: number, client: Publisher | Subscriber): Promise<void> {
  await client.leave();
  const { wire } = await Wire.connect(port, { clientId: client.clientId }, () => undefined);
  await wire.leave();
}
