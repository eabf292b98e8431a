import { describe, expect, test } from 'vitest';
import type { Samples } from '../../src/driver.ts';
import { createCell, reader, scriptedDriver } from '../support/cell.ts';
import { createManualClock, settle } from '../support/manual-clock.ts';

const hang = (): Promise<never> => new Promise(() => undefined);

describe('pace', () => {
  test('reads at once and then on a grid that does not drift, numbering its readings', async () => {
    const cell = createCell(
      scriptedDriver(async () => ({
        async read(signal): Promise<Samples> {
          await cell.clock.sleep(137, signal);
          return { '': { value: 23.5 } };
        },
      })),
    );
    await cell.sensing.start();
    await cell.clock.advance(3200);
    expect(cell.published.map(({ time, seq }) => [time.slice(17), seq])).toEqual([
      ['00.137Z', 1],
      ['01.137Z', 2],
      ['02.137Z', 3],
      ['03.137Z', 4],
    ]);
    expect(cell.published[0]).toEqual({
      topic: 'robotcell1/boiler',
      value: 23.5,
      unit: '°C',
      quality: 'good',
      time: '2026-11-20T20:31:00.137Z',
      boot: 12,
      seq: 1,
    });
    expect(cell.sensing.status()[0]).toMatchObject({ missed: 0, failures: 0 });
    await cell.sensing.stop();
    expect(cell.clock.sleeping).toBe(0);
  });

  test('deadlines missed by a slow read fall out and are counted', async () => {
    let takes = 2600;
    const cell = createCell(
      scriptedDriver(async () => ({
        async read(signal): Promise<Samples> {
          const ms = takes;
          takes = 0;
          await cell.clock.sleep(ms, signal);
          return { '': { value: cell.clock.monotonic() / 100 } };
        },
      })),
      { timeout: 5000 },
    );
    await cell.sensing.start();
    await cell.clock.advance(5000);
    expect(cell.take()).toEqual([26, 30, 40, 50]);
    expect(cell.sensing.status()[0]).toMatchObject({ missed: 2 });
    await cell.sensing.stop();
  });

  test('a jump of the wall clock changes the stamps, not the pace', async () => {
    const cell = createCell(scriptedDriver(reader(async () => ({ '': { value: 1 } }))));
    await cell.sensing.start();
    await cell.clock.advance(500);
    cell.clock.setWall(Date.UTC(2027, 0, 1));
    await cell.clock.advance(1000);
    expect(cell.published.map(({ time }) => time)).toEqual([
      '2026-11-20T20:31:00.000Z',
      '2027-01-01T00:00:00.500Z',
    ]);
    await cell.sensing.stop();
  });
});

