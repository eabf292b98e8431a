import { describe, expect, test } from 'vitest';
import { BusError } from '../../../src/buses/bus-error.ts';
import { createCell, reader, scriptedDriver } from '../../support/cell.ts';
import { settle } from '../../support/manual-clock.ts';

const hang = (): Promise<never> => new Promise(() => undefined);

describe('hardware that is missing or late', () => {
  test('is tried again from 1 s up to 30 s apart without end, and works when it appears', async () => {
    const tries: number[] = [];
    let here = false;
    const cell = createCell(
      scriptedDriver(async () => {
        tries.push(cell.clock.monotonic());
        if (!here) throw new Error('i2c-1 does not exist');
        return { read: async () => ({ '': { value: 25 } }) };
      }),
      {},
      { random: () => 0.999_999 },
    );
    await cell.sensing.start();
    await cell.clock.advance(200_000);
    const gaps = tries.map((at, index) => Math.round(at - (tries[index - 1] ?? 0)));
    expect(gaps.slice(0, 6)).toEqual([0, 3000, 9000, 27_000, 30_000, 30_000]);
    expect(cell.take()).toHaveLength(tries.length);
    expect(cell.sensing.failures?.()).toMatchObject([
      { name: 'boiler', cause: 'i2c-1 does not exist' },
    ]);
    expect(cell.sensing.stalled()).toEqual([]);
    here = true;
    await cell.clock.advance(30_000);
    expect(cell.take()).toContain(25);
    expect(cell.sensing.failures?.()).toEqual([]);
    await cell.sensing.stop();
    expect(cell.clock.sleeping).toBe(0);
  });

  test('after a read that succeeded the tries begin 1 s to 3 s apart again', async () => {
    const tries: number[] = [];
    const cell = createCell(
      scriptedDriver(async () => {
        tries.push(cell.clock.monotonic());
        if (tries.length !== 4) throw new Error('i2c-1 does not exist');
        let reads = 0;
        return {
          async read() {
            reads += 1;
            if (reads > 1) throw new BusError('absent', 'no answer from 0x48 on i2c-1');
            return { '': { value: 25 } };
          },
        };
      }),
      {},
      { random: () => 0.999_999 },
    );
    await cell.sensing.start();
    await cell.clock.advance(60_000);
    const gaps = tries.map((at, index) => Math.round(at - (tries[index - 1] ?? 0)));
    // The fourth works, and is lost with its second read, a second later.
    expect(gaps.slice(0, 7)).toEqual([0, 3000, 9000, 27_000, 1000 + 3000, 9000]);
    await cell.sensing.stop();
  });

  test('an opening that hangs is not started twice, and what comes late is closed', async () => {
    let opened = 0;
    let closed = 0;
    let comeBack: () => void = () => undefined;
    const cell = createCell(
      scriptedDriver(async () => {
        opened += 1;
        if (opened === 1) {
          await new Promise<void>((resolve) => {
            comeBack = resolve;
          });
        }
        return {
          read: async () => ({ '': { value: 1 } }),
          close: async () => {
            closed += 1;
          },
        };
      }),
    );
    await cell.sensing.start();
    await cell.clock.advance(20_000);
    expect(opened).toBe(1);
    expect(new Set(cell.take())).toEqual(new Set(['no answer within 5000ms']));
    comeBack();
    await cell.clock.advance(30_000);
    expect(closed).toBe(1);
    expect(opened).toBe(2);
    expect(cell.take()).toContain(1);
    await cell.sensing.stop();
    expect(closed).toBe(2);
  });
});

describe('changes', () => {
  /** A switch whose level a test sets. */
  function createSwitch() {
    let push: (value: boolean) => void = () => undefined;
    let break_: (error: Error) => void = () => undefined;
    let watchers = 0;
    let level = false;
    let slowRead: Promise<void> | undefined;
    const driver = scriptedDriver(
      async () => ({
        async read() {
          const value = level;
          await slowRead;
          return { '': { value } };
        },
        async *changes(signal) {
          watchers += 1;
          try {
            while (!signal.aborted) {
              const value = await new Promise<boolean | undefined>((resolve, reject) => {
                push = resolve;
                break_ = reject;
                signal.addEventListener('abort', () => resolve(undefined), { once: true });
              });
              if (value !== undefined) yield { '': { value } };
            }
          } finally {
            watchers -= 1;
          }
        },
      }),
      [{ name: '', unit: '' }],
    );
    return {
      driver,
      async set(value: boolean) {
        level = value;
        push(value);
        await settle();
      },
      async fail(message: string) {
        break_(new Error(message));
        await settle();
      },
      delayReads(until: Promise<void>) {
        slowRead = until;
      },
      watchers: () => watchers,
    };
  }

  test('are published at once, numbered with the paced readings', async () => {
    const door = createSwitch();
    const cell = createCell(door.driver);
    await cell.sensing.start();
    await cell.clock.advance(300);
    await door.set(true);
    await door.set(false);
    await cell.clock.advance(700);
    expect(cell.published.map(({ value, seq }) => [value, seq])).toEqual([
      [false, 1],
      [true, 2],
      [false, 3],
      [false, 4],
    ]);
    await cell.sensing.stop();
    expect(door.watchers()).toBe(0);
  });

  test('a change during a read is newer than what the read brings', async () => {
    const door = createSwitch();
    const cell = createCell(door.driver);
    await cell.sensing.start();
    await settle();
    door.delayReads(cell.clock.sleep(1200));
    await cell.clock.advance(1100);
    await door.set(true);
    await cell.clock.advance(1000);
    expect(cell.take()).toEqual([false, true, true]);
    await cell.sensing.stop();
  });

  test('when they fail the sensor is opened again', async () => {
    const door = createSwitch();
    const cell = createCell(door.driver);
    await cell.sensing.start();
    await settle();
    await door.fail('line DI0 is gone');
    expect(cell.take()).toEqual([false, 'line DI0 is gone']);
    expect(door.watchers()).toBe(0);
    await cell.clock.advance(1000);
    expect(cell.take()).toEqual([false]);
    expect(door.watchers()).toBe(1);
    await cell.sensing.stop();
    expect(door.watchers()).toBe(0);
  });
});

