import { expect, test } from 'vitest';
import digitalInput from '../../../drivers/digital-input.ts';
import { settle } from '../../support/manual-clock.ts';
import { never, openSensor } from '../../support/open-sensor.ts';
import { playbackLine } from '../../support/playback-gpio.ts';

test('takes the line as configured, reads it and gives it back', async () => {
  const line = playbackLine(true);
  const options = { activeLow: true, debounce: '10ms', bias: 'pull-up' } as const;
  const sensor = await openSensor(digitalInput, line, options);
  expect(line.taken).toEqual({ activeLow: true, debounceMs: 10, bias: 'pull-up' });
  expect(await sensor.read(never)).toEqual({ '': { value: true } });
  line.set(false);
  expect(await sensor.read(never)).toEqual({ '': { value: false } });
  await sensor.close?.();
  expect(line.taken).toBeUndefined();
});

test('reports each change', async () => {
  const line = playbackLine();
  const sensor = await openSensor(digitalInput, line, {});
  expect(line.taken).toEqual({ activeLow: false, debounceMs: 0 });
  const end = new AbortController();
  const seen: unknown[] = [];
  const watching = (async () => {
    for await (const samples of sensor.changes?.(end.signal) ?? []) seen.push(samples);
  })();
  line.set(true);
  line.set(false);
  await settle();
  end.abort();
  await watching;
  expect(seen).toEqual([{ '': { value: true } }, { '': { value: false } }]);
});

test('a bus error is the reason, at opening, reading and watching', async () => {
  const line = playbackLine();
  const sensor = await openSensor(digitalInput, line, {});
  const change = sensor.changes?.(never)[Symbol.asyncIterator]().next();
  line.fail('line DI0 is gone');
  await expect(change).rejects.toThrow('line DI0 is gone');
  await expect(sensor.read(never)).rejects.toThrow('line DI0 is gone');
  await expect(openSensor(digitalInput, line, {})).rejects.toThrow('line DI0 is gone');
});
