/**
 * What independent clients have seen, and the judgement over it. Knows nothing of sockets, so that
 * it can be tested itself: a log with a lost, doubled or swapped message must be told.
 */
export type Qos = 1 | 2;

/** One topic, its messages counted from 1. */
export interface Trail {
  readonly topic: string;
  readonly qos: Qos;
  /** How many were given to the publisher. */
  published: number;
  /** Acknowledged before the kill (PUBACK or PUBREC), by number. */
  readonly acknowledged: Set<number>;
  /** What the subscribing application was given, in order. */
  readonly received: number[];
}

/** A retained topic after the recovery: what was acknowledged last and what a new subscriber got. */
export interface RetainedTrail {
  readonly topic: string;
  /** The last acknowledged message, 0 for none. */
  readonly acknowledged: number;
  readonly published: number;
  /** Numbers of those that deleted the value. */
  readonly deletions: ReadonlySet<number>;
  /** The number of the value that came, 0 when none did. */
  readonly found: number;
}

/** A filter after the recovery; `wanted` is undefined when an unacknowledged request leaves it open. */
export interface SubscriptionTrail {
  readonly filter: string;
  readonly wanted: boolean | undefined;
  readonly found: boolean;
}

export interface Ledger {
  readonly trails: readonly Trail[];
  readonly retained: readonly RetainedTrail[];
  readonly subscriptions: readonly SubscriptionTrail[];
  /** Client ids whose acknowledged session was not there again. */
  readonly forgotten: readonly string[];
  /** What else broke the standard, in a sentence each. */
  readonly violations: readonly string[];
  /** Sent again after the kill without DUP: a broker that died may not know that it had sent them. */
  readonly unmarked: number;
}

export interface Verdict {
  /** Acknowledged before the kill. */
  readonly acknowledged: number;
  readonly received: number;
  /** Acknowledged and never received. */
  readonly lost: number;
  /** QoS 2 received more than once. */
  readonly duplicates: number;
  /** QoS 1 received more than once, which is allowed. */
  readonly repeats: number;
  /** Received for the first time after a later one of its topic. */
  readonly disorder: number;
  /** Never published, or published after the recovery and not received. */
  readonly wrong: number;
  readonly retained: number;
  readonly subscriptions: number;
  readonly sessions: number;
  readonly violations: number;
  /** No fault: told, not judged. */
  readonly unmarked: number;
  /** The first few faults in words. */
  readonly faults: readonly string[];
}

const TOLD = 6;

/** Judges a ledger whose publishers have had everything acknowledged in the end. */
export function judge(ledger: Ledger): Verdict {
  const faults: string[] = [];
  const count = { acknowledged: 0, received: 0, lost: 0, duplicates: 0, repeats: 0 };
  let disorder = 0;
  let wrong = 0;
  for (const trail of ledger.trails) {
    const found = judgeTrail(trail, faults);
    count.acknowledged += trail.acknowledged.size;
    count.received += found.distinct;
    count.lost += found.lost;
    count[trail.qos === 2 ? 'duplicates' : 'repeats'] += found.repeated;
    disorder += found.disorder;
    wrong += found.wrong;
  }
  const retained = ledger.retained.filter((one) => !isCurrent(one));
  for (const { topic, acknowledged, found } of retained) {
    faults.push(`${topic}: retained ${found || 'nothing'}, acknowledged ${acknowledged}`);
  }
  const subscriptions = ledger.subscriptions.filter(
    ({ wanted, found }) => wanted !== undefined && wanted !== found,
  );
  for (const { filter, wanted } of subscriptions) {
    faults.push(`${filter}: acknowledged as ${wanted ? 'subscribed' : 'unsubscribed'}, is not`);
  }
  for (const clientId of ledger.forgotten) faults.push(`${clientId}: its session is gone`);
  faults.push(...ledger.violations);
  return {
    ...count,
    disorder,
    wrong,
    retained: retained.length,
    subscriptions: subscriptions.length,
    sessions: ledger.forgotten.length,
    violations: ledger.violations.length,
    unmarked: ledger.unmarked,
    faults: faults.slice(0, TOLD),
  };
}

/** Whether nothing that was promised is broken. */
export function isClean(verdict: Verdict): boolean {
  const { lost, duplicates, disorder, wrong, retained, subscriptions, sessions } = verdict;
  const sum = lost + duplicates + disorder + wrong + retained + subscriptions + sessions;
  return sum + verdict.violations === 0;
}

function judgeTrail(trail: Trail, faults: string[]) {
  const { topic, qos, published, acknowledged, received } = trail;
  const seen = new Set<number>();
  let [repeated, disorder, wrong, lost, last] = [0, 0, 0, 0, 0];
  for (const number of received) {
    if (!(number >= 1 && number <= published)) {
      wrong++;
      faults.push(`${topic}: received ${number} of ${published}`);
    } else if (seen.has(number)) {
      repeated++;
      if (qos === 2) faults.push(`${topic}: QoS 2 message ${number} received twice`);
    } else {
      seen.add(number);
      if (number < last) {
        disorder++;
        faults.push(`${topic}: ${number} received after ${last}`);
      }
      last = Math.max(last, number);
    }
  }
  for (let number = 1; number <= published; number++) {
    if (seen.has(number)) continue;
    if (acknowledged.has(number)) lost++;
    else wrong++;
    faults.push(
      `${topic}: ${number} ${acknowledged.has(number) ? 'acknowledged and ' : ''}not received`,
    );
  }
  return { distinct: seen.size, repeated, disorder, wrong, lost };
}

function isCurrent({ acknowledged, published, deletions, found }: RetainedTrail): boolean {
  if (found > 0) return found >= acknowledged && found <= published && !deletions.has(found);
  if (acknowledged === 0) return true;
  for (let number = acknowledged; number <= published; number++) {
    if (deletions.has(number)) return true;
  }
  return false;
}