describe('stopping', () => {
  test('ends a read, leaves a driver that hangs behind, and publishes nothing more', async () => {
    const heard: unknown[] = [];
    const cell = createCell(
      scriptedDriver(
        reader((signal) => {
          signal.addEventListener('abort', () => heard.push('abort'));
          return hang();
        }),
      ),
    );
    await cell.sensing.start();
    await cell.clock.advance(100);
    await cell.sensing.stop();
    expect(heard).toEqual(['abort']);
    expect(cell.take()).toEqual([]);
    expect(cell.clock.sleeping).toBe(0);
  });

  test('filters that keep a sample publish nothing more', async () => {
    const cell = createCell(scriptedDriver(reader(async () => ({ '': { value: 1 } }))), {
      filters: [{ throttleAverage: 5000 }],
    });
    await cell.sensing.start();
    await cell.clock.advance(2000);
    await cell.sensing.stop();
    expect(cell.clock.sleeping).toBe(0);
    await cell.clock.advance(10_000);
    expect(cell.take()).toEqual([]);
  });

  test('a close that hangs is given a second', async () => {
    const cell = createCell(
      scriptedDriver(async () => ({
        read: async () => ({ '': { value: 1 } }),
        close: hang,
      })),
    );
    await cell.sensing.start();
    await settle();
    const stopped = cell.sensing.stop();
    await cell.clock.advance(1000);
    await stopped;
    expect(cell.lines).toEqual(['sensor boiler: could not be closed']);
  });

  test('works before the start, while opening, and while waiting to try again', async () => {
    const unstarted = createCell(scriptedDriver(hang));
    await unstarted.sensing.stop();
    const opening = createCell(scriptedDriver(hang));
    await opening.sensing.start();
    await opening.clock.advance(100);
    await opening.sensing.stop();
    const waiting = createCell(scriptedDriver(() => Promise.reject(new Error('not here'))));
    await waiting.sensing.start();
    await waiting.clock.advance(100);
    await waiting.sensing.stop();
    expect(waiting.take()).toEqual(['not here']);
    for (const { clock } of [unstarted, opening, waiting]) expect(clock.sleeping).toBe(0);
  });
});

test('a sensor with several channels has filters by channel, and publishes those that are listed', async () => {
  const channels = ['voltage', 'current', 'power'].map((name) => ({ name, unit: 'V' }));
  const read = async () => ({ voltage: { value: 1 }, current: { value: 2 }, power: { value: 3 } });
  const cell = createCell(scriptedDriver(reader(read), channels), {
    channels: ['current', 'power'],
    filters: { power: [{ multiply: 10 }], '*': [{ multiply: 100 }] },
  });
  await cell.sensing.start();
  await settle();
  const seen = cell.published.map(({ topic, value }) => [topic, value]);
  expect(seen).toEqual([
    ['robotcell1/boiler/current', 200],
    ['robotcell1/boiler/power', 30],
  ]);
  await cell.sensing.stop();
});

test('a filter publishes what it held back, with the time of its sample', async () => {
  let value = 0;
  const cell = createCell(scriptedDriver(reader(async () => ({ '': { value } }))), {
    filters: [{ throttle: 10_000 }, { deadband: 0.1 }],
    every: 4000,
  });
  await cell.sensing.start();
  await cell.clock.advance(1000);
  value = 5;
  await cell.clock.advance(9000);
  expect(
    cell.published.map((one) => [
      one.value,
      Date.parse(one.time) - Date.parse(cell.published[0]?.time ?? ''),
    ]),
  ).toEqual([
    [0, 0],
    [5, 8000],
  ]);
  await cell.sensing.stop();
  expect(cell.clock.sleeping).toBe(0);
});
