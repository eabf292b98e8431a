import { expect, test } from 'vitest';
import { Sequence } from '../../../src/base/sequence.ts';
import { createMemoryState } from '../../../src/base/state.ts';
import type { FilterConfig } from '../../../src/config/schema/filters.ts';
import { createChannelPublisher } from '../../../src/sensors/channel-publisher.ts';
import { createManualClock } from '../../support/manual-clock.ts';

function setUp(filters: readonly FilterConfig[], clockIsSet = () => true) {
  const clock = createManualClock();
  const seen: string[] = [];
  const publisher = createChannelPublisher(
    { name: '', unit: 'W' },
    {
      sensor: 'power',
      topic: 'cell/power',
      payload: 'json',
      boot: () => 1,
      sequence: new Sequence(),
      filters,
      clock,
      state: createMemoryState().of('power'),
      clockIsSet,
      publish: (_topic, payload) => {
        const { value, unit, seq, reason } = JSON.parse(Buffer.from(payload).toString());
        const why = reason === undefined ? '' : ` (${reason})`;
        seen.push(`${clock.monotonic()}: ${value} ${unit} #${seq}${why}`);
      },
    },
  );
  const take = (value: number | boolean) => publisher.take({ value }, clock.monotonic());
  return { clock, seen, publisher, take };
}

test('a filter that waits publishes by itself, at its time', async () => {
  const { clock, seen, take } = setUp([{ throttleAverage: 1000 }, { unit: 'kW' }]);
  take(1);
  await clock.advance(400);
  take(3);
  await clock.advance(600);
  expect(seen).toEqual(['1000: 2 kW #1']);
  await clock.advance(10_000);
  expect(seen).toHaveLength(1);
});

test('an alarm that is put off does not ring early', async () => {
  const { clock, seen, take } = setUp([{ timeout: 1000 }]);
  take(1);
  await clock.advance(700);
  take(2);
  await clock.advance(999);
  expect(seen).toEqual(['0: 1 W #1', '700: 2 W #2']);
  await clock.advance(1);
  expect(seen.at(-1)).toBe('1700: null W #3 (no sample for 1 s)');
});

test('after the stop nothing more is published, and no timer is left', async () => {
  const { clock, seen, publisher, take } = setUp([{ delayedOn: 100 }]);
  take(true);
  publisher.stop();
  await clock.advance(1000);
  expect(seen).toEqual([]);
  expect(clock.sleeping).toBe(0);
});

test('whatever else is wrong, it is said that the clock was not set', async () => {
  let isSet = false;
  const { clock, seen, take, publisher } = setUp([{ throttleAverage: 1000 }], () => isSet);
  publisher.take({ value: null, reason: 'no answer from 0x48' }, clock.monotonic());
  take(3);
  await clock.advance(500);
  isSet = true;
  await clock.advance(500);
  expect(seen).toEqual([
    '0: null W #1 (no answer from 0x48; clock not yet set)',
    // Its time is that of the publication, so it is right.
    '1000: 3 W #2',
  ]);
});
