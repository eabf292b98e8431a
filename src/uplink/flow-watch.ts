/** Counters of an uplink's queues at one moment; they only grow. */
export interface FlowCounters {
  /** Messages and bytes that were queued. */
  readonly arrived: number;
  readonly arrivedBytes: number;
  /** Messages and bytes that the plant has acknowledged. */
  readonly sent: number;
  readonly sentBytes: number;
}

/** The messages that are on their way, and the line as far as it is known. */
export interface FlowState extends FlowCounters {
  readonly connected: boolean;
  /** Messages and bytes waiting and in flight. */
  readonly queued: number;
  readonly queuedBytes: number;
  readonly inFlightBytes: number;
  /** How long nothing was acknowledged while messages were in flight, in milliseconds; 0 with none in flight. */
  readonly unacknowledgedMs: number;
  /** How long the plant has taken no bytes, in milliseconds. */
  readonly undeliveredMs: number;
  /** How long the oldest message in flight took or takes, in milliseconds. */
  readonly answerMs: number;
  /** Bytes a second that the line takes; undefined if not known. */
  readonly lineRate: number | undefined;
  /** How much longer than usual an answer may take because of large messages in flight, in milliseconds. */
  readonly slackMs: number;
  /** Most messages a second from the backlog. */
  readonly drainRate: number | undefined;
}

/** What is wrong with the flow of the messages. */
export type FlowProblem = 'stalled' | 'slow' | 'late' | 'growing';

interface Sample extends FlowCounters {
  readonly at: number;
  readonly queuedBytes: number;
}

/** What the plant had acknowledged at the time of an acknowledgement. */
interface Acknowledged {
  readonly at: number;
  readonly bytes: number;
}

/** The rates are those of so many seconds. */
const RATE_S = 5;
/** What arrives in one second is a burst, and says nothing about the next ones, if it is so many times that of the others. */
const BURST = 4;
/** A queue that has grown for so many seconds is a trouble. */
const GROWTH_S = 60;
/** So long nothing must flow while something waits before that is a trouble. */
const STALLED_MS = 7000;
/** An answer that takes longer is late. */
const LATE_MS = 8000;
/** A transmission that takes longer than this is reported: urgent messages wait for its end. */
const SLOW_MS = 5000;
/** A message of so many bytes may take long on a slow line; one that has just begun is not reported. */
const LARGE_BYTES = 16 * 1024;
const BEGUN_MS = 2000;

/** Watches the flow of an uplink's messages, once a second: its rates, when the queue is empty, and what is wrong. */
export class FlowWatch {
  readonly #samples: Sample[] = [];
  #state: FlowState | undefined;
  /** Since when the connection is up. */
  #connectedAt: number | undefined;
  /** One for each second in which the plant has acknowledged something, since then or since messages wait. */
  #acknowledged: Acknowledged[] = [];

  /** To be called once a second; `now` is monotonic. */
  sample(state: FlowState, now: number): void {
    this.#state = state;
    if (!state.connected) this.#connectedAt = undefined;
    else this.#connectedAt ??= now;
    const { arrived, arrivedBytes, sent, sentBytes, queuedBytes } = state;
    this.#samples.push({ at: now, arrived, arrivedBytes, sent, sentBytes, queuedBytes });
    while (this.#samples[0] && now - this.#samples[0].at > (GROWTH_S + 1) * 1000) {
      this.#samples.shift();
    }
    this.#follow(state, now);
  }

