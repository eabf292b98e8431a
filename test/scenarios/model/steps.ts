import fc from 'fast-check';
import type { Qos } from '../../support/packets.ts';
import type { Held } from './client.ts';
import { FILTERS, TOPICS } from './topics.ts';

/** What a client publishes; `empty` is a payload of no bytes. */
export interface Words {
  readonly topic: string;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly empty: boolean;
  /** In seconds; of MQTT 5, as the properties. */
  readonly expiry?: number;
  readonly properties?: boolean;
}

export interface WillWords {
  readonly qos: Qos;
  readonly retain: boolean;
  /** In seconds; of MQTT 5, as the others. */
  readonly delay?: number;
  readonly expiry?: number;
  readonly properties?: boolean;
}

/** A connection of MQTT 5. */
export interface Five {
  /** Of the session, in seconds. */
  readonly expiry: number;
  readonly receiveMaximum: number;
  readonly aliases: number;
  readonly refuses: boolean;
}

/** Of a SUBSCRIBE of MQTT 5: the options of all its filters, and its identifier or 0. */
export interface SubscribeFive {
  readonly options: number;
  readonly identifier: number;
}

/** The session expiry that never ends. */
export const NEVER = 0xffffffff;
/** What a `pass` step takes, in milliseconds: more than the shorter expiries, less than the longer ones. */
export const PASS_MS = 100_000;
const SHORT_S = 50;
const LONG_S = 150;

/** One thing that happens; a step that has no meaning at its moment (e.g. a publish while away) is passed over. */
export type Step =
  | { do: 'connect'; client: number; clean: boolean; will: WillWords | undefined; five?: Five }
  | {
      do: 'subscribe';
      client: number;
      wishes: readonly (readonly [string, Qos])[];
      five?: SubscribeFive;
    }
  | { do: 'unsubscribe'; client: number; filters: readonly string[] }
  | { do: 'publish'; client: number; burst: readonly Words[] }
  /** So many that a queue does not stand in memory as a whole. */
  | { do: 'flood'; client: number; words: Words; count: number }
  /** The connection, or the whole gateway, goes when this many acknowledgements have come. */
  | { do: 'cut'; client: number; burst: readonly Words[]; after: number; crash: boolean }
  /** Everything in one segment: subscribe, publish, unsubscribe. */
  | { do: 'mixed'; client: number; filter: string; qos: Qos; burst: readonly Words[] }
  | { do: 'hold'; client: number; held: Held }
  | { do: 'answer'; client: number; count: number }
  | { do: 'holdRelease'; client: number }
  | { do: 'repeat'; client: number }
  | { do: 'release'; client: number }
  | { do: 'drop'; client: number }
  /** With the will, or with another session expiry, where they are given in MQTT 5. */
  | { do: 'disconnect'; client: number; withWill?: boolean; expiry?: number }
  /** Time passes. */
  | { do: 'pass' }
  | { do: 'restart' }
  | { do: 'crash' };

export const CLIENTS = 4;

