import * as packets from '../../support/packets.ts';
import * as p from '../../support/packets-5.ts';
import type { Bench } from './bench.ts';
import { ModelClient } from './client.ts';
import type { Sent } from './deliveries.ts';
import { ownProperties } from './properties.ts';
import { type ModelSession, Reference, type Subscription } from './reference.ts';
import {
  CLIENTS,
  type Five,
  NEVER,
  PASS_MS,
  type Step,
  type SubscribeFive,
  type WillWords,
  type Words,
} from './steps.ts';

/** Plays steps on a gateway and on the model side by side; throws where they part. */
export class World {
  readonly #bench: Bench;
  readonly #reference: Reference;
  readonly #clients = Array.from({ length: CLIENTS }, (_, i) => new ModelClient(`client${i}`));
  #messages = 0;
  /** Something of which nobody is told when it is on disk: a connect, a disconnect, a will. */
  #untold = true;

  /** `window` is the gateway's `inflight` limit. */
  constructor(bench: Bench, window: number) {
    this.#bench = bench;
    this.#reference = new Reference(window);
  }

  async play(steps: readonly Step[]): Promise<void> {
    for (const [index, step] of steps.entries()) {
      try {
        if (process.env.MODEL_TRACE === '1') console.log(JSON.stringify(step));
        await this.#play(step);
        await this.#settle();
      } catch (cause) {
        const { message } = cause as Error;
        throw new Error(`step ${index} (${JSON.stringify(step)}): ${message}`, { cause });
      }
    }
  }

  /** Everyone comes back and takes what waits; then nothing is owed and what is retained is right. */
  async finish(): Promise<void> {
    for (const { persistent, clientId } of [...this.#reference.sessions.values()]) {
      if (!persistent) continue;
      const client = this.#clients.find(({ id }) => id === clientId)!;
      if (!client.online) await this.#connect(client, false, undefined, again(client));
    }
    for (const client of this.#clients) {
      client.held = 'nothing';
      client.answerHeld(Number.POSITIVE_INFINITY);
    }
    await this.#settle();
    await this.#compareRetained();
  }

  close(): void {
    for (const client of this.#clients) client.cut();
  }

  #session(client: ModelClient): ModelSession {
    return this.#reference.sessions.get(client.id)!;
  }

  async #play(step: Step): Promise<void> {
    if (step.do === 'restart') return this.#restart();
    if (step.do === 'crash') return this.#crash();
    if (step.do === 'pass') return this.#pass();
    const client = this.#clients[step.client]!;
    if (step.do === 'connect') return this.#connect(client, step.clean, step.will, step.five);
    if (!client.online) return;
    switch (step.do) {
      case 'subscribe':
        return this.#subscribe(client, step.wishes, step.five);
      case 'unsubscribe': {
        const { subscriptions } = this.#session(client);
        for (const filter of step.filters) subscriptions.delete(filter);
        client.send(unsubscribe(client, step.filters));
        await client.answer('unsuback');
        return;
      }
      case 'publish':
        return this.#publish(client, step.burst);
      case 'flood':
        return this.#publish(client, new Array<Words>(step.count).fill(step.words));
      case 'cut':
        return this.#cut(client, step.burst, step.after, step.crash);
      case 'mixed':
        return this.#mixed(client, step.filter, step.qos, step.burst);
      case 'hold':
        client.held = step.held;
        if (step.held !== 'messages') client.answerHeld(Number.POSITIVE_INFINITY);
        return;
      case 'answer':
        client.answerHeld(step.count);
        return;
      case 'holdRelease':
        client.holdsRelease = true;
        return;
      case 'repeat':
        return this.#repeat(client);
      case 'release':
        client.holdsRelease = false;
        for (const { id } of client.outgoing) client.send(packets.pubrel(id));
        return client.until(() => client.outgoing.length === 0, 'PUBCOMP');
      case 'drop':
        this.#untold = true;
        this.#reference.leave(this.#session(client), false);
        return client.drop();
      case 'disconnect':
        return this.#disconnect(client, step.withWill === true, step.expiry);
    }
  }