  /** Keeps the acknowledgements of the last seconds, and one before them: a large message takes longer. */
  #follow(
    { connected, queuedBytes, inFlightBytes, sentBytes, unacknowledgedMs }: FlowState,
    now: number,
  ): void {
    // Without messages that wait, the plant gets what arrives, and not what the line takes.
    if (!connected || queuedBytes <= inFlightBytes) this.#acknowledged = [];
    const all = this.#acknowledged;
    const last = all.at(-1);
    if (last && last.bytes === sentBytes) return;
    all.push({ at: now - unacknowledgedMs, bytes: sentBytes });
    while (all[1] && now - all[1].at >= RATE_S * 1000) all.shift();
  }

  /** Messages a second to the plant, in the last seconds. */
  get rate(): number {
    return this.#over(({ sent }) => sent);
  }

  /** Milliseconds until the queue is empty if the rates stay as they are; null if it does not become empty. */
  eta(queued: number): number | null {
    if (queued === 0) return 0;
    const state = this.#state;
    if (!state?.connected || this.problem?.kind === 'stalled') return null;
    const { queuedBytes, inFlightBytes, unacknowledgedMs, drainRate } = state;
    const out = this.#bytesOut(state);
    const onTheWay = Math.min(inFlightBytes, (out * unacknowledgedMs) / 1000);
    const waits = queuedBytes > inFlightBytes;
    const net = out - (waits ? this.#arriving(({ arrivedBytes }) => arrivedBytes) : 0);
    if (net <= 0) return null;
    const seconds = Math.max(0, queuedBytes - onTheWay) / net;
    if (drainRate === undefined) return Math.round(seconds * 1000);
    const drained = drainRate - this.#arriving(({ arrived }) => arrived);
    return drained > 0 ? Math.round(Math.max(seconds, queued / drained) * 1000) : null;
  }

  /** Bytes a second that the plant takes while messages wait. */
  #bytesOut({ inFlightBytes, lineRate, unacknowledgedMs }: FlowState): number {
    const [first, last] = [this.#acknowledged[0], this.#acknowledged.at(-1)];
    const seconds = first && last ? (last.at - first.at) / 1000 : 0;
    const out =
      first && last && seconds >= RATE_S - 1
        ? (last.bytes - first.bytes) / seconds
        : (lineRate ?? this.#over(({ sentBytes }) => sentBytes));
    // What is in flight has not passed yet: the line may have become slower.
    if (unacknowledgedMs < BEGUN_MS) return out;
    return Math.min(out, (inFlightBytes * 1000) / unacknowledgedMs);
  }

  /** The growth of a counter per second, in the last seconds, without a burst. */
  #arriving(counter: (sample: Sample) => number): number {
    const samples = this.#samples.slice(-RATE_S - 1);
    const growth = samples.slice(1).map((sample, n) => {
      const before = samples[n]!;
      return ((counter(sample) - counter(before)) * 1000) / (sample.at - before.at);
    });
    const sum = growth.reduce((total, each) => total + each, 0);
    const most = Math.max(0, ...growth);
    const others = growth.length > 1 ? (sum - most) / (growth.length - 1) : most;
    return most > BURST * others ? others : sum / Math.max(1, growth.length);
  }

  /** What is wrong at present, with its cause and its remedy; its kind shows whether it is still the same. */
  get problem(): { readonly kind: FlowProblem; readonly sentence: string } | undefined {
    const state = this.#state;
    if (!state?.connected || state.queued === 0) return undefined;
    const { unacknowledgedMs, undeliveredMs, inFlightBytes, lineRate, answerMs } = state;
    const isLarge = inFlightBytes >= LARGE_BYTES;
    const stillMs = Math.min(unacknowledgedMs, undeliveredMs);
    // Networks may take a large message, and show nothing of its way for a time.
    if (stillMs >= STALLED_MS + (isLarge ? state.slackMs : 0)) {
      return { kind: 'stalled', sentence: STALLED };
    }
    const takesMs = lineRate === undefined ? unacknowledgedMs : (inFlightBytes * 1000) / lineRate;
    if (isLarge && unacknowledgedMs > BEGUN_MS && takesMs > SLOW_MS) {
      return { kind: 'slow', sentence: slowSentence(inFlightBytes, lineRate) };
    }
    if (answerMs >= LATE_MS) return { kind: 'late', sentence: LATE };
    return this.#hasGrown() ? { kind: 'growing', sentence: GROWING } : undefined;
  }

  /** The growth of a counter per second, in the last seconds of the connection. */
  #over(counter: (sample: Sample) => number): number {
    const last = this.#samples.at(-1);
    if (!last || this.#connectedAt === undefined) return 0;
    const from = Math.max(last.at - RATE_S * 1000, this.#connectedAt);
    const first = this.#samples.find(({ at }) => at >= from);
    if (!first || first === last) return 0;
    return ((counter(last) - counter(first)) * 1000) / (last.at - first.at);
  }

  /** Whether more waits now than in every sixth of the last minute before, each more than the one before it. */
  #hasGrown(): boolean {
    const last = this.#samples.at(-1);
    const first = this.#samples[0];
    if (!last || !first || last.at - first.at < GROWTH_S * 1000) return false;
    let before = -1;
    for (let sixth = 0; sixth < 6; sixth++) {
      const from = first.at + sixth * 10_000;
      const within = this.#samples.filter(({ at }) => at >= from && at < from + 10_000);
      const mean = within.reduce((sum, { queuedBytes }) => sum + queuedBytes, 0) / within.length;
      if (!(mean > before)) return false;
      before = mean;
    }
    return last.queuedBytes > before;
  }
}

const GROWING =
  'the queue has grown for a minute: more messages arrive than the connection takes; send less (deadband, heartbeat, fewer routes) or use a faster connection';
const STALLED =
  'messages wait and nothing flows: the plant acknowledges nothing and takes no bytes; check the plant and the network';
const LATE =
  'the plant acknowledges late, after more than 8 s: it or the network is overloaded; check the load of the plant';

function slowSentence(bytes: number, rate: number | undefined): string {
  const kilobytes = Math.round(bytes / 1000);
  const takes =
    rate === undefined
      ? 'are on their way'
      : `take about ${Math.round(bytes / rate)} s at ${Math.round(rate / 100) / 10} kB/s`;
  return `the connection is slow: ${kilobytes} kB ${takes}, and urgent messages wait for their end; send smaller messages or use a faster connection`;
}
