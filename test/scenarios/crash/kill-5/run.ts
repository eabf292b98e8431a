import { setTimeout as delay } from 'node:timers/promises';
import { Client5 } from '../../../support/client-5.ts';
import type * as p from '../../../support/packets-5.ts';
import { createRandom, type Random } from '../../../support/random.ts';
import {
  type ExpectedWill,
  faultsOfGroup,
  faultsOfMessages,
  faultsOfWills,
  type Published,
  RIGHT_MS,
  type Span,
} from './faults.ts';
import { type ShiftedGateway, startShifted } from './shifted-gateway.ts';
import { Watcher } from './watcher.ts';

export interface Kill5Options {
  readonly runs: number;
  readonly seed: number;
  /** Hears of each run in one line. */
  print(line: string): void;
}

export interface Kill5Outcome {
  readonly acknowledged: number;
  readonly received: number;
  readonly wills: number;
  readonly faults: readonly string[];
}

const SESSION_S = 60;
const MESSAGE_S = 30;
const WILL_S = 10;
/** How long the gateway is down, in seconds of its own clocks: nothing, and to one side or the other of each expiry. */
const DOWN_S = [0, 3, 8, 12, 20, 27, 33, 45, 58, 70];
/** The longest expiry of a sentinel's will, and a time after which every will is due. */
const SENTINEL_S = 1;
const ALL_DUE_MS = 40_000;

/** Kills a gateway with clients of MQTT 5 at random moments, lets time pass, and asks what has become of what it promised. */
export async function runKill5({ runs, seed, print }: Kill5Options): Promise<Kill5Outcome[]> {
  print(`seed ${seed}`);
  const outcomes: Kill5Outcome[] = [];
  const gateway = await startShifted();
  try {
    for (let n = 1; n <= runs; n++) {
      const round = new Round(
        gateway,
        createRandom(seed + n * 7919),
        `k${n}`,
        DOWN_S[(seed + n * 3) % 10]!,
      );
      const outcome = await round.run();
      outcomes.push(outcome);
      const { acknowledged, received, wills, faults } = outcome;
      const end = faults.length === 0 ? 'ok' : 'FAULT';
      print(
        `mqtt5 #${n} down ${round.downS} s: acknowledged ${acknowledged}, received ${received}, wills ${wills}: ${end}`,
      );
      for (const fault of faults.slice(0, 6)) print(`    ${fault}`);
    }
  } finally {
    await gateway.dispose();
  }
  return outcomes;
}

/** One kill. */
class Round {
  readonly downS: number;
  readonly #gateway: ShiftedGateway;
  readonly #random: Random;
  readonly #name: string;
  readonly #published: Published[] = [];
  readonly #retained: Published[] = [];
  readonly #shared: Published[] = [];
  readonly #wills: ExpectedWill[] = [];
  readonly #faults: string[] = [];
  readonly #watcher: Watcher;
  /** The member of the group that comes back. */
  readonly #worker: Watcher;
  readonly #pauses = new Pauses();
  readonly #clients: Client5[] = [];
  #acknowledged = 0;
  #received = 0;

  constructor(gateway: ShiftedGateway, random: Random, name: string, downS: number) {
    this.#gateway = gateway;
    this.#random = random;
    this.#name = name;
    this.downS = downS;
    this.#watcher = new Watcher(`${name}-watcher`, () => gateway.now());
    this.#worker = new Watcher(`${name}-worker`, () => gateway.now());
  }