  /** Connects, or takes over; a client without a session on the other side forgets its own. */
  async #connect(
    client: ModelClient,
    clean: boolean,
    words: WillWords | undefined,
    five: Five | undefined,
  ) {
    const topic = `will/${client.id}`;
    const will = words && this.#words({ topic, empty: false, ...words }, five !== undefined);
    if (will) will.acknowledged = true;
    const before = this.#reference.sessions.get(client.id);
    if (before?.online) this.#reference.leave(before, false);
    const { session, present } = this.#reference.open(client.id, {
      clean,
      five: five !== undefined,
      expiry: five?.expiry ?? (clean ? 0 : NEVER),
      receiveMaximum: five?.receiveMaximum ?? Number.POSITIVE_INFINITY,
    });
    client.refuses = five?.refuses === true;
    client.deliveries = session.deliveries;
    client.held = 'nothing';
    client.holdsRelease = false;
    if (!present) client.outgoing = [];
    for (const { sent, phase } of client.outgoing) {
      if (phase === 'publish') this.#reference.publishAgain(sent, session);
    }
    const connack = await client.connect(
      this.#bench.port,
      { clean, ...(will ? { will } : {}) },
      five && connect5(five, clean, will, words?.delay ?? 0),
    );
    if (connack.sessionPresent !== present) {
      throw new Error(`session present is ${connack.sessionPresent}, not ${present}`);
    }
    const delay = five ? (words?.delay ?? 0) : 0;
    session.will = will && { sent: will, five: five !== undefined, delay };
    this.#untold = true;
    client.resume();
    await client.until(() => client.outgoing.length === 0, 'what was sent again');
    // What the gateway reads back from disk for the session has come after this.
    if (present) await this.#barrier();
  }

  /** A message; with properties only in MQTT 5. */
  #words({ topic, qos, retain, empty, expiry = 0, properties }: Words, five: boolean): Sent {
    const payload = empty ? '' : `m${++this.#messages}`;
    return {
      topic,
      payload,
      qos,
      retain,
      acknowledged: false,
      properties: five && properties && !empty ? ownProperties(payload) : [],
      expiry: five && !empty ? expiry : 0,
      expiresAt: undefined,
      stripped: false,
    };
  }

  async #subscribe(
    client: ModelClient,
    wishes: readonly (readonly [string, packets.Qos])[],
    five: SubscribeFive | undefined,
  ) {
    const session = this.#session(client);
    const asked = wishes.map(
      ([filter, qos]) => [filter, subscription(qos, client.five ? five : undefined)] as const,
    );
    this.#reference.subscribe(session, asked);
    client.send(subscribe(client, wishes, five));
    const { codes } = await client.answer('suback');
    const granted = wishes.map(([, qos]) => qos);
    if (codes.join() !== granted.join()) throw new Error(`granted ${codes}, not ${granted}`);
  }

  /** The packets of a burst, and the model told of them. */
  #burst(client: ModelClient, burst: readonly Words[]): { sent: Sent[]; bytes: Buffer[] } {
    const sent = burst.map((words) => this.#words(words, client.five));
    const bytes = sent.map((each) => {
      this.#reference.publish(each, this.#session(client));
      if (each.qos === 0) return client.publish(each, 0);
      const id = client.packetId();
      client.outgoing.push({ sent: each, id, phase: 'publish' });
      return client.publish(each, id);
    });
    return { sent, bytes };
  }

  async #published(client: ModelClient): Promise<void> {
    const done = (): boolean =>
      client.outgoing.every(({ phase }) => phase === 'release' && client.holdsRelease);
    await client.until(done, 'acknowledgements');
    await client.ping();
  }

  async #publish(client: ModelClient, burst: readonly Words[]): Promise<void> {
    client.send(...this.#burst(client, burst).bytes);
    await this.#published(client);
  }

  async #mixed(client: ModelClient, filter: string, qos: packets.Qos, burst: readonly Words[]) {
    const session = this.#session(client);
    this.#reference.subscribe(session, [[filter, subscription(qos, undefined)]]);
    const { bytes } = this.#burst(client, burst);
    for (const { topic, retain } of burst) if (retain) session.deliveries.overtaken(topic);
    session.subscriptions.delete(filter);
    client.send(
      subscribe(client, [[filter, qos]], undefined),
      ...bytes,
      unsubscribe(client, [filter]),
    );
    await client.answer('suback');
    await client.answer('unsuback');
    await this.#published(client);
  }

  /** The connection goes in the middle of a burst; a persistent client comes back at once and sends it again. */
  async #cut(client: ModelClient, burst: readonly Words[], after: number, crash: boolean) {
    if (crash) await this.#flush();
    const session = this.#session(client);
    const wanted = burst.filter(({ qos }) => qos > 0).length;
    const { sent, bytes } = this.#burst(client, burst);
    const acknowledged = (): number => sent.filter((each) => each.acknowledged).length;
    client.send(...bytes);
    await client.until(() => acknowledged() >= Math.min(after, wanted), 'acknowledgements');
    const die = (): void => {
      const unsure = sent.filter((each) => !each.acknowledged);
      this.#reference.unsure(unsure);
    };
    if (crash) await this.#crash(die);
    else {
      this.#reference.lose(session);
      for (const each of sent) session.deliveries.mayBeDup(each);
      await client.drop();
      die();
      this.#reference.leave(session, true);
      // What is held back until it is on disk has arrived then.
      await this.#flush();
      this.#untold = true;
    }
    if (session.expiry > 0) await this.#connect(client, false, undefined, again(client));
    else client.outgoing = [];
    await this.#settle();
    await this.#compareRetained();
  }

  /** The publisher sends its QoS 2 messages a second time: they are the same messages. */
  async #repeat(client: ModelClient): Promise<void> {
    for (const outgoing of client.outgoing) {
      const { sent, id } = outgoing;
      outgoing.phase = 'publish';
      client.send(client.publish(sent, id, true));
    }
    await this.#published(client);
  }

  /** With the will where it is said so; another session expiry takes the place of that of CONNECT. */
  async #disconnect(client: ModelClient, withWill: boolean, expiry: number | undefined) {
    const session = this.#session(client);
    if (!client.five) {
      await client.disconnect();
      this.#reference.leave(session, true);
    } else {
      // A session that was to end with its connection can't be kept by DISCONNECT.
      const changed = session.expiry === 0 ? undefined : expiry;
      const properties: p.Properties = changed === undefined ? [] : [['sessionExpiry', changed]];
      if (changed !== undefined) session.expiry = changed;
      // The will may reach others before the connection is closed.
      if (withWill) this.#reference.lose(session);
      await client.disconnect(p.disconnect(withWill ? 4 : 0, properties));
      this.#reference.leave(session, !withWill);
    }
    this.#untold = true;
  }

  /** Expiries come to their end; where the bench has no such clock, nothing happens. */
  async #pass(): Promise<void> {
    if (!this.#bench.pass) return;
    this.#reference.pass(PASS_MS);
    await this.#bench.pass(PASS_MS);
    this.#untold = true;
  }

  async #restart(): Promise<void> {
    await this.#bench.restart();
    for (const client of this.#clients) client.cut();
    this.#reference.stop();
    // The start has written when the wills of those who were connected are due.
    this.#untold = true;
  }

  async #crash(die?: () => void): Promise<void> {
    if (this.#untold) await this.#flush();
    await this.#bench.crash(() => {
      for (const client of this.#clients) client.cut();
      die?.();
      this.#reference.crash();
    });
    this.#untold = true;
    await this.#compareRetained();
  }

  async #flush(): Promise<void> {
    await this.#barrier();
    this.#reference.onDisk();
    this.#untold = false;
  }

  /** A message that is acknowledged: what the gateway had to read or write before is done with it. */
  async #barrier(): Promise<void> {
    const observer = new ModelClient('');
    await observer.connect(this.#bench.port, {});
    const sent = this.#words({ topic: '$flush', qos: 1, retain: true, empty: true }, false);
    observer.outgoing.push({ sent, id: 1, phase: 'publish' });
    observer.send(packets.publish('$flush', '', { qos: 1, retain: true, id: 1 }));
    await observer.until(() => sent.acknowledged, 'PUBACK');
    await observer.disconnect();
  }

  async #compareRetained(): Promise<void> {
    const found = new Map<string, string>();
    const observer = new ModelClient('');
    observer.onMessage = ({ topic, payload }) => found.set(topic, payload);
    await observer.connect(this.#bench.port, {});
    observer.send(
      packets.subscribe(1, [
        ['#', 0],
        ['$x/#', 0],
      ]),
    );
    await observer.answer('suback');
    await observer.ping();
    await observer.disconnect();
    for (const topic of found.keys()) if (topic.startsWith('$SYS/')) found.delete(topic);
    this.#reference.learnRetained(found);
  }

  /** All that is due has come, and nothing else. */
  async #settle(): Promise<void> {
    const online = this.#clients.filter((client) => client.online);
    for (const client of online) {
      const { deliveries } = this.#session(client);
      await client.until(
        () => deliveries.settled,
        () => deliveries.missing ?? '',
      );
    }
    await Promise.all(online.map((client) => client.ping()));
    for (const client of this.#clients) if (client.failure) throw client.failure;
    for (const client of online) this.#session(client).deliveries.dropUnneeded();
  }
}

