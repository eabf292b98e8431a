import type { IPublishPacket } from 'mqtt';
import { resolvedOrAborted } from '../base/resolved-or-aborted.ts';
import { maskUrls } from '../base/secrets.ts';
import { type Blame, blameOf } from './failures.ts';
import { untilFirstWorks } from './first-address.ts';
import { CHECK_MS, LineCheck } from './line-check.ts';
import { nextPlace } from './next-address.ts';
import { OtherGateways } from './other-gateways.ts';
import type { Outbox } from './outbox.ts';
import type { OpenPlant, PlantConnection } from './plant-client.ts';
import type { PlantClientEvents } from './plant-client-events.ts';
import { PlantProbes } from './plant-probes.ts';
import { PlantSubscriptions } from './plant-subscriptions.ts';
import type { PlantProtocol } from './protocol-choice.ts';
import { ReconnectPauses } from './reconnect-pauses.ts';
import { SpokenProtocol } from './spoken-protocol.ts';
import { type ConnectionStatus, StateTracker } from './state-tracker.ts';
import { StatusMessage } from './status-message.ts';
import type { UplinkConnectionParts } from './uplink-connection-parts.ts';

const STOPS = 'the gateway stops';
/** After a connection that lasted this long, the pauses start again with the shortest. */
const STABLE_MS = 60_000;
/** The shortest pause after a connection that ended because of a message: urgent ones wait for the next connection. */
const MESSAGE_PAUSE_MS = 1000;
/** How often the gateway repeats subscriptions that the plant has refused. */
const RETRY_DENIED_MS = 20_000;
/** How long a change to the first address waits for the acknowledgements of what is in flight. */
const DRAIN_MS = 2000;

