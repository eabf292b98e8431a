import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { AlarmConfig } from '../config/schema/alarms.ts';
import { kindOf } from '../config/schema/alarms.ts';
import {
  type AlarmCondition,
  createCondition,
  type Verdict,
  type WatchedSample,
} from './alarm-condition.ts';
import { type AlarmEvent, type AlarmState, nameOf, next } from './alarm-state.ts';

export interface AlarmParts {
  /** `<sensor>/<name>`. */
  readonly id: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds that never jump and continue over restarts. */
  storedNow(): number;
  /** Resolves when the state is on disk. */
  store(state: AlarmState): Promise<void>;
  publish(payload: Readonly<Record<string, unknown>>): void;
  /** Called at once when `isShown` or the state may have changed. */
  changed(): void;
}

/** An alarm at this moment. */
export interface AlarmStatus {
  readonly name: string;
  readonly state: 'normal' | 'active' | 'cleared';
  readonly acknowledged: boolean;
  readonly severity: AlarmConfig['severity'];
  readonly text: string;
  readonly value: WatchedSample['value'];
  readonly since?: string;
  readonly acknowledgedBy?: string;
  readonly shelvedUntil?: string;
  /** Its condition is met no more, and it waits for its acknowledgement. */
  readonly latched?: true;
  /** Only while it is active: its value is lost. */
  readonly quality?: 'bad';
  readonly reason?: string;
}

/** An alarm that changes faster is published so often, with its latest state. */
const PUBLISH_MS = 100;
/** An alarm that changes faster is logged so often. */
const LOG_MS = 10_000;
/** Commands that wait for the disk. */
const MOST_WAITING = 100;
/** Node's timers have no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const WORDS: Readonly<Record<string, string>> = {
  acknowledge: 'acknowledged',
  shelve: 'shelved',
  unshelve: 'no longer shelved',
};
const REFUSALS: Readonly<Record<string, string>> = {
  acknowledge: 'there is nothing to acknowledge',
  shelve: 'it is shelved until then already',
  unshelve: 'it is not shelved',
};
/** Without a disk an alarm is published after this time. */
const DISK_MS = 5000;

/** One alarm: evaluates samples, keeps its state on disk, and publishes it then. */
export class Alarm {
  readonly #config: AlarmConfig;
  readonly #parts: AlarmParts;
  readonly #condition: AlarmCondition;
  #state: AlarmState;
  #verdict: Verdict = 'unknown';
  #value: WatchedSample['value'] = null;
  /** Why the value of the present is not known; undefined while it is. */
  #lost: string | undefined = 'no value since the start';
  #metSince: number | undefined;
  #cancelTimer: () => void = () => undefined;
  #closed = false;
  #isWriting = false;
  #isDirty = false;
  /** Commands that wait until the state is on disk. */
  readonly #waiting: (() => void)[] = [];
  #published = '';
  #publishedAt = -Infinity;
  #logged = 'normal';
  #loggedAt = -Infinity;
  #unlogged = 0;

  constructor(config: AlarmConfig, state: AlarmState, parts: AlarmParts) {
    this.#config = config;
    this.#parts = parts;
    this.#state = state;
    this.#condition = createCondition(config, parts.clock.monotonic(), state.isMet);
  }

  get config(): AlarmConfig {
    return this.#config;
  }

  /** Whether it is active and not shelved. */
  get isShown(): boolean {
    return this.#state.active && this.#state.shelvedUntil === undefined;
  }

  /** Publishes the restored state, and begins to watch the time. */
  start(): void {
    this.#save();
    this.#schedule();
  }

