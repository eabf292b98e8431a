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
}

export interface WillWords {
  readonly qos: Qos;
  readonly retain: boolean;
}

/** One thing that happens; a step that has no meaning at its moment (e.g. a publish while away) is passed over. */
export type Step =
  | { do: 'connect'; client: number; clean: boolean; will: WillWords | undefined }
  | { do: 'subscribe'; client: number; wishes: readonly (readonly [string, Qos])[] }
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
  | { do: 'disconnect'; client: number }
  | { do: 'restart' }
  | { do: 'crash' };

export const CLIENTS = 4;

const client = fc.nat({ max: CLIENTS - 1 });
const qos = fc.constantFrom<Qos>(0, 1, 2);
const filter = fc.constantFrom(...FILTERS);
const words: fc.Arbitrary<Words> = fc.record({
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
        wishes: fc.array(fc.tuple(filter, qos), { minLength: 1, maxLength: 3 }),
        each: fc.constant(each),
      }),
    ),
  )
  .map((clients) =>
    clients
      .filter(({ there }) => there)
      .flatMap(({ each, clean, wishes }): Step[] => [
        { do: 'connect', client: each, clean, will: undefined },
        { do: 'subscribe', client: each, wishes },
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
        will: fc.option(fc.record({ qos, retain: fc.boolean() }), { nil: undefined, freq: 2 }),
      }),
    },
    {
      weight: 5,
      arbitrary: step('subscribe', {
        client,
        wishes: fc.array(fc.tuple(filter, qos), { minLength: 1, maxLength: 4 }),
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
    { weight: 2, arbitrary: step('disconnect', { client }) },
    { weight: 1, arbitrary: step('restart', {}) },
    { weight: 1, arbitrary: step('crash', {}) },
  ),
  { minLength: 6, maxLength: 30, size: 'max' },
);

/** Sequences of steps. */
export const steps: fc.Arbitrary<Step[]> = fc
  .tuple(beginning, middle)
  .map(([first, then]) => [...first, ...then]);
