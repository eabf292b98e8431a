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
  /** The duration of the last probe in milliseconds. */
  readonly probe: number | null;
  readonly reconnects: number;
}

/** The subject of a problem that is separate from the state. */
export type Problem = 'routes' | 'probe' | 'status';

export interface StateTrackerParts {
  readonly log: ThrottledLog;
  /** Called when the state has changed. */
  changed(): void;
  /** Milliseconds that never jump. */
  monotonic(): number;
}

/** The state of a connection to the plant, for the status and the log. */
export class StateTracker {
  /** The address in use, or the last one tried. */
  url: string;
  readonly #parts: StateTrackerParts;
  #state: ConnectionState = 'stopped';
  #since = 0;
  #reason: string | null = null;
  readonly #problems = new Map<Problem, string>();

  constructor(url: string, parts: StateTrackerParts) {
    this.url = url;
    this.#parts = parts;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get status(): Pick<ConnectionStatus, 'state' | 'url' | 'since' | 'reason'> {
    return {
      state: this.#state,
      url: this.url,
      since: Math.round(this.#parts.monotonic() - this.#since),
      reason: this.#reason ?? ([...this.#problems.values()].join('; ') || null),
    };
  }

  /** Changes the state, with the reason if there is one. */
  to(state: ConnectionState, reason: string | null): void {
    const { log, changed, monotonic } = this.#parts;
    const isNew = state !== this.#state;
    if (isNew) this.#since = monotonic();
    this.#state = state;
    this.#reason = reason;
    if (isNew) changed();
    if (state === 'connected') log.log('info', `connected to ${this.url}: messages flow`);
    else if (state === 'down' && reason) log.log('warn', reason);
  }

  has(problem: Problem): boolean {
    return this.#problems.has(problem);
  }

  /** Stores and logs a problem that does not change the state; `false` ends it. */
  report(problem: Problem, sentence: string | false): void {
    const before = this.#problems.get(problem);
    if (sentence === false) this.#problems.delete(problem);
    else this.#problems.set(problem, sentence);
    if (sentence && sentence !== before) this.#parts.log.log('warn', sentence);
  }

  /** The connection has ended: all its problems end too. */
  clearProblems(): void {
    this.#problems.clear();
  }
}