  async run(): Promise<Kill5Outcome> {
    try {
      return await this.#run();
    } finally {
      this.#pauses.stop();
      this.#watcher.destroy();
      this.#worker.destroy();
      for (const client of this.#clients) client.destroy();
    }
  }

  async #run(): Promise<Kill5Outcome> {
    const gateway = this.#gateway;
    await this.#watcher.connect(gateway.port);
    await this.#watcher.subscribe(`${this.#name}/will/#`);
    const away = await this.#leaveSession('away');
    const later = await this.#leaveSession('later');
    await this.#leaveGroup();
    await this.#willsBefore();
    const killedAt = await this.#loadAndKill();
    await gateway.advance(this.downS * 1000);
    const restart = await this.#spanOf(() => gateway.restart());
    if (!(await this.#watcher.connect(gateway.port)))
      this.#faults.push("the watcher's session is gone");
    await this.#willsAfter(restart, { from: restart.from, to: gateway.now() });
    await this.#takeQueued(away, killedAt);
    await this.#takeRetained(killedAt);
    await this.#takeShared();
    await this.#awaitWills();
    await this.#resumeLate(later);
    this.#faults.push(...faultsOfWills(this.#wills, this.#watcher.arrived, this.#pauses.longest));
    return {
      acknowledged: this.#acknowledged,
      received: this.#received,
      wills: this.#wills.filter(({ due }) => due).length,
      faults: this.#faults,
    };
  }

  async #spanOf(work: () => Promise<unknown>): Promise<Span> {
    const from = this.#gateway.now();
    await work();
    return { from, to: this.#gateway.now() };
  }

  async #open(name: string, options: p.ConnectOptions5 = {}): Promise<Client5> {
    const client = await Client5.open('tcp', this.#gateway.port);
    this.#clients.push(client);
    return client.connect({
      clientId: `${this.#name}-${name}`,
      clean: false,
      properties: [['sessionExpiry', SESSION_S]],
      ...options,
    });
  }

  /** A session with two overlapping subscriptions whose client has gone; resolves with when it went. */
  async #leaveSession(name: string): Promise<Span> {
    const client = await this.#open(name);
    await client.subscribe([[`${this.#name}/m/+`, 2]], [['subscriptionIdentifier', 1]]);
    await client.subscribe([[`${this.#name}/m/#`, 1]], [['subscriptionIdentifier', 300]]);
    return this.#spanOf(() => client.disconnect());
  }

  /** A group of two, with messages: one member has gone, and in half of the runs the worker too. */
  async #leaveGroup(): Promise<void> {
    const filter = `$share/group/${this.#name}/s/+`;
    await this.#worker.connect(this.#gateway.port);
    await this.#worker.subscribe(filter);
    const gone = await this.#open('gone');
    await gone.subscribe([[filter, 2]], [['subscriptionIdentifier', 9]]);
    if (this.#random.next() < 0.5) this.#worker.destroy();
    await gone.disconnect();
    const publisher = await this.#open('before');
    for (let n = 0; n < 10; n++) await this.#publishOne(publisher, `before-${n}`, 's');
    await publisher.disconnect();
  }

  async #withWill(name: string): Promise<Client5> {
    const own: p.Properties = [
      ['userProperty', ['client', name]],
      ['contentType', 'text/plain'],
    ];
    const properties: p.Properties = [['willDelay', WILL_S], ['messageExpiry', MESSAGE_S], ...own];
    const topic = `${this.#name}/will/${name}`;
    return this.#open(name, { will: { topic, payload: name, qos: 2, properties } });
  }

