import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Faults } from '../base/faults.ts';
import type { TroubleEvent, TroubleLog } from '../base/trouble-log.ts';
import type { Trouble } from '../base/troubles.ts';
import type { Broker } from '../broker/broker.ts';
import { DropCounter } from '../broker/stats/drop-counter.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { statusTopic } from '../driver-kit/cell-topics.ts';
import type { ReportShare } from '../store/commit/queue-deletion.ts';
import type { StoredSession } from '../store/recovery/load-state.ts';
import type { Store } from '../store/store.ts';
import { EchoGuard } from './echo.ts';
import { sharedEnding } from './failures.ts';
import { LossLog } from './loss-log.ts';
import { Outbox, type OutboxStatus } from './outbox.ts';
import { PlantSessions } from './plant-sessions.ts';
import { Receiver } from './receiver.ts';
import { Routes } from './routes.ts';
import type { CurrentRouting } from './routing.ts';
import type { EdgeNode } from './sparkplug/edge-node.ts';
import type { MetricDefinition } from './sparkplug/metrics.ts';
import { ANSWER_MS, type ConnectionStatus } from './state-tracker.ts';
import { type SentenceLog, ThrottledLog } from './throttled-log.ts';
import { TopicChanges } from './topic-changes.ts';
import { UplinkConnection } from './uplink-connection.ts';
import { createUplinkEdge } from './uplink-edge.ts';

export interface UplinkParts {
  readonly cell: string;
  readonly config: UplinkConfig;
  readonly store: Store;
  readonly broker: Broker;
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: Faults;
  /** Logs the failures of many uplinks together; without it each is logged at once. */
  readonly troubleLog?: TroubleLog | undefined;
  /** The queues that the last run has left for this uplink; none by default. */
  stored?(): readonly StoredSession[];
  /** A better payload than the one in the queue. */
  correct?(payload: Buffer): Buffer | undefined;
  /** The values of the cell in the present config, for Sparkplug; none by default. */
  metrics?(): readonly MetricDefinition[];
  /** From 0 to 1, for the pauses between attempts. */
  random?(): number;
  /** Called when messages start to be sent to a plant, and when they are no longer sent to any. */
  onConnected?(connected: boolean): void;
}

/** An uplink as `$SYS/cellgate/uplink/<name>` and `status` show it. */
export interface UplinkStatus extends ConnectionStatus, OutboxStatus {
  readonly name: string;
  readonly echoes: number;
  readonly received: number;
}

/** One plant: the queues for it, the connection to it, and the messages from it. */
export class Uplink {
  readonly name: string;
  readonly #parts: UplinkParts;
  readonly #log: Logger;
  readonly #drops: DropCounter;
  readonly #outbox: Outbox;
  #config: UplinkConfig;
  #echo: EchoGuard | undefined;
  #edge: EdgeNode | undefined;
  #routing: CurrentRouting;
  #connection: UplinkConnection;
  #topics: TopicChanges;
  /** Functions that detach the outbox, by the filter of its route. */
  readonly #attached = new Map<string, () => void>();
  /** See `PlantSessions`: a reload of the config is no new run. */
  readonly #freshSessions = new Set<string>();
  readonly #receiver: Receiver;
  #parked = false;

