import { expect, test } from 'vitest';
import { SwitchLog } from '../../../src/outputs/switch-log.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

function setUp() {
  const clock = createManualClock();
  const { log, lines, records } = createQuietLog();
  return { clock, lines, records, switches: new SwitchLog(log, 'lamp', clock.monotonic) };
}

test('a change has a line with its level', () => {
  const { switches, records } = setUp();
  switches.changed('info', 'switched on by client "hmi"');
  switches.changed('warn', 'switched off, the supply has failed');
  expect(records.map(({ level, msg }) => [level, msg])).toEqual([
    [30, 'output lamp: switched on by client "hmi"'],
    [40, 'output lamp: switched off, the supply has failed'],
  ]);
});

test('an hour of ten changes a second has six lines a minute; the last change is in the log', async () => {
  const { clock, switches, lines } = setUp();
  for (let change = 1; change <= 36_000; change++) {
    switches.changed('info', `change ${change}`);
    await clock.advance(100);
  }
  expect(lines.length).toBeGreaterThan(370);
  expect(lines.length).toBeLessThan(390);
  const counted = lines.reduce(
    (sum, line) => sum + Number(/; (\d+) changes before/.exec(line)?.[1] ?? 0),
    lines.length,
  );
  await clock.advance(10_000);
  switches.flush();
  const last = lines.at(-1)!;
  expect(last).toMatch(/^output lamp: change 36000; \d+ changes before it are not in the log$/);
  expect(counted + 1 + Number(/; (\d+)/.exec(last)?.[1])).toBe(36_000);
  switches.flush();
  switches.close();
  expect(lines.at(-1)).toBe(last);
});

test('the last change is in the log when the output is closed', () => {
  const { switches, lines } = setUp();
  for (let change = 1; change <= 23; change++) switches.changed('info', `change ${change}`);
  expect(lines).toHaveLength(20);
  switches.close();
  expect(lines.at(-1)).toBe('output lamp: change 23; 2 changes before it are not in the log');
});
