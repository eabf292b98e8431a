import { describe, expect, test } from 'vitest';
import type { Packet5, Properties } from '../../support/packets-5.ts';
import { faultsOfGroup, faultsOfMessages, faultsOfWills, type Published } from './kill-5/faults.ts';
import { runKill5 } from './kill-5/run.ts';

/** Another seed every day, the same all day. */
const SEED = Number(process.env.KILL_SEED ?? Math.floor(Date.now() / 86_400_000));
const RUNS = 3;

const own: Properties = [['userProperty', ['a', 'b']]];
const published: Published = {
  topic: 't',
  payload: '1',
  properties: own,
  at: { from: 0, to: 100 },
  sentAt: 0,
};
const packet = (expiry: number, over: Partial<Packet5> = {}): Packet5 => ({
  type: 'publish',
  raw: Buffer.alloc(0),
  topic: 't',
  payload: '1',
  properties: [['messageExpiry', expiry], ...own, ['subscriptionIdentifier', 7]],
  ...over,
});

describe('the faults that are found', () => {
  const faultsOf = (packets: readonly Packet5[], from = 10_000, to = 10_100) =>
    faultsOfMessages(
      [published],
      {
        expiryMs: 30_000,
        identifiers: [7],
        messages: packets.map((each) => ({ packet: each, at: to })),
        seen: { from, to },
      },
      1000,
    ).length;

  test.each([
    ['it came', faultsOf([packet(20)]), 0],
    ['it came with a second too many', faultsOf([packet(22)]), 0],
    ['it expired while it was away', faultsOf([], 31_000, 32_000), 0],
    ['it was lost', faultsOf([]), 1],
    ['it came twice', faultsOf([packet(20), packet(20)]), 1],
    ['it came after its expiry', faultsOf([packet(0)], 32_000, 33_000), 1],
    ['the time that is left was never counted', faultsOf([packet(30)]), 1],
    ['the time that is left is too short', faultsOf([packet(17)]), 1],
    ['its properties are gone', faultsOf([packet(20, { properties: [['messageExpiry', 20]] })]), 2],
    ['another came', faultsOf([packet(20), packet(20, { payload: '2' })]), 1],
  ])('%s', (_name, faults, expected) => expect(faults).toBe(expected));

  const will = { payload: '1', properties: own, due: { from: 10_000, to: 10_500 } };
  const arrived = packet(30, { properties: own });
  test.each([
    ['a will came in its time', [[will, [10_700]]], 0],
    ['a will came before its time', [[will, [8900]]], 1],
    ['a will came too late', [[will, [11_700]]], 1],
    ['a will came twice', [[will, [10_100, 10_200]]], 1],
    ['a will never came', [[will, []]], 1],
    ['a will that is void came', [[{ ...will, due: undefined }, [10_100]]], 1],
  ] as const)('%s', (_name, [[each, times]], expected) => {
    const all = times.map((at) => ({ packet: arrived, at }));
    expect(faultsOfWills([each], all, 100)).toHaveLength(expected);
  });
});

describe('the faults of a group that are found', () => {
  const shared = (over: Partial<Packet5> = {}) => ({
    packet: packet(0, { properties: own, qos: 1, dup: false, ...over }),
  });
  const unanswered = { ...published, at: undefined };
  test.each([
    ['each came', [published], [shared()], 0],
    [
      'it came with another identifier',
      [published],
      [shared({ properties: [...own, ['subscriptionIdentifier', 9]] })],
      0,
    ],
    ['it was lost', [published], [], 1],
    ['it was never acknowledged', [unanswered], [], 0],
    ['it came again with DUP', [published], [shared(), shared({ dup: true })], 0],
    ['it came again without DUP', [published], [shared(), shared()], 1],
    ['it came twice at QoS 2', [published], [shared({ qos: 2 }), shared({ qos: 2, dup: true })], 1],
    ['its properties are gone', [published], [shared({ properties: [] })], 1],
  ])('%s', (_name, all, arrived, expected) => {
    expect(faultsOfGroup(all, arrived as never)).toHaveLength(expected);
  });
});

test('T45 killed at any moment, the gateway keeps what it has promised in MQTT 5', {
  timeout: 240_000,
}, async () => {
  const lines: string[] = [];
  const outcomes = await runKill5({ runs: RUNS, seed: SEED, print: (line) => lines.push(line) });
  console.log(`seed ${SEED} (KILL_SEED)\n${lines.join('\n')}`);
  const faults = outcomes.flatMap((each) => each.faults);
  expect(faults, lines.join('\n')).toEqual([]);
  expect(outcomes.every(({ acknowledged }) => acknowledged > 0)).toBe(true);
});
