import { expect, test } from 'vitest';
import { createGpio } from '../../../src/buses/gpio.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

test('an input is what the output of the same name is', async () => {
  const gpio = createGpio({ log: createQuietLog().log, use: 'simulated' });
  const output = await gpio.line('DO0').output({ initial: false });
  const input = await gpio.line('DO0').input({});
  expect([await output.read(), await input.read()]).toEqual([false, false]);
  const end = new AbortController();
  const edges = input.edges(end.signal)[Symbol.asyncIterator]();
  const next = edges.next();
  await output.write(true);
  expect([await output.read(), await input.read()]).toEqual([true, true]);
  expect((await next).value).toMatchObject({ rising: true, lost: 0 });
  end.abort();
  expect((await edges.next()).done).toBe(true);
});

test('activeLow turns a level round', async () => {
  const gpio = createGpio({ log: createQuietLog().log, use: 'simulated' });
  const output = await gpio.line('DO1').output({ initial: true, activeLow: true });
  expect(await output.read()).toBe(true);
  expect(await (await gpio.line('DO1').input({})).read()).toBe(false);
  expect(await (await gpio.line('DI9').input({ activeLow: true })).read()).toBe(false);
});

test('no simulated line stands in for one that is missing', async () => {
  const gpio = createGpio({ log: createQuietLog().log, backends: [] });
  await expect(gpio.line('DO0').output({ initial: false })).rejects.toThrow(/offers no GPIO/);
});