/** Maintains a connection to one of the plant's addresses, and its state. */
export class UplinkConnection {
  readonly #parts: UplinkConnectionParts;
  readonly #tracker: StateTracker;
  readonly #subscriptions: PlantSubscriptions;
  readonly #spoken: SpokenProtocol;
  readonly #statusMessage: StatusMessage;
  readonly #probes: PlantProbes;
  readonly #others: OtherGateways;
  readonly #stop = new AbortController();
  #plant: PlantConnection | undefined;
  #check: LineCheck | undefined;
  /** Messages have flowed on the present connection. An address that only answers CONNECT is no better than none. */
  #flowed = false;
  /** The first address works again: it is next, without a pause. */
  #returning = false;
  #reconnects = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: UplinkConnectionParts) {
    const { config, sender, log, losses, clock, sessions, changed } = parts;
    this.#parts = parts;
    const report: StateTracker['report'] = (...problem) => this.#tracker.report(...problem);
    this.#spoken = new SpokenProtocol(config, config.urls[0] ?? '');
    this.#statusMessage = new StatusMessage({ config, clock, report });
    this.#tracker = new StateTracker(maskUrls(config.urls[0] ?? ''), {
      log,
      losses,
      changed,
      monotonic: () => clock.monotonic(),
    });
    this.#probes = new PlantProbes({
      config,
      clock,
      everyMs: () => this.#others.probeMs,
      slackMs: () => sender.flight.slackMs,
      isBehind: (withinMs) => this.#check?.isBehind(withinMs) ?? false,
      proven: (plant) => this.#proven(plant),
      returned: (...probe) => this.#spoken.returned(...probe),
      foreign: () => this.#others.seen(),
      changed: () => parts.topics.seen(),
    });
    this.#subscriptions = new PlantSubscriptions({
      config,
      probeTopic: this.#probes.topic,
      sessions,
      comesBack: (topic) => this.#probes.comesBack(topic),
      report,
    });
    this.#others = new OtherGateways({
      config,
      report,
      probeSoon: () => this.#probes.soon(),
      publishOnline: () => {
        if (this.#plant) void this.#statusMessage.online(this.#plant);
      },
    });
  }

  get status(): ConnectionStatus {
    const { reason, ...status } = this.#tracker.status;
    const { messageProblem } = this.#parts.sender;
    return {
      ...status,
      reason: [reason, messageProblem].filter(Boolean).join('; ') || null,
      protocol: status.state === 'stopped' ? null : this.#spoken.inWords,
      probe: this.#probes.roundTrip,
      reconnects: this.#reconnects,
    };
  }

  /** How long the plant has taken no bytes, in milliseconds. */
  get undeliveredMs(): number {
    return this.#check?.undeliveredMs ?? 0;
  }

  /** Reports what is wrong with the flow of the messages while there is a connection, and what the plant refuses. */
  reportFlow({ problem, refusedTopics }: Pick<Outbox, 'problem' | 'refusedTopics'>): void {
    this.#tracker.report('flow', problem?.sentence ?? false, problem?.kind);
    this.#tracker.report('refusedTopics', refusedTopics.sentence ?? false);
  }

  /** The protocol of this connection, or of the next attempt. */
  get protocol(): PlantProtocol {
    return this.#spoken.current;
  }

  /** Whether the retain flag of a message is that of its publisher; otherwise it shows only what the plant had stored. */
  get keepsRetain(): boolean {
    return this.#spoken.keepsRetain;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Publishes `offline` at the plant and ends the connection; resolves when it has ended, after 1 s at most. */
  async stop(): Promise<void> {
    const { log, losses, edge } = this.#parts;
    this.#stop.abort();
    const plant = this.#plant;
    const { state } = this.#tracker;
    if (plant && (state === 'connected' || state === 'proving')) {
      await (edge ? edge.offline(STOPS) : this.#statusMessage.offline(plant));
    }
    plant?.giveUp(STOPS);
    await this.#running;
    log.stop();
    losses.stop();
    this.#tracker.to('stopped', null);
  }

  /** Connects again and again until `stop`, with a pause after all addresses have failed. */
  async #run(): Promise<void> {
    const { config, random, clock, edge } = this.#parts;
    const { signal } = this.#stop;
    const open = await this.#parts.load();
    const pauses = new ReconnectPauses({ longestMs: config.reconnectMax, random, clock });
    for (let place = 0; !signal.aborted; ) {
      const url = config.urls[place % config.urls.length] ?? '';
      if (edge) await resolvedOrAborted(edge.prepare(), signal);
      if (signal.aborted) return;
      const { upMs, otherProtocol } = await this.#attempt(open, url);
      const isMessage = upMs > 0 && this.#parts.sender.endedByMessage;
      // A message that the plant does not take may end a connection before messages flow.
      const left = edge?.leftForHost ?? false;
      const flowed = (this.#flowed || isMessage) && !left;
      if (signal.aborted) return;
      if (otherProtocol) continue;
      this.#reconnects++;
      const last = place % config.urls.length === config.urls.length - 1;
      place = nextPlace(place, config.cluster, { flowed, isMessage });
      if (this.#returning || (!flowed && !last)) {
        this.#returning = false;
        continue;
      }
      if (((flowed || left) && upMs >= STABLE_MS) || isMessage) pauses.restart();
      const pauseMs = isMessage ? MESSAGE_PAUSE_MS * (1 + random() / 2) : pauses.next();
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  /** One connection from its start to its end; resolves with its duration, and whether another protocol is tried next. */
  #attempt(open: OpenPlant, url: string): Promise<{ upMs: number; otherProtocol: boolean }> {
    const { config, sender, clock, edge } = this.#parts;
    const protocol = this.#spoken.begin(url);
    this.#tracker.url = maskUrls(url);
    if (this.#tracker.state !== 'down') this.#tracker.to('connecting', null);
    return new Promise((resolve) => {
      let upAt: number | undefined;
      this.#flowed = false;
      const timers: NodeJS.Timeout[] = [];
      const life = new AbortController();
      const down = (sentence: string, blame: Blame, otherProtocol: boolean): void => {
        life.abort();
        for (const timer of timers) clearInterval(timer);
        this.#probes.end();
        this.#others.stop();
        this.#plant = undefined;
        this.#tracker.clearProblems();
        const refused = sender.disconnect(blame);
        const about = [refused, sender.messageProblem].filter(Boolean).map((each) => `; ${each}`);
        if (!this.#stop.signal.aborted && !otherProtocol) {
          this.#tracker.to('down', sentence, about.join(''));
        }
        const upMs = upAt === undefined ? 0 : Math.max(1, clock.monotonic() - upAt);
        resolve({ upMs, otherProtocol });
      };
      try {
        const events: PlantClientEvents = {
          up: (resumed) => {
            upAt = clock.monotonic();
            const failed = (error: unknown): void => this.#failed(plant, error);
            this.#up(plant, resumed).catch(failed);
            this.#others.up(plant.url);
            const check = new LineCheck({ ...this.#parts, plant });
            this.#check = check;
            timers.push(setInterval(() => void check.check().catch(failed), CHECK_MS));
            timers.push(setInterval(() => void this.#retryDenied(plant), RETRY_DENIED_MS));
            // In a cluster the check would end this connection: two with one client id.
            if (!edge && !config.cluster && url !== config.urls[0]) {
              void this.#checkFirst(open, plant, life.signal);
            }
          },
          acknowledged: (packetId, reason) => sender.acknowledged(packetId, reason),
          received: (packetId, reason) => sender.received(packetId, reason),
          completed: (packetId) => sender.completed(packetId),
          drained: () => sender.pump(),
          answered: () => edge?.answered(),
          silent: () => this.#check?.silent(),
          failed: (error) => this.#failed(plant, error),
          message: (topic, packet) => this.#message(topic, packet),
          congested: () => this.#parts.congested(),
          down: (ending) => {
            const worked = this.#tracker.state === 'connected' && sender.inFlight === 0;
            const upMs = upAt === undefined ? 0 : clock.monotonic() - upAt;
            const sentence = this.#others.ended(ending, worked, upMs);
            edge?.down(ending.reached !== 'nothing');
            down(sentence, blameOf(ending), this.#spoken.ended(url, protocol, ending));
          },
        };
        const will = edge?.will ?? this.#spoken.will(url);
        const plant = open(config, url, events, protocol, will);
        this.#plant = plant;
      } catch (error) {
        down((error as Error).message, 'none', false);
      }
    });
  }

  /** Makes another connection: what became of the packet is not known. */
  #failed(plant: PlantConnection, error: unknown): void {
    this.#parts.fault(`handling a packet of ${plant.url}`, error);
    plant.giveUp('a fault of the gateway, see its log');
  }

  async #up(plant: PlantConnection, present: boolean): Promise<void> {
    const { sender, sessions, newSession, edge } = this.#parts;
    this.#tracker.means = this.#spoken.means;
    if (edge) {
      this.#tracker.to('proving', `${plant.url}: connected, waiting for the births to arrive`);
      return edge.up(plant, {
        proven: () => this.#proven(plant),
        waiting: (sentence) => this.#tracker.to('proving', sentence),
        report: (sentence) => this.#tracker.report('routes', sentence),
        failed: (error) => this.#failed(plant, error),
      });
    }
    this.#tracker.to('proving', `${plant.url}: connected, waiting for the probe to come back`);
    void this.#statusMessage.online(plant);
    // In one turn of the event loop: the address is in the same commit as what the change of the address undoes.
    const isSame = sessions.enter(plant.url, present, sender.openMessages);
    if (!isSame) newSession();
    await sender.connect(plant, isSame, sessions.of(plant.url).open);
    if (plant.isDown) return;
    this.#probes.begin(plant);
    try {
      await this.#subscriptions.subscribe(plant, present);
    } catch {
      plant.giveUp();
    }
    if (plant.isDown) return;
    if (this.#subscriptions.hasProbe) this.#probes.start();
    // Without a probe, no more can be checked.
    else this.#proven(plant);
  }

  #proven(plant: PlantConnection): void {
    this.#flowed = true;
    this.#parts.sessions.answered(plant.url);
    this.#tracker.to('connected', null);
    const { edge, topics } = this.#parts;
    const report = (sentence: string | false) => this.#tracker.report('changedTopics', sentence);
    if (!edge) topics.proven(plant, this.#probes, report);
  }

  /** Repeats the subscriptions that the plant has refused: rights there may change during the connection. */
  async #retryDenied(plant: PlantConnection): Promise<void> {
    if (this.#tracker.has('status')) void this.#statusMessage.online(plant);
    const wasRefused = this.#tracker.has('probe');
    // A failed request is repeated with the next one.
    await this.#subscriptions.retryDenied(plant).catch(() => undefined);
    if (wasRefused && !plant.isDown && !this.#tracker.has('probe')) this.#probes.start();
  }

  async #message(topic: string, packet: IPublishPacket): Promise<void> {
    const { edge } = this.#parts;
    if (edge) await edge.receive(topic, Buffer.from(packet.payload), packet.retain);
    else if (!this.#probes.take(topic, packet)) await this.#parts.receive(topic, packet);
  }

  /** Returns to the first address when it works again. */
  async #checkFirst(open: OpenPlant, plant: PlantConnection, signal: AbortSignal): Promise<void> {
    const isBack = await untilFirstWorks({
      ...this.#parts,
      open,
      protocols: this.#spoken,
      probes: this.#probes,
      failed: (sentence) => this.#tracker.report('first', `${sentence}; ${plant.url} is used`),
      signal,
    });
    if (!isBack) return;
    await this.#parts.sender.drain(DRAIN_MS);
    if (plant.isDown) return;
    this.#returning = true;
    plant.giveUp('left for the first address, which works again');
  }
}