/** A client comes back with its version. */
function again({ five }: ModelClient): Five | undefined {
  return five ? { expiry: NEVER, receiveMaximum: 65_535, aliases: 0, refuses: false } : undefined;
}

function connect5(
  { expiry, receiveMaximum, aliases }: Five,
  clean: boolean,
  will: Sent | undefined,
  delay: number,
): p.ConnectOptions5 {
  const properties: p.Properties = [
    ['sessionExpiry', expiry],
    ['receiveMaximum', receiveMaximum],
    ['topicAliasMaximum', aliases],
  ];
  if (!will) return { clean, properties };
  const more: p.Property[] = [['willDelay', delay]];
  if (will.expiry > 0) more.push(['messageExpiry', will.expiry]);
  return { clean, properties, will: { ...will, properties: [...more, ...will.properties] } };
}

/** What a filter is subscribed with; `five` has the bits of the packet. */
function subscription(qos: packets.Qos, five: SubscribeFive | undefined): Subscription {
  const { options = 0, identifier = 0 } = five ?? {};
  return {
    qos,
    noLocal: (options & p.NO_LOCAL) !== 0,
    retainAsPublished: (options & p.RETAIN_AS_PUBLISHED) !== 0,
    handling: options >> 4,
    identifier,
  };
}

function subscribe(
  client: ModelClient,
  wishes: readonly (readonly [string, packets.Qos])[],
  five: SubscribeFive | undefined,
): Buffer {
  const id = client.packetId();
  if (!client.five) return packets.subscribe(id, wishes);
  const { options = 0, identifier = 0 } = five ?? {};
  const all = wishes.map(([filter, qos]) => [filter, qos | options] as const);
  return p.subscribe(id, all, identifier > 0 ? [['subscriptionIdentifier', identifier]] : []);
}

function unsubscribe(client: ModelClient, filters: readonly string[]): Buffer {
  const id = client.packetId();
  return client.five ? p.unsubscribe(id, filters) : packets.unsubscribe(id, filters);
}