  /** A sample of the moment `now`, in milliseconds that never jump. */
  take(sample: WatchedSample, now: number): void {
    const { value, quality, reason } = sample;
    this.#value = value;
    const isProcess = !['stale', 'bad'].includes(kindOf(this.#config));
    const lost = isProcess && quality === 'bad' ? (reason ?? 'no value') : undefined;
    const wasLost = this.#lost;
    this.#lost = lost;
    this.#evaluate(this.#condition.take(sample, now), now);
    if (this.#state.active && lost !== wasLost) this.#save();
    this.#schedule();
  }

  /** Carries out a command; resolves when the new state is on disk, with the reason if it was refused. */
  async command(event: AlarmEvent): Promise<string | undefined> {
    const { id, log } = this.#parts;
    if (this.#waiting.length >= MOST_WAITING) return 'too many commands wait for the disk';
    const before = this.#state;
    this.#state = next(before, event, this.#config.latching);
    if (this.#state === before) return REFUSALS[event.event] ?? 'nothing changes';
    const by = 'by' in event ? ` by ${event.by}` : '';
    log.info({ alarm: id }, `alarm ${id}: ${WORDS[event.event] ?? event.event}${by}`);
    const stored = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#save();
    this.#parts.changed();
    this.#schedule();
    await stored;
    return undefined;
  }

  /** Ends it; its latest state goes to disk, but is not published any more. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    if (this.#isDirty) void this.#withinTime(this.#parts.store(this.#state));
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  status(): AlarmStatus {
    const { severity, name, text = describe(this.#config) } = this.#config;
    const { value, since, acknowledged, acknowledgedBy, shelvedUntil, active, isMet } = this.#state;
    const { clock, storedNow } = this.#parts;
    const until = shelvedUntil === undefined ? 0 : clock.wall() + shelvedUntil - storedNow();
    return {
      name,
      state: nameOf(this.#state),
      acknowledged,
      severity,
      text,
      value,
      ...(since === undefined ? {} : { since: new Date(since).toISOString() }),
      ...(acknowledgedBy === undefined ? {} : { acknowledgedBy }),
      ...(shelvedUntil === undefined
        ? {}
        : { shelvedUntil: new Date(Math.round(until / 1000) * 1000).toISOString() }),
      ...(active && !isMet ? { latched: true } : {}),
      ...(active && this.#lost !== undefined ? { quality: 'bad', reason: this.#lost } : {}),
    };
  }

  #evaluate(verdict: Verdict, now: number): void {
    this.#verdict = verdict;
    if (verdict === 'unmet') {
      this.#metSince = undefined;
      this.#transition('unmet');
    }
    if (verdict !== 'met') return;
    this.#metSince ??= now;
    if (now - this.#metSince >= this.#config.delay) this.#transition('met');
  }

  #transition(event: 'met' | 'unmet'): void {
    const before = this.#state;
    const at = this.#parts.clock.wall();
    this.#state = next(before, { event, value: this.#value, at }, this.#config.latching);
    if (this.#state === before) return;
    this.#save();
    this.#parts.changed();
  }

  /** One timer for the next moment at which something changes without a sample. */
  #schedule(): void {
    this.#cancelTimer();
    if (this.#closed) return;
    const { clock, storedNow } = this.#parts;
    const now = clock.monotonic();
    const { isMet, shelvedUntil } = this.#state;
    let due = Infinity;
    if (!isMet && this.#verdict === 'met') due = (this.#metSince ?? now) + this.#config.delay;
    const staleAt = this.#condition.dueAt;
    if (staleAt !== undefined && this.#verdict !== 'met') due = Math.min(due, staleAt);
    if (shelvedUntil !== undefined) due = Math.min(due, now + shelvedUntil - storedNow());
    if (due === Infinity) return;
    const wait = Math.min(Math.max(1, due - now), LONGEST_TIMER_MS);
    this.#cancelTimer = clock.after(wait, () => this.#tick());
  }

  #tick(): void {
    const { clock, storedNow } = this.#parts;
    const now = clock.monotonic();
    const staleAt = this.#condition.dueAt;
    if (staleAt !== undefined && now >= staleAt) this.#evaluate('met', now);
    else if (this.#verdict === 'met') this.#evaluate('met', now);
    const { shelvedUntil } = this.#state;
    if (shelvedUntil !== undefined && shelvedUntil <= storedNow()) {
      void this.command({ event: 'unshelve' });
    }
    this.#schedule();
  }

  #save(): void {
    this.#isDirty = true;
    if (this.#isWriting) return;
    this.#isWriting = true;
    void this.#write();
  }

  /** Writes the state, then publishes it: what was published survives a crash. Changes meanwhile are one more round. */
  async #write(): Promise<void> {
    const { clock, store } = this.#parts;
    while (this.#isDirty && !this.#closed) {
      const wait = this.#publishedAt + PUBLISH_MS - clock.monotonic();
      if (wait > 0) await clock.sleep(wait);
      if (this.#closed) return;
      this.#isDirty = false;
      const waiting = this.#waiting.splice(0);
      // The state of now, as it is published: it may change while it is written.
      const state = this.#state;
      const status = this.status();
      await this.#withinTime(store(state));
      this.#publishedAt = clock.monotonic();
      this.#publish(status);
      this.#logState(state);
      for (const resolve of waiting) resolve();
    }
    this.#isWriting = false;
  }

  /** An alarm must not be silent because a disk is full. */
  #withinTime(stored: Promise<void>): Promise<void> {
    const { clock, log, id } = this.#parts;
    return new Promise((resolve) => {
      const cancel = clock.after(DISK_MS, resolve);
      const done = (): void => {
        cancel();
        resolve();
      };
      stored.then(done, (err: unknown) => {
        log.error({ err, alarm: id }, `alarm ${id}: its state could not be stored`);
        done();
      });
    });
  }

  #publish(status: AlarmStatus): void {
    const content = JSON.stringify(status);
    if (content === this.#published || this.#closed) return;
    this.#published = content;
    const { name: _, ...payload } = status;
    this.#parts.publish(payload);
  }

  #logState(state: AlarmState): void {
    const { clock, log, id } = this.#parts;
    const word = nameOf(state);
    if (word === this.#logged) return;
    const now = clock.monotonic();
    if (now - this.#loggedAt < LOG_MS) {
      this.#unlogged += 1;
      return;
    }
    const changes = this.#unlogged === 0 ? {} : { unlogged: this.#unlogged };
    const { severity, text = describe(this.#config) } = this.#config;
    const sentence = `alarm ${id}: ${word === 'active' ? `active (${severity}), ${text}` : word}`;
    log[word === 'active' ? 'warn' : 'info'](
      { alarm: id, value: state.value, ...changes },
      sentence,
    );
    this.#logged = word;
    this.#loggedAt = now;
    this.#unlogged = 0;
  }
}

function describe(config: AlarmConfig): string {
  const kind = kindOf(config);
  switch (kind) {
    case 'bad':
      return 'the sensor gives no value';
    case 'stale':
      return `no good value for ${(config.stale ?? 0) / 1000} s`;
    case 'outside':
      return `outside ${config.outside?.join(' to ')}`;
    case 'rate':
      return `changes by more than ${config.rate} in ${config.per / 1000} s`;
    default:
      return `${kind} ${config[kind]}`;
  }
}