describe('failures', () => {
  test('are published with their reason, logged once, and end by themselves', async () => {
    let broken = true;
    const cell = createCell(
      scriptedDriver(
        reader(async () => {
          if (broken) throw new Error('no answer from 0x48 on i2c-1');
          return { '': { value: 25 } };
        }),
      ),
    );
    await cell.sensing.start();
    await cell.clock.advance(1000);
    expect(cell.published).toMatchObject([
      { value: null, quality: 'bad', reason: 'no answer from 0x48 on i2c-1', seq: 1 },
      { value: null, quality: 'bad', reason: 'no answer from 0x48 on i2c-1', seq: 2 },
    ]);
    expect(cell.sensing.trouble?.()).toBe('boiler: no answer from 0x48 on i2c-1');
    expect(cell.lines).toEqual(['sensor boiler: no answer from 0x48 on i2c-1']);
    broken = false;
    cell.published.length = 0;
    await cell.clock.advance(1000);
    expect(cell.take()).toEqual([25]);
    expect(cell.sensing.trouble?.()).toBeUndefined();
    expect(cell.lines.at(-1)).toBe('sensor boiler: reads again');
    await cell.sensing.stop();
  });

  test('a read that hangs is given up in time and not started twice', async () => {
    let reads = 0;
    let comeBack: (samples: Samples) => void = () => undefined;
    const cell = createCell(
      scriptedDriver(
        reader(() => {
          reads += 1;
          if (reads > 1) return Promise.resolve({ '': { value: 2 } });
          return new Promise((resolve) => {
            comeBack = resolve;
          });
        }),
      ),
    );
    await cell.sensing.start();
    await cell.clock.advance(499);
    expect(cell.take()).toEqual([]);
    await cell.clock.advance(1);
    expect(cell.take()).toEqual(['no answer within 500ms']);
    await cell.clock.advance(9000);
    expect(cell.take()).toEqual(Array.from({ length: 9 }, () => 'no answer within 500ms'));
    expect(reads).toBe(1);
    comeBack({ '': { value: 1 } });
    await cell.clock.advance(4000);
    const after = cell.take();
    expect(after).not.toContain(1);
    expect(after).toContain(2);
    await cell.sensing.stop();
    expect(cell.clock.sleeping).toBe(0);
  });

  test('after five in a row the sensor is closed and opened anew', async () => {
    const events: string[] = [];
    let opened = 0;
    const cell = createCell(
      scriptedDriver(async () => {
        opened += 1;
        events.push('open');
        const works = opened > 1;
        return {
          async read() {
            if (!works) throw new Error('chip was reset');
            return { '': { value: 1 } };
          },
          async close() {
            events.push('close');
          },
        };
      }),
    );
    await cell.sensing.start();
    await cell.clock.advance(4000);
    expect(cell.take()).toHaveLength(5);
    expect(events).toEqual(['open', 'close']);
    await cell.clock.advance(1000);
    expect(events).toEqual(['open', 'close', 'open']);
    expect(cell.take()).toEqual([1]);
    await cell.sensing.stop();
    expect(events).toEqual(['open', 'close', 'open', 'close']);
  });

  test.each([
    [{ value: Number.NaN }, { quality: 'bad', reason: 'not a finite number: NaN', value: null }],
    [{ value: null }, { quality: 'bad', reason: 'the driver gave no value' }],
    [
      { value: null, reason: 'no thermal zone' },
      { quality: 'bad', reason: 'no thermal zone' },
    ],
    [
      { value: 3, quality: 'bad', reason: 'CRC' },
      { quality: 'bad', value: null, reason: 'CRC' },
    ],
    [{ value: 125 }, { quality: 'good', value: 125 }],
    [
      { value: 125.5 },
      {
        quality: 'uncertain',
        value: 125.5,
        reason: "outside the sensor's range of -40 to 125 °C",
      },
    ],
    [
      { value: 1, quality: 'uncertain', reason: 'at full scale' },
      { quality: 'uncertain', value: 1, reason: 'at full scale' },
    ],
  ] as const)('a sample %j', async (sample, reading) => {
    const cell = createCell(scriptedDriver(reader(async () => ({ '': sample }))));
    await cell.sensing.start();
    await settle();
    expect(cell.published).toMatchObject([reading]);
    await cell.sensing.stop();
  });

  test('a channel that the driver leaves out is bad', async () => {
    const channels = [
      { name: 'a', unit: '' },
      { name: 'b', unit: '' },
    ];
    const cell = createCell(
      scriptedDriver(
        reader(async () => ({ a: { value: 1 } })),
        channels,
      ),
    );
    await cell.sensing.start();
    await settle();
    expect(cell.published).toMatchObject([
      { topic: 'robotcell1/boiler/a', value: 1 },
      { topic: 'robotcell1/boiler/b', quality: 'bad', reason: 'the driver gave no value' },
    ]);
    expect(cell.sensing.trouble?.()).toBeUndefined();
    await cell.sensing.stop();
  });

  test('before the clock is set readings are uncertain', async () => {
    let set = false;
    const cell = createCell(
      scriptedDriver(reader(async () => ({ '': { value: 1 } }))),
      { filters: [{ deadband: 5 }] },
      { clockIsSet: () => set },
    );
    await cell.sensing.start();
    await cell.clock.advance(1000);
    expect(cell.take()).toEqual(['clock not yet set']);
    set = true;
    await cell.clock.advance(1000);
    expect(cell.take()).toEqual([1]);
    await cell.sensing.stop();
  });
});

describe('hardware that is missing or late', () => {
  test('is tried again for ever, from 1 s up to 30 s apart, and works when it comes', async () => {
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
    expect(cell.sensing.trouble?.()).toBe('boiler: i2c-1 does not exist');
    expect(cell.sensing.stalled()).toEqual([]);
    here = true;
    await cell.clock.advance(30_000);
    expect(cell.take()).toContain(25);
    expect(cell.sensing.trouble?.()).toBeUndefined();
    await cell.sensing.stop();
    expect(cell.clock.sleeping).toBe(0);
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

  test('when they fail the sensor is opened anew', async () => {
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

describe('sensing as a whole', () => {
  const sensor = { driver: 'scripted', every: 1000, timeout: 500, payload: 'json' } as const;
  const named = (name: string) => ({ ...sensor, name, filters: [], options: {} });

  test('tells the troubles of several sensors in one sentence', async () => {
    const driver = scriptedDriver(() => Promise.reject(new Error('not here')));
    const cell = createCell(driver, {}, { sensors: [named('a'), named('b/c')] });
    expect(cell.sensing.name).toBe('sensing');
    expect(cell.sensing.trouble?.()).toBeUndefined();
    await cell.sensing.start();
    await settle();
    expect(cell.sensing.trouble?.()).toBe('2 of 2 sensors: a: not here; b/c: not here');
    expect(cell.sensing.status()).toMatchObject([
      { name: 'a', failure: 'not here', failures: 1 },
      { name: 'b/c', channels: [{ topic: 'robotcell1/b/c', quality: 'bad', seq: 1 }] },
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
    expect(cell.sensing.trouble?.()).toBeUndefined();
    await cell.sensing.stop();
  });

  test('a loop that stands still is told', async () => {
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
