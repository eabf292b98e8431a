import { isDeepStrictEqual } from 'node:util';
import { maskUrls } from '../base/secrets.ts';
import type { KeyValueStore } from '../base/state.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';

/** What the gateway knows about its session at one address of the plant. */
export interface KnownSession {
  /** Filters that a session there has had: an older one may come back when the plant restores its data. */
  readonly asked: readonly string[];
  /** MQTT 3.1.1: filters with their QoS that the present session has been granted, as `filter qos`, or `filter qosb` to a bridge. */
  readonly granted: readonly string[];
  /** MQTT 3.1.1: the topic that was subscribed after all of them, see `SessionProof`; '' for none. */
  readonly proof: string;
  /** Whether a message on it has come back, and how many topics have failed at that. */
  readonly proven: boolean;
  readonly tries: number;
  /** QoS 2 messages that were in flight there when another address was used. */
  readonly open: readonly OpenMessage[];
}

/** A packet identifier that a session may still have, and the number of its message in the queue. */
export type OpenMessage = readonly [packetId: number, seq: number];

export interface PlantSessionsParts {
  readonly config: Pick<UplinkConfig, 'clientId' | 'urls' | 'cluster'>;
  /** Values that survive a restart; not used before the first connection. */
  state(): KeyValueStore;
  /** Stores a value with the next commit, before all changes that are added later. */
  setNow(key: string, value: unknown): void;
  /** Sessions that were written in this run, which other configs of the uplink share; empty at first. */
  readonly fresh: Set<string>;
}

/** The session that has the QoS 2 messages in flight. */
const IN_FLIGHT = 'inFlightAt';
/** Filters that a version without sessions by address has stored. */
const SUBSCRIBED = 'subscribed';
/** The most filters, and the most open messages, that are remembered for one address. */
const REMEMBERED = 200;
const OPEN = 2000;

const UNKNOWN: KnownSession = {
  asked: [],
  granted: [],
  proof: '',
  tries: 0,
  proven: false,
  open: [],
};

/**
 * The sessions of an uplink: one for each address of the plant, because two addresses may be two brokers that know
 * nothing of each other. What one has granted or received says nothing about the other. The addresses of a cluster share
 * one session.
 */
export class PlantSessions {
  readonly #parts: PlantSessionsParts;

  constructor(parts: PlantSessionsParts) {
    this.#parts = parts;
  }

  /**
   * A connection to the address is made; `present` is what the plant says about the session. Returns whether the
   * messages in flight are those of this session. If not, each must be sent again from the beginning: what another
   * address has received is unknown here. The address is stored before any answer of it can be. `inFlight` are the
   * QoS 2 messages in flight.
   */
  enter(url: string, present: boolean, inFlight: readonly OpenMessage[]): boolean {
    const { state, setNow, config } = this.#parts;
    const stored = state().get(IN_FLIGHT);
    const key = this.#keyOf(url);
    const before = this.#sessionInFlight(stored, key);
    if (stored !== key) setNow(IN_FLIGHT, key);
    const former =
      before === key ? undefined : config.urls.find((other) => this.#keyOf(other) === before);
    if (former !== undefined && inFlight.length > 0) {
      const session = this.of(former);
      const open = [...session.open, ...inFlight].slice(-OPEN);
      setNow(this.#keyOf(former), { ...session, open });
    }
    if (!present) this.lost(url);
    return present && before === key;
  }

  #sessionInFlight(stored: unknown, key: string): string | undefined {
    const { cluster, urls } = this.#parts.config;
    // An earlier version stored no address: with one address, it was this one.
    if (typeof stored !== 'string') return urls.length === 1 ? key : undefined;
    // An address that was a plant by itself until the config said that all are a cluster.
    return cluster && urls.some((url) => this.#ofAddress(url) === stored) ? key : stored;
  }

  /** The plant has answered what was sent at the begin of the connection. */
  answered(url: string): void {
    const session = this.of(url);
    if (session.open.length > 0) this.set(url, { ...session, open: [] });
  }

  /** The plant has a new session for the gateway, without subscriptions. */
  lost(url: string): void {
    this.set(url, { ...UNKNOWN, asked: this.of(url).asked });
  }

  of(url: string): KnownSession {
    const { state } = this.#parts;
    const stored = state().get(this.#keyOf(url));
    if (isSession(stored)) return stored;
    const former = state().get(SUBSCRIBED);
    return { ...UNKNOWN, asked: isTexts(former) ? former : this.#askedElsewhere() };
  }

  /** What was requested in sessions of the other kind: before the addresses became a cluster, or while they were one. */
  #askedElsewhere(): readonly string[] {
    const { state, config } = this.#parts;
    const keys = config.cluster
      ? config.urls.map((url) => this.#ofAddress(url))
      : [this.#ofCluster];
    const sessions = keys.map((key) => state().get(key)).filter(isSession);
    return [...new Set(sessions.flatMap(({ asked }) => asked))].slice(-REMEMBERED);
  }

  /** Whether what is known was written in this run: a crash can't have left it older than it is. */
  isFresh(url: string): boolean {
    return this.#parts.fresh.has(this.#keyOf(url));
  }

  set(url: string, session: KnownSession): void {
    const { state, setNow, fresh } = this.#parts;
    const key = this.#keyOf(url);
    const before = this.of(url);
    const asked = session.asked.slice(-REMEMBERED);
    fresh.add(key);
    // A plant that comes and goes must not cause a write each time.
    if (isDeepStrictEqual(before, { ...session, asked })) return;
    // A filter that is on its way to the plant must be known after a crash: nothing else can unsubscribe it.
    if (asked.some((filter) => !before.asked.includes(filter))) setNow(key, { ...session, asked });
    else state().set(key, { ...session, asked });
  }

  #keyOf(url: string): string {
    return this.#parts.config.cluster ? this.#ofCluster : this.#ofAddress(url);
  }

  /** Without the secrets of the address, which must not be stored. */
  #ofAddress(url: string): string {
    return `session ${this.#parts.config.clientId} ${maskUrls(url)}`;
  }

  get #ofCluster(): string {
    return `session ${this.#parts.config.clientId} cluster`;
  }
}

function isSession(value: unknown): value is KnownSession {
  const { asked, granted, proof, tries, proven, open } = (value ?? {}) as Partial<KnownSession>;
  return (
    isTexts(asked) &&
    isTexts(granted) &&
    Array.isArray(open) &&
    typeof proof === 'string' &&
    typeof tries === 'number' &&
    typeof proven === 'boolean'
  );
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
