import type { LossLog } from './loss-log.ts';
import type { ThrottledLog } from './throttled-log.ts';

/** `connected` means that a message was sent through the plant and received back. */
export type ConnectionState = 'connecting' | 'proving' | 'connected' | 'down' | 'stopped';

export interface ConnectionStatus {
  readonly state: ConnectionState;
  /** The address in use, or the last one tried. */
  readonly url: string;
  /** Milliseconds since the state began. */
  readonly since: number;
  /** Why it is not `connected`, and what else is wrong with it. */
  readonly reason: string | null;
  /** The version of MQTT, and why if the plant does not take the one that is asked for first; null when stopped. */
  readonly protocol: string | null;
  /** The duration of the last probe in milliseconds. */
  readonly probe: number | null;
  readonly reconnects: number;
}

/** The subject of a problem that is separate from the state. */
export type Problem =
  | 'routes'
  | 'probe'
  | 'status'
  | 'first'
  | 'twin'
  | 'takeover'
  | 'flow'
  | 'changedTopics'
  | 'refusedTopics';

export interface StateTrackerParts {
  readonly log: ThrottledLog;
  readonly losses: Pick<LossLog, 'lost' | 'back'>;
  /** Called when the state has changed. */
  changed(): void;
  /** Milliseconds that never jump. */
  monotonic(): number;
}

/** A plant that has not answered for so long is a trouble, before the connection is given up. */
const ANSWER_S = 5;
export const ANSWER_MS: number = ANSWER_S * 1000;
/** So many losses in this time are reported as one cause, until there was none for a while. */
const FLAPPING = 3;
const FLAPPING_MS = 60_000;
const FLAPPING_QUIET_MS = 10_000;
const FLAPPING_MOST = 100;

/** The state of a connection to the plant, for the status and the log. */
export class StateTracker {
  /** The address in use, or the last one tried. */
  url: string;
  /** How the connection was made, to follow the address in a sentence; empty if there is nothing to say. */
  means = '';
  readonly #parts: StateTrackerParts;
  #state: ConnectionState = 'stopped';
  #since = 0;
  #reason: string | null = null;
  readonly #problems = new Map<Problem, string>();
  readonly #kinds = new Map<Problem, string>();
  /** When the connection was lost that was `connected`, on the monotonic clock. */
  #lostAt: number | undefined;
  /** When it was lost in the last minute. */
  #losses: number[] = [];

  constructor(url: string, parts: StateTrackerParts) {
    this.url = url;
    this.#parts = parts;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get #reasons(): string[] {
    const isTrying = this.#state === 'connecting' || this.#state === 'proving';
    const isWaiting = isTrying && this.#sinceMs >= ANSWER_MS;
    const waiting = isWaiting ? `${this.url} has not answered CONNECT for ${ANSWER_S} s` : '';
    const problems = [...this.#problems.values()].join('; ');
    return [this.#reason ?? (problems || waiting), this.flapping ?? ''].filter(Boolean);
  }

  get #sinceMs(): number {
    return this.#parts.monotonic() - this.#since;
  }

  get status(): Pick<ConnectionStatus, 'state' | 'url' | 'since' | 'reason'> {
    return {
      state: this.#state,
      url: this.url,
      since: Math.round(this.#sinceMs),
      reason: this.#reasons.join('; ') || null,
    };
  }

  /** Changes the state, with the reason if there is one. `aboutMessage` is logged with it. */
  to(state: ConnectionState, reason: string | null, aboutMessage = ''): void {
    const { log, losses, changed, monotonic } = this.#parts;
    const now = monotonic();
    const before = this.#state;
    const isNew = state !== before;
    if (isNew) this.#since = now;
    this.#state = state;
    this.#reason = reason;
    if (isNew) changed();
    if (state === 'connected' && isNew) {
      const ms = now - (this.#lostAt ?? now);
      this.#lostAt = undefined;
      const plant = `${this.url}${this.means}`;
      if (!losses.back(plant, ms)) log.log('info', `connected to ${plant}: messages flow`);
    } else if (state === 'down' && reason) {
      if (before === 'connected') {
        this.#losses = [...this.#recent(now), now];
        if (this.flapping && this.#losses.length === FLAPPING) log.log('warn', this.flapping);
      }
      // A connection that was never proved is not lost again and again, unless a message seems to be the reason.
      const isLost = before === 'connected' || this.#lostAt !== undefined;
      if (!isLost && aboutMessage === '') return log.log('warn', reason);
      this.#lostAt ??= now;
      losses.lost(`${reason}${aboutMessage}`);
    }
  }

  #recent(now: number): number[] {
    return this.#losses.filter((at) => now - at < FLAPPING_MS).slice(-FLAPPING_MOST);
  }

  /** A sentence while the connection is lost again and again; undefined otherwise. */
  get flapping(): string | undefined {
    const now = this.#parts.monotonic();
    const recent = this.#recent(now);
    const last = recent.at(-1) ?? 0;
    if (recent.length < FLAPPING || now - last >= FLAPPING_QUIET_MS) return undefined;
    return `the connection was lost ${recent.length} times in the last minute: check the network, and whether another client uses the same client id`;
  }

  has(problem: Problem): boolean {
    return this.#problems.has(problem);
  }

  /**
   * Stores and logs a problem that does not change the state; `false` ends it. With the same `kind` as before, only
   * its numbers have changed: it is not logged again.
   */
  report(problem: Problem, sentence: string | false, kind = sentence || ''): void {
    const isNew = kind !== this.#kinds.get(problem);
    this.#kinds.set(problem, kind);
    if (sentence === false) this.#problems.delete(problem);
    else this.#problems.set(problem, sentence);
    if (sentence && isNew) this.#parts.log.log('warn', sentence);
  }

  /** The connection has ended: all its problems end too. */
  clearProblems(): void {
    this.#problems.clear();
    this.#kinds.clear();
  }
}
