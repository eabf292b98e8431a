import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { describeEnding, type Ending } from './failures.ts';
import type { Problem } from './state-tracker.ts';
import { TAKEOVER_MS, TakeoverPattern, TWIN_PROBE_MS, TwinDetector } from './twin-detector.ts';

export interface OtherGatewaysParts {
  readonly config: Pick<UplinkConfig, 'clientId' | 'status' | 'probe'>;
  /** A problem that does not change the state of the connection; `false` ends it. */
  report(problem: Problem, sentence: string | false): void;
  /** Sends the next probe soon. */
  probeSoon(): void;
  /** Publishes `online` again. */
  publishOnline(): void;
}

/** Reports another gateway that was set up with the names of this one: the same topics, or the same client id. */
export class OtherGateways {
  readonly #parts: OtherGatewaysParts;
  readonly #twin: TwinDetector;
  readonly #takeovers = new TakeoverPattern();
  #url = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: OtherGatewaysParts) {
    this.#parts = parts;
    this.#twin = new TwinDetector({
      probeSoon: () => parts.probeSoon(),
      changed: (present) => this.#twinChanged(present),
    });
  }

  /** The time between two probes. */
  get probeMs(): number {
    const { probe } = this.#parts.config;
    return this.#twin.present ? Math.min(TWIN_PROBE_MS, probe) : probe;
  }

  /** A probe of another gateway was received. */
  seen(): void {
    this.#twin.seen();
  }

  /** A connection was made. What was supposed shows until it has lasted longer than those of two such gateways. */
  up(url: string): void {
    const { report } = this.#parts;
    this.#url = url;
    if (!this.#takeovers.suspected) return;
    report('takeover', this.#takeoverProblem);
    this.#timer = setTimeout(() => report('takeover', false), TAKEOVER_MS);
  }

  /** The connection has ended; `worked` if all was well and nothing was in flight. Returns why, in one sentence. */
  ended(ending: Ending, worked: boolean, upMs: number): string {
    this.#takeovers.ended(ending, worked, upMs);
    const sentence = describeEnding(ending);
    return this.#takeovers.suspected ? `${sentence}; ${this.#takeoverProblem}` : sentence;
  }

  /** Ends all timers of the connection. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#twin.stop();
  }

  get #takeoverProblem(): string {
    return `connections end again and again while all works: is another gateway connected with the client id ${this.#parts.config.clientId}? Each needs its own`;
  }

  #twinChanged(present: boolean): void {
    const { config, report, publishOnline } = this.#parts;
    const { status } = config;
    report(
      'twin',
      present &&
        `${this.#url}: another gateway uses ${status} there too; its readings and its state mix with ours: give each gateway its own cell name`,
    );
    // The end of the other one has left its `offline` there.
    if (!present) publishOnline();
  }
}
