import { describe, expect, test } from 'vitest';
import { BusError } from '../../../src/buses/bus-error.ts';
import { type Samples, SettingsLostError } from '../../../src/driver-kit/driver.ts';
import { createCell, reader, scriptedDriver } from '../../support/cell.ts';
import { settle } from '../../support/manual-clock.ts';

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
    expect(cell.sensing.failures?.()).toMatchObject([
      { name: 'boiler', cause: 'no answer from 0x48 on i2c-1' },
    ]);
    expect(cell.lines).toEqual(['sensor boiler: no answer from 0x48 on i2c-1']);
    broken = false;
    cell.published.length = 0;
    await cell.clock.advance(1000);
    expect(cell.take()).toEqual([25]);
    expect(cell.sensing.failures?.()).toEqual([]);
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

  test('after five in a row the sensor is closed and opened again', async () => {
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
    ['there is no answer', new BusError('absent', 'no answer from 0x48 on i2c-1')],
    ['it holds the bus', new BusError('stuck', 'i2c-1 is stuck')],
    ['it has lost its settings', new SettingsLostError('the chip was reset')],
  ])(
    'when %s it is opened again: another chip may be there, or the same one as after power-on',
    async (_when, error) => {
      const events: string[] = [];
      const cell = createCell(
        scriptedDriver(async () => {
          events.push('open');
          const plugged = events.length > 1;
          return {
            async read() {
              if (!plugged) throw error;
              return { '': { value: 1 } };
            },
          };
        }),
      );
      await cell.sensing.start();
      await cell.clock.advance(999);
      expect(cell.take()).toEqual([error.message]);
      await cell.clock.advance(1);
      expect(events).toEqual(['open', 'open']);
      expect(cell.take()).toEqual([1]);
      await cell.sensing.stop();
    },
  );

  test('lost settings are logged once, and when the sensor reads again', async () => {
    let reads = 0;
    const cell = createCell(
      scriptedDriver(
        reader(async () => {
          reads += 1;
          if (reads === 2) throw new SettingsLostError('the chip was reset');
          return { '': { value: reads } };
        }),
      ),
    );
    await cell.sensing.start();
    await cell.clock.advance(4000);
    expect(cell.take().slice(0, 4)).toEqual([1, 'the chip was reset', 3, 4]);
    const said = cell.lines;
    expect(said.filter((one) => one.includes('the chip was reset'))).toHaveLength(1);
    expect(said.filter((one) => one.includes('reads again'))).toHaveLength(1);
    await cell.sensing.stop();
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
    expect(cell.sensing.failures?.()).toEqual([]);
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

describe('sensors that share a bus', () => {
  test('take turns; waiting is not part of the time of a read', async () => {
    let reading = 0;
    let most = 0;
    let openings = 0;
    const driver = scriptedDriver(async () => {
      openings += 1;
      const shared = openings <= 10 ? 'w1_bus_master1' : undefined;
      return {
        ...(shared === undefined ? {} : { shared }),
        async read(signal) {
          if (shared === undefined) return { '': { value: 0 } };
          reading += 1;
          most = Math.max(most, reading);
          await cell.clock.sleep(750, signal);
          reading -= 1;
          return { '': { value: 1 } };
        },
      };
    });
    const sensors = Array.from({ length: 11 }, (_, index) => ({
      name: `oven${index}`,
      driver: driver.name,
      every: 10_000,
      timeout: 1000,
      payload: 'json' as const,
      filters: [],
      options: {},
    }));
    const cell = createCell(driver, {}, { sensors });
    await cell.sensing.start();
    await cell.clock.advance(1);
    // The one that shares nothing does not wait.
    expect(cell.take()).toEqual([0]);
    await cell.clock.advance(29_998);
    const readings = cell.published.splice(0);
    expect(readings.every(({ quality }) => quality === 'good')).toBe(true);
    expect(readings.filter(({ value }) => value === 1)).toHaveLength(30);
    expect(most).toBe(1);
    const status = cell.sensing.status();
    expect(status.map(({ missed }) => missed)).toEqual(Array(11).fill(0));
    expect(cell.sensing.stalled()).toEqual([]);
    await cell.sensing.stop();
  });

  test('that hangs are not taken for a gateway that stands still while they wait', async () => {
    const hang = new Promise<never>(() => undefined);
    const driver = scriptedDriver(async () => ({ shared: 'w1_bus_master1', read: () => hang }));
    const sensors = Array.from({ length: 30 }, (_, index) => ({
      name: `oven${index}`,
      driver: driver.name,
      every: 5000,
      timeout: 5000,
      payload: 'json' as const,
      filters: [],
      options: {},
    }));
    const cell = createCell(driver, {}, { sensors });
    await cell.sensing.start();
    for (let second = 0; second < 170; second += 1) {
      await cell.clock.advance(1000);
      expect(cell.sensing.stalled()).toEqual([]);
    }
    expect(new Set(cell.take())).toEqual(new Set(['no answer within 5000ms']));
    await cell.sensing.stop();
  });
});