  constructor(parts: UplinkParts) {
    const { config, store, clock, correct, faults } = parts;
    this.#parts = parts;
    this.#config = config;
    this.name = config.name;
    this.#log = parts.log.child({ uplink: config.name });
    this.#drops = new DropCounter(this.#log);
    this.#echo = this.#createEchoGuard();
    this.#topics = new TopicChanges(config);
    this.#edge = this.#createEdge();
    this.#routing = this.#createRouting();
    this.#outbox = new Outbox({
      routing: () => this.#routing,
      store,
      stored: parts.stored ?? (() => []),
      queueProblemChanged: (problem) => {
        if (problem === undefined) this.#sentenceLog().info('all its queues have room again');
        else this.#sentenceLog().warn(problem);
      },
      drops: this.#drops,
      faults,
      now: () => store.storedClock.now(),
      monotonic: () => clock.monotonic(),
      undeliveredMs: () => this.#connection.undeliveredMs,
      flowSampled: () => this.#connection.reportFlow(this.#outbox),
      onSent: (topic, body, start, again) => this.#sent(topic, body.subarray(start), again),
      ...(correct ? { correct } : {}),
    });
    this.#receiver = new Receiver({
      ...{ uplink: config.name, store, broker: parts.broker, drops: this.#drops, faults },
      routes: () => this.#routing.routes,
      echo: () => this.#echo,
      keepsRetain: () => this.#connection.keepsRetain,
      refuse: (...received) => this.#outbox.refuseReceived(...received),
    });
    this.#connection = this.#createConnection();
  }

  #createRouting(): CurrentRouting {
    const five = this.#echo?.properties ?? Buffer.alloc(0);
    const edge = this.#edge;
    const version = (): 4 | 5 => this.#connection.protocol.version;
    return {
      config: this.#config,
      routes: new Routes({
        ...{ ...this.#config, own: [statusTopic(this.#parts.cell)] },
        ...(edge ? { takes: (topic: string) => edge.takes(topic) } : {}),
        found: (remote) => this.#topics.note(remote),
      }),
      form: edge,
      get properties() {
        return version() === 5 ? five : undefined;
      },
    };
  }

  #createEchoGuard(): EchoGuard | undefined {
    const { clientId, in: routes } = this.#config;
    if (routes.length === 0) return undefined;
    return new EchoGuard(clientId, () => this.#parts.clock.monotonic());
  }

  #createEdge(): EdgeNode | undefined {
    return createUplinkEdge({
      ...this.#parts,
      config: () => this.#config,
      sender: () => this.#outbox.sender,
      refused: (sentence) => this.#log.warn(sentence),
    });
  }

  /** The values of the cell may be others; to be called after `applyConfig`. */
  metricsChanged(): void {
    if (!this.#edge) return;
    this.#edge.applyConfig();
    this.#routing = this.#createRouting();
  }

  #createConnection(): UplinkConnection {
    const { clock, store, random = Math.random, onConnected } = this.#parts;
    const owner = `$uplink/${this.name}`;
    return new UplinkConnection({
      config: this.#config,
      edge: this.#edge,
      sender: this.#outbox.sender,
      log: new ThrottledLog(this.#sentenceLog()),
      losses: new LossLog(this.#sentenceLog(), () => clock.wall()),
      clock,
      sessions: new PlantSessions({
        config: this.#config,
        state: () => store.state.of(owner),
        setNow: (key, value) => store.state.setNow(owner, key, value),
        fresh: this.#freshSessions,
      }),
      topics: this.#topics,
      load: async () => (await import('./plant-client.ts')).openPlant,
      receive: (topic, packet) => this.#receiver.receive(topic, packet),
      newSession: () => this.#echo?.newSession(),
      congested: () => congestion(store),
      fault: (what, error) => this.#parts.faults.caught('receive', what, error),
      changed: () => onConnected?.(this.#connection.status.state === 'connected'),
      random,
    });
  }

  /** After that, a message that a route matches is acknowledged only when it is in the outbox. */
  open(): void {
    this.#outbox.open();
    this.#attach();
  }

  #attach(): void {
    const wanted = new Set(this.#config.out.map(({ out }) => out));
    for (const filter of [...this.#attached.keys()]) {
      if (!wanted.has(filter)) this.#detach(filter);
    }
    for (const filter of wanted) {
      if (this.#attached.has(filter)) continue;
      this.#attached.set(filter, this.#parts.broker.attach(filter, this.#outbox));
    }
  }

  #detach(filter: string): void {
    this.#attached.get(filter)?.();
    this.#attached.delete(filter);
  }

  /**
   * Applies another config: queued messages stay, and no message that arrives meanwhile is lost. The connection is
   * made again only if one of its settings has changed, or after `park`.
   */
  async applyConfig(config: UplinkConfig): Promise<void> {
    const reconnects =
      this.#parked ||
      !isDeepStrictEqual(connectionSettings(this.#config), connectionSettings(config));
    if (reconnects) await this.#connection.stop();
    this.#config = config;
    if (reconnects) {
      this.#echo = this.#createEchoGuard();
      this.#topics = new TopicChanges(config);
      this.#edge = this.#createEdge();
    } else {
      this.#topics.restart(config);
      this.#edge?.applyConfig();
    }
    this.#routing = this.#createRouting();
    this.#outbox.reconfigure();
    this.#attach();
    if (!reconnects) return;
    this.#parked = false;
    this.#connection = this.#createConnection();
    this.#connection.start();
  }

  /** Neither queues nor sends messages until `applyConfig`; queued messages stay. */
  async park(): Promise<void> {
    this.#parked = true;
    for (const filter of [...this.#attached.keys()]) this.#detach(filter);
    await this.#connection.stop();
  }

  /** The config of the last `applyConfig`, or `park`, stays: what can't be undone. */
  configApplied(): void {
    if (this.#parked) this.#outbox.park();
    else this.#outbox.configApplied();
  }

  /** Whether nothing is stored for the plant. */
  get isEmpty(): boolean {
    return this.#outbox.isEmpty;
  }

  connect(): void {
    this.#connection.start();
  }

  async disconnect(): Promise<void> {
    await this.#connection.stop();
  }

  close(): void {
    for (const filter of [...this.#attached.keys()]) this.#detach(filter);
    this.#outbox.close();
    this.#drops.stop();
  }

  get status(): UplinkStatus {
    return {
      name: this.name,
      ...this.#connection.status,
      ...this.#outbox.status,
      received: this.#receiver.received,
      echoes: this.#echo?.stopped ?? 0,
    };
  }

  /** What is wrong while the connection is down, or with the connection, and with the queues. */
  failures(): Trouble[] {
    const { state, since, reason } = this.#connection.status;
    const isNew = (state === 'proving' || state === 'connecting') && since < ANSWER_MS;
    const causes = [isNew ? null : reason, this.#outbox.queueProblem ?? null];
    return causes.flatMap((cause) =>
      cause === null ? [] : { kind: 'uplink', name: this.name, cause, shared: sharedEnding(cause) },
    );
  }

  #sentenceLog(): SentenceLog {
    const { troubleLog } = this.#parts;
    if (!troubleLog) return this.#log;
    const event = (cause: string): TroubleEvent => ({
      ...{ kind: 'uplink', name: this.name, cause, shared: sharedEnding(cause) },
      ...{ log: this.#log, sentence: cause },
    });
    return {
      info: (sentence) => troubleLog.ended(event(sentence)),
      warn: (sentence) => troubleLog.began(event(sentence)),
    };
  }

  /** Deletes what is queued and not in flight, or all of a parked uplink; resolves with the number of messages. */
  async purge(report: ReportShare): Promise<number> {
    return this.#parked ? this.#outbox.end() : this.#outbox.purge(report);
  }

  /** MQTT 3.1.1 has no user properties: the guard remembers what may come back. */
  #sent(topic: string, payload: Buffer, again: boolean): void {
    const { routes, properties } = this.#routing;
    if (!properties) this.#echo?.sent(routes.returns(topic), payload, again);
  }
}

/** Resolves when the disk has caught up; undefined if messages may be published now. */
function congestion({ journal }: Store): Promise<void> | undefined {
  if (!journal.congested) return undefined;
  return new Promise((resolve) => journal.onceRelieved(resolve));
}

/** The settings of the connection to the plant: all except those that only the queues use. */
function connectionSettings(config: UplinkConfig): unknown {
  const { queue, out, live, drainRate, inflight, ...others } = config;
  return { ...others, qos2: out.some(({ qos }) => qos === 2) };
}
