import { expect, test } from 'vitest';
import { SensorCondition } from '../../../src/sensors/sensor-condition.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

function setUp() {
  const clock = createManualClock();
  const { log, lines } = createQuietLog();
  return { clock, lines, condition: new SensorCondition('boiler', clock, log) };
}

test('a failure is logged when its reason changes, and when reads succeed again', () => {
  const { condition, lines, clock } = setUp();
  expect(condition.fail(new Error('no answer'))).toBe('no answer');
  condition.fail(new Error('no answer'));
  expect(condition.fail('stuck')).toBe('stuck');
  expect([condition.failure, condition.failures, condition.lastRead]).toEqual([
    'stuck',
    3,
    undefined,
  ]);
  condition.succeed();
  condition.succeed();
  expect([condition.failure, condition.failures]).toEqual([undefined, 0]);
  expect(condition.lastRead).toBe(clock.wall());
  expect(lines).toEqual([
    'sensor boiler: no answer',
    'sensor boiler: stuck',
    'sensor boiler: reads again',
  ]);
});

test('it counts missed deadlines and the time since the last progress', async () => {
  const { condition, clock } = setUp();
  await clock.advance(700);
  expect(condition.idleMs()).toBe(700);
  condition.progress(2);
  condition.progress();
  condition.progress(1);
  expect([condition.idleMs(), condition.missed]).toEqual([0, 3]);
});
