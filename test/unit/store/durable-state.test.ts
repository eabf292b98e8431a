import { setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { Journal } from '../../../src/store/commit/journal.ts';
import { DurableState } from '../../../src/store/durable-state.ts';
import { readRetained } from '../../scenarios/crash/kill/retained-reader.ts';
import { FakeWriter } from '../../support/fake-writer.ts';
import { createFaults } from '../../support/faults.ts';
import { startGateway } from '../../support/gateway.ts';
import { until } from '../../support/until.ts';

/** Some 25 °C, so that the sum grows by as much each second. */
const SENSOR = {
  name: 'sum',
  driver: 'simulated',
  signal: 'joint-temperature',
  every: '100ms',
  filters: [{ integrate: '1s' }],
};

test.each(['stop', 'kill'] as const)(
  'a sum goes on where it was after a %s',
  {
    timeout: 40_000,
  },
  async (end) => {
    const gateway = await startGateway({ sensors: [SENSOR] });
    onTestFinished(() => gateway.dispose());
    const read = async (): Promise<{ value: number; boot: number } | undefined> => {
      const text = (await readRetained(gateway.port, 'robotcell1/sum/j1')).get('robotcell1/sum/j1');
      return text === undefined ? undefined : JSON.parse(text);
    };
    let last = 0;
    let boot = 0;
    // After a kill what was set in the last five seconds may be gone, after a stop nothing.
    const wanted = end === 'kill' ? 160 : 20;
    await until(
      'the sum has grown',
      async () => {
        const now = await read();
        last = now?.value ?? 0;
        boot = now?.boot ?? 0;
        return last > wanted;
      },
      20_000,
    );
    await gateway[end]();
    await gateway.restart();
    let first = 0;
    await until('the sensor is read again', async () => {
      const now = await read();
      if (now?.boot !== boot + 1 || now.value === null) return false;
      first = now.value;
      return true;
    });
    expect(first).toBeGreaterThanOrEqual(end === 'kill' ? last * 0.1 : last);
    expect(first).toBeLessThan(last + 200);
  },
);

test('while the disk takes nothing the newest of each key waits, and no more', async () => {
  const writer = new FakeWriter();
  const journal = new Journal({
    faults: createFaults(),
    writer,
    deferredMs: 1000,
    nextMessageId: 1,
    retainedValue: () => undefined,
    onTrouble: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
  const state = new DurableState(journal, []);
  onTestFinished(() => state.stop());
  const owner = state.of('pulses');
  for (let total = 1; total <= 100; total++) {
    owner.set('total', total);
    owner.set('other', -total);
    state.save();
    await until('the turn is over', () => turn().then(() => writer.tried.length > 0));
  }
  const values = (): unknown[][] =>
    writer.tried.map(({ operations }) => operations.map((one) => one[3]));
  expect(values()).toEqual([['1', '-1']]);
  writer.land();
  await turn();
  state.save();
  await until('the rest is written', () => writer.tried.length > 1);
  expect(values()).toEqual([
    ['1', '-1'],
    ['100', '-100'],
  ]);
  expect(owner.get('total')).toBe(100);
});
