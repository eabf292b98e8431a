import { describe, expect, test } from 'vitest';
import { createCell, reader, scriptedDriver } from '../../support/cell.ts';
import { createManualClock, settle } from '../../support/manual-clock.ts';

const hang = (): Promise<never> => new Promise(() => undefined);

describe('sensing as a whole', () => {
  const sensor = { driver: 'scripted', every: 1000, timeout: 500, payload: 'json' } as const;
  const named = (name: string) => ({ ...sensor, name, filters: [], options: {} });

  test('reports the failures of several sensors, which have one cause', async () => {
    const driver = scriptedDriver(() => Promise.reject(new Error('not here')));
    const cell = createCell(driver, {}, { sensors: [named('a'), named('b/c')] });
    expect(cell.sensing.name).toBe('sensing');
    expect(cell.sensing.failures?.()).toEqual([]);
    await cell.sensing.start();
    await settle();
    expect(cell.sensing.failures?.()).toEqual([
      { kind: 'sensor', name: 'a', cause: 'not here', shared: 'not here' },
      { kind: 'sensor', name: 'b/c', cause: 'not here', shared: 'not here' },
    ]);
    expect(cell.sensing.status()).toMatchObject([
      { name: 'a', failure: 'not here', failures: 1 },
      { name: 'b/c', channels: [{ topic: 'robotcell1/b/c', quality: 'bad', seq: 1 }] },
    ]);
    await cell.sensing.stop();
  });

  test('keeps the retained values of removed sensors until the config stays', async () => {
    const deleted: string[] = [];
    const publish = (topic: string, payload: Uint8Array): void => {
      if (payload.length === 0) deleted.push(topic);
    };
    const driver = scriptedDriver(reader(async () => ({ '': { value: 1 } })));
    const cell = createCell(driver, {}, { sensors: [named('a'), named('b')], publish });
    await cell.sensing.start();
    const drivers = new Map([[driver.name, driver]]);
    await cell.sensing.applyConfig([named('a')], drivers);
    // As a reload does that another part refuses.
    await cell.sensing.applyConfig([named('a'), named('b')], drivers);
    cell.sensing.configApplied();
    expect(deleted).toEqual([]);
    await cell.sensing.applyConfig([named('a')], drivers);
    cell.sensing.configApplied();
    expect(deleted).toEqual(['robotcell1/b']);
    await cell.sensing.stop();
  });

  test('publishes each reading on its mirror too, in the form of that, and deletes it with the sensor', async () => {
    const published: string[] = [];
    const publish = (topic: string, payload: Uint8Array, form?: object): void => {
      const text = Buffer.from(payload).toString();
      const shown = text.startsWith('{') ? JSON.parse(text).value : text;
      published.push(`${topic} ${shown} ${JSON.stringify(form)}`);
    };
    const values = [{ value: 23.5 }, { value: null, reason: 'gone' }, { value: true }];
    const driver = scriptedDriver(reader(async () => ({ '': values.shift() ?? { value: 0 } })));
    const mirror = { topic: 'display/boiler', payload: 'value' } as const;
    const one = { ...named('a'), mirror, expires: 5000 };
    const cell = createCell(driver, {}, { sensors: [one], publish });
    await cell.sensing.start();
    await cell.clock.advance(2000);
    const form = '{"payload":"json","expires":5000}';
    const bare = '{"payload":"value","expires":5000}';
    expect(published).toEqual([
      `robotcell1/a 23.5 ${form}`,
      `display/boiler 23.5 ${bare}`,
      `robotcell1/a null ${form}`,
      `display/boiler null ${bare}`,
      `robotcell1/a true ${form}`,
      `display/boiler true ${bare}`,
    ]);
    published.splice(0);
    await cell.sensing.applyConfig([named('a')], new Map([[driver.name, driver]]));
    cell.sensing.configApplied();
    expect(published.filter((line) => line.startsWith('display'))).toEqual([
      'display/boiler  undefined',
    ]);
    await cell.sensing.stop();
  });

  test('refuses a driver that it does not know', () => {
    const driver = scriptedDriver(hang);
    expect(() => createCell(driver, { driver: 'nothing' })).toThrow(
      'sensor boiler: there is no driver "nothing"',
    );
  });

  test('a publish that throws does not end the sensor', async () => {
    let calls = 0;
    const publish = (): void => {
      calls += 1;
      throw new Error('broker is gone');
    };
    const driver = scriptedDriver(reader(async () => ({ '': { value: 1 } })));
    const cell = createCell(driver, {}, { publish });
    await cell.sensing.start();
    await cell.clock.advance(2000);
    expect(calls).toBe(3);
    expect(cell.lines[0]).toBe('sensor boiler: a reading could not be handed on');
    expect(cell.sensing.failures?.()).toEqual([]);
    await cell.sensing.stop();
  });

  test('a loop that makes no progress is reported', async () => {
    const clock = createManualClock();
    let ahead = 0;
    const driver = scriptedDriver(reader(async () => ({ '': { value: 1 } })));
    const cell = createCell(
      driver,
      {},
      { clock: { ...clock, monotonic: () => clock.monotonic() + ahead } },
    );
    ahead = 100_000;
    expect(cell.sensing.stalled()).toEqual([]);
    ahead = 0;
    await cell.sensing.start();
    await clock.advance(5000);
    expect(cell.sensing.stalled()).toEqual([]);
    ahead = 62_000;
    expect(cell.sensing.stalled()).toEqual(['boiler']);
    await cell.sensing.stop();
  });
});