  #expectWill(name: string, due: Span | undefined): void {
    const properties: p.Properties = [
      ['userProperty', ['client', name]],
      ['contentType', 'text/plain'],
    ];
    this.#wills.push({ payload: name, properties, due });
  }

  /** One client that is lost now, one that comes back, and two that will be connected when the gateway dies. */
  async #willsBefore(): Promise<void> {
    const lost = await this.#withWill('lost');
    const { from, to } = await this.#spanOf(async () => {
      lost.destroy();
      // That the gateway has seen the end of the connection: an answer that came after it.
      await this.#probe();
    });
    this.#expectWill('lost', { from: from + WILL_S * 1000, to: to + WILL_S * 1000 });
    (await this.#withWill('back')).destroy();
    await this.#probe();
    await (await this.#open('back')).disconnect();
    this.#expectWill('back', undefined);
    await this.#withWill('dies');
    await this.#withWill('returns');
  }

  /** Resolves when the gateway has handled what came before. */
  async #probe(): Promise<void> {
    const probe = await this.#open('probe');
    await probe.quiet();
    await probe.disconnect();
  }

  /** The clients that were connected when the gateway died have lost their connections as it started. */
  async #willsAfter(restart: Span, watched: Span): Promise<void> {
    await (await this.#open('returns')).disconnect();
    this.#expectWill('returns', undefined);
    const due = { from: restart.from + WILL_S * 1000, to: restart.to + WILL_S * 1000 };
    this.#expectWill('dies', due);
    // One that was due while the gateway was down comes as soon as it is up and the watcher is there.
    const lost = this.#wills.find(({ payload }) => payload === 'lost')!;
    if (lost.due!.to < restart.to) {
      this.#wills.splice(this.#wills.indexOf(lost), 1);
      this.#expectWill('lost', watched);
    }
  }

  /** Publishes from several clients until the gateway is killed; resolves with when it was dead. */
  async #loadAndKill(): Promise<number> {
    const random = this.#random;
    let dead = false;
    const wanted = random.pick([1, 10, 50, 150]) + random.between(0, 20);
    let reached: () => void = () => undefined;
    const enough = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const loads = [1, 2, 3].map(async (publisher) => {
      const client = await this.#open(`p${publisher}`);
      for (let n = 1; !dead; n++) {
        await this.#publishOne(client, `${publisher}-${n}`, (['m', 'r', 's'] as const)[n % 3]!);
        if (this.#acknowledged >= wanted) reached();
      }
    });
    const ended = Promise.allSettled(loads);
    await Promise.race([enough, delay(random.between(50, 1500)), ended]);
    await this.#gateway.kill();
    dead = true;
    const killedAt = this.#gateway.now();
    for (const client of this.#clients) client.destroy();
    for (const each of await ended) {
      // What was under way when the gateway died fails.
      if (each.status === 'rejected' && !/closed|waited|reset/.test(String(each.reason)))
        throw each.reason;
    }
    return killedAt;
  }

  /** Publishes on a topic of the sessions that are away, with retain, or for the group; that without an expiry. */
  async #publishOne(client: Client5, number: string, kind: 'm' | 'r' | 's'): Promise<void> {
    const topic = `${this.#name}/${kind}/${number}`;
    const own: p.Properties = [
      ['contentType', 'text/plain'],
      ['correlationData', Buffer.from(number)],
      ['userProperty', ['b', number]],
      ['userProperty', ['a', '']],
      ['userProperty', ['b', number]],
    ];
    const list = { m: this.#published, r: this.#retained, s: this.#shared }[kind];
    const sentAt = this.#gateway.now();
    const each = { topic, payload: number, properties: own, sentAt };
    const index = list.push({ ...each, at: undefined }) - 1;
    const qos = this.#random.pick([1, 2]);
    const properties: p.Properties = kind === 's' ? own : [['messageExpiry', MESSAGE_S], ...own];
    await client.publish(topic, number, { qos, retain: kind === 'r', properties });
    list[index] = { ...each, at: { from: sentAt, to: this.#gateway.now() } };
    this.#acknowledged++;
  }

  /** The session of the client that was away since before the kill, and what waits in it. */
  async #takeQueued(away: Span, killedAt: number): Promise<void> {
    const from = this.#gateway.now();
    const client = await this.#open('away');
    const isPresent = client.connack.sessionPresent === true;
    this.#checkSession('away', away, { from, to: this.#gateway.now() }, isPresent);
    if (!isPresent) return;
    this.#faults.push(
      ...faultsOfMessages(
        this.#published,
        {
          expiryMs: MESSAGE_S * 1000,
          identifiers: [1, 300],
          ...(await this.#drain(client, `${this.#name}/m/end`, from)),
        },
        killedAt,
      ),
    );
    await client.disconnect();
  }

  async #takeRetained(killedAt: number): Promise<void> {
    const client = await this.#open('reader');
    const from = this.#gateway.now();
    await client.subscribe([[`${this.#name}/r/#`, 1]], [['subscriptionIdentifier', 7]]);
    const reception = await this.#drain(client, `${this.#name}/r/end`, from);
    for (const { packet } of reception.messages) {
      if (!packet.retain) this.#faults.push(`${packet.payload} has no retain flag`);
    }
    const expected = { expiryMs: MESSAGE_S * 1000, identifiers: [7], ...reception };
    this.#faults.push(...faultsOfMessages(this.#retained, expected, killedAt));
    await client.disconnect();
  }

  /** What was published for the group, to the worker alone: the other member has not come back. */
  async #takeShared(): Promise<void> {
    const worker = this.#worker;
    if (!(await worker.connect(this.#gateway.port))) {
      this.#faults.push("the worker's session is gone");
      return;
    }
    const acknowledged = this.#shared.filter(({ at }) => at !== undefined);
    for (const { payload } of acknowledged) {
      // What has not come is a fault, below.
      if (
        !(await worker.until(payload).then(
          () => true,
          () => false,
        ))
      )
        break;
    }
    this.#received += new Set(worker.arrived.map(({ packet }) => packet.payload)).size;
    this.#faults.push(...faultsOfGroup(this.#shared, worker.arrived));
    worker.destroy();
  }

  /** Takes all messages up to one that is published now. */
  async #drain(client: Client5, end: string, from: number) {
    const publisher = await this.#open('end');
    await publisher.publish(end, 'end', { qos: 1 });
    const messages = [];
    for (;;) {
      const packet = await client.message();
      if (packet.topic === end) break;
      messages.push({ packet, at: this.#gateway.now() });
    }
    await publisher.disconnect();
    this.#received += messages.length;
    return { messages, seen: { from, to: this.#gateway.now() } };
  }

  #checkSession(name: string, away: Span, back: Span, isPresent: boolean): void {
    const [most, least] = [back.to - away.from, back.from - away.to];
    const was = `the session ${name} is ${isPresent ? '' : 'not '}there after ${(least / 1000).toFixed(1)} s`;
    if (isPresent ? least > SESSION_S * 1000 + RIGHT_MS : most < SESSION_S * 1000 - RIGHT_MS) {
      this.#faults.push(was);
    }
  }

  /** Half of the gateways are killed a second time, about when a will is due. */
  async #awaitWills(): Promise<void> {
    const gateway = this.#gateway;
    const dueOf = (name: string): Span => this.#wills.find(({ payload }) => payload === name)!.due!;
    await gateway.advance(dueOf('lost').from - gateway.now() - 500);
    await this.#watcher.until('lost');
    const due = dueOf('dies');
    await gateway.advance(due.from - gateway.now() - 500);
    const first = this.#watcher.until('dies');
    if (this.#random.next() < 0.5) {
      first.catch(() => undefined);
      await Promise.race([first, delay(this.#random.between(300, 1000))]).catch(() => undefined);
      await gateway.kill();
      const { to } = await this.#spanOf(() => gateway.restart());
      const each = this.#wills.findIndex(({ payload }) => payload === 'dies');
      this.#wills[each] = {
        ...this.#wills[each]!,
        due: { from: due.from, to: Math.max(due.to, to) },
      };
      await this.#watcher.connect(gateway.port);
      await this.#watcher.until('dies');
    } else await first;
    await gateway.advance(ALL_DUE_MS);
    await this.#sentinel();
  }

  /** A will that comes after all that are due. */
  async #sentinel(): Promise<void> {
    const topic = `${this.#name}/will/sentinel`;
    const properties: p.Properties = [['willDelay', SENTINEL_S]];
    const will = { topic, payload: 'sentinel', qos: 2, properties } as const;
    (await this.#open('sentinel', { will })).destroy();
    await this.#watcher.until('sentinel');
  }

  /** A session whose client comes back shortly before or after its end. */
  async #resumeLate(later: Span): Promise<void> {
    const gateway = this.#gateway;
    const target = later.from + SESSION_S * 1000 + this.#random.pick([-1500, 1500]);
    await gateway.advance(target - gateway.now());
    const from = gateway.now();
    const client = await this.#open('later');
    const back = { from, to: gateway.now() };
    this.#checkSession('later', later, back, client.connack.sessionPresent === true);
    await client.disconnect();
  }
}

/** The longest time in which this process did not run, in milliseconds: so may the gateway. */
class Pauses {
  longest = 0;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.longest = Math.max(this.longest, now - last - EVERY_MS);
      last = now;
    }, EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

const EVERY_MS = 20;
