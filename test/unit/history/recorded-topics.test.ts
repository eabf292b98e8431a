import { expect, test } from 'vitest';
import type { SensorConfig } from '../../../src/config/schema/sensors.ts';
import { RecordedTopics } from '../../../src/history/recorded-topics.ts';
import type { SensorStatus } from '../../../src/sensors/sensor-status.ts';

test('are those of the sensors whose config asks for a day, by the config in force', () => {
  const sensor = (name: string, history?: string) => ({ name, history }) as SensorConfig;
  const status = ['a', 'b'].map((name) => ({
    name,
    channels: [{ topic: `cell/${name}` }, { topic: `cell/${name}/x` }],
  })) as unknown as SensorStatus[];
  const recorded = new RecordedTopics([sensor('a', 'day'), sensor('b')], () => status);
  expect([...recorded]).toEqual(['cell/a', 'cell/a/x']);
  recorded.applyConfig([sensor('a'), sensor('b', 'day')]);
  expect([...recorded]).toEqual(['cell/b', 'cell/b/x']);
  recorded.applyConfig([]);
  expect([...recorded]).toEqual([]);
});