const client = fc.nat({ max: CLIENTS - 1 });
const qos = fc.constantFrom<Qos>(0, 1, 2);
const filter = fc.constantFrom(...FILTERS);
const expiry = fc.constantFrom(0, 0, SHORT_S, LONG_S);
const five: fc.Arbitrary<Five> = fc.record({
  expiry: fc.constantFrom(0, SHORT_S, LONG_S, NEVER, NEVER),
  receiveMaximum: fc.constantFrom(2, 65_535),
  aliases: fc.constantFrom(0, 2),
  refuses: fc.constantFrom(false, false, true),
});
const maybeFive = fc.option(five, { nil: undefined, freq: 2 });
const subscribeFive: fc.Arbitrary<SubscribeFive> = fc.record({
  // No Local 4, Retain As Published 8, Retain Handling 16 and 32.
  options: fc.constantFrom(0, 0, 4, 8, 12, 16, 24, 32),
  identifier: fc.constantFrom(0, 1, 2, 300),
});
const words: fc.Arbitrary<Words> = fc.record({
  expiry,
  properties: fc.boolean(),
  topic: fc.constantFrom(...TOPICS),
  qos,
  retain: fc.oneof(
    { weight: 3, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  empty: fc.oneof(
    { weight: 9, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
});
const burst = fc.array(words, { minLength: 1, maxLength: 12 });

/** `Do` steps with the fields that these arbitraries give. */
function step<Do extends Step['do']>(
  name: Do,
  fields: { [Key in keyof Omit<Extract<Step, { do: Do }>, 'do'>]: fc.Arbitrary<unknown> },
): fc.Arbitrary<Step> {
  return fc.record({
    do: fc.constant(name),
    ...fields,
  }) as fc.Arbitrary<unknown> as fc.Arbitrary<Step>;
}

/** Clients that are there from the beginning, most of them persistent and subscribed. */
const beginning: fc.Arbitrary<Step[]> = fc
  .tuple(
    ...Array.from({ length: CLIENTS }, (_, each) =>
      fc.record({
        there: fc.constantFrom(true, true, true, false),
        clean: fc.constantFrom(false, false, true),
        // Each sequence has at least one.
        five: each === 0 ? five : maybeFive,
        subscribe: subscribeFive,
        wishes: fc.array(fc.tuple(filter, qos), { minLength: 1, maxLength: 3 }),
        each: fc.constant(each),
      }),
    ),
  )
  .map((clients) =>
    clients
      .filter(({ there, each }) => there || each === 0)
      .flatMap(({ each, clean, wishes, five: version, subscribe }): Step[] => [
        {
          do: 'connect',
          client: each,
          clean,
          will: undefined,
          ...(version ? { five: version } : {}),
        },
        { do: 'subscribe', client: each, wishes, five: subscribe },
      ]),
  );

/** Each kind as often as it finds something. */
const middle: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: step('connect', {
        client,
        clean: fc.oneof(fc.constant(false), fc.constant(false), fc.constant(true)),
        will: fc.option(
          fc.record({
            qos,
            retain: fc.boolean(),
            delay: fc.constantFrom(0, SHORT_S, LONG_S),
            expiry,
            properties: fc.boolean(),
          }),
          { nil: undefined, freq: 2 },
        ),
        five: maybeFive,
      }),
    },
    {
      weight: 5,
      arbitrary: step('subscribe', {
        client,
        wishes: fc.array(fc.tuple(filter, qos), { minLength: 1, maxLength: 4 }),
        five: subscribeFive,
      }),
    },
    {
      weight: 1,
      arbitrary: step('unsubscribe', {
        client,
        filters: fc.array(filter, { minLength: 1, maxLength: 3 }),
      }),
    },
    { weight: 8, arbitrary: step('publish', { client, burst }) },
    {
      weight: 1,
      arbitrary: step('flood', { client, words, count: fc.integer({ min: 100, max: 800 }) }),
    },
    {
      weight: 3,
      arbitrary: step('cut', { client, burst, after: fc.nat({ max: 12 }), crash: fc.boolean() }),
    },
    { weight: 2, arbitrary: step('mixed', { client, filter, qos, burst }) },
    {
      weight: 2,
      arbitrary: step('hold', {
        client,
        held: fc.constantFrom<Held>('nothing', 'messages', 'messages', 'releases'),
      }),
    },
    { weight: 2, arbitrary: step('answer', { client, count: fc.integer({ min: 1, max: 6 }) }) },
    { weight: 1, arbitrary: step('holdRelease', { client }) },
    { weight: 1, arbitrary: step('repeat', { client }) },
    { weight: 1, arbitrary: step('release', { client }) },
    { weight: 3, arbitrary: step('drop', { client }) },
    {
      weight: 2,
      arbitrary: step('disconnect', {
        client,
        withWill: fc.boolean(),
        expiry: fc.constantFrom(undefined, undefined, 0, SHORT_S, LONG_S),
      }),
    },
    { weight: 2, arbitrary: step('pass', {}) },
    { weight: 1, arbitrary: step('restart', {}) },
    { weight: 1, arbitrary: step('crash', {}) },
  ),
  { minLength: 6, maxLength: 30, size: 'max' },
);

/** Sequences of steps. */
export const steps: fc.Arbitrary<Step[]> = fc
  .tuple(beginning, middle)
  .map(([first, then]) => [...first, ...then]);
