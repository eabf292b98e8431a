/** A message as the plant's subscriber saw it. */
export interface Arrival {
  readonly topic: string;
  readonly payload: string;
}

/** What the LAN client published: the numbers from 0 below `messages`, each on the topic of its remainder by `topics`. */
export interface Published {
  readonly messages: number;
  readonly topics: number;
  /** The topic at the plant of each remainder. */
  topicOf(remainder: number): string;
  /** The topic at the plant of a sensor whose readings have `boot` and `seq`. */
  readonly sensor: string;
}

export interface Verdict {
  /** Messages that never arrived. */
  readonly lost: number;
  /** Messages that arrived for the first time after a later one of their topic. */
  readonly disordered: number;
  /** Arrivals beyond the first of each message. */
  readonly duplicates: number;
  /** Different readings that arrived. */
  readonly readings: number;
  /** Readings that arrived for the first time after a later one, as `boot/seq`. */
  readonly unordered: readonly string[];
  /** Readings that are missing between two of the same boot. */
  readonly gaps: number;
}

interface Reading {
  readonly boot: number;
  readonly seq: number;
}

/** Compares what arrived at the plant with what was published on the LAN. */
export function verdictOf(arrivals: readonly Arrival[], published: Published): Verdict {
  return { ...messagesOf(arrivals, published), ...readingsOf(arrivals, published) };
}

function messagesOf(
  arrivals: readonly Arrival[],
  { messages, topics, topicOf }: Published,
): Pick<Verdict, 'lost' | 'disordered' | 'duplicates'> {
  let [lost, disordered, duplicates] = [0, 0, 0];
  for (let remainder = 0; remainder < topics; remainder++) {
    const topic = topicOf(remainder);
    const got = arrivals
      .filter((each) => each.topic === topic)
      .map(({ payload }) => Number(payload));
    const unique = new Set(got);
    duplicates += got.length - unique.size;
    for (let n = remainder; n < messages; n += topics) if (!unique.has(n)) lost++;
    const firsts = [...unique];
    disordered += firsts.filter((n, index) => index > 0 && n < firsts[index - 1]!).length;
  }
  return { lost, disordered, duplicates };
}

function readingsOf(
  arrivals: readonly Arrival[],
  { sensor }: Published,
): Pick<Verdict, 'readings' | 'unordered' | 'gaps'> {
  const seen = new Set<string>();
  const unordered: string[] = [];
  let gaps = 0;
  let before: Reading | undefined;
  for (const { topic, payload } of arrivals) {
    if (topic !== sensor) continue;
    const reading = JSON.parse(payload) as Reading;
    const key = `${reading.boot}/${reading.seq}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (before && compare(reading, before) < 0) unordered.push(key);
    if (before?.boot === reading.boot) gaps += reading.seq - before.seq - 1;
    before = reading;
  }
  return { readings: seen.size, unordered, gaps };
}

function compare(one: Reading, other: Reading): number {
  return one.boot - other.boot || one.seq - other.seq;
}
