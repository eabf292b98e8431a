import { describe, expect, test } from 'vitest';
import { Readings } from '../../../src/page/readings.ts';
import type { SensorStatus } from '../../../src/sensors/sensor-status.ts';

type Status = SensorStatus['channels'][number];

const sensor = (
  names: readonly string[],
  quality: Status['quality'] = 'good',
  over: Partial<SensorStatus> = {},
): SensorStatus => ({
  ...{ name: 'one', driver: 'simulated', failures: 0, missed: 0 },
  channels: names.map((name) => ({
    ...{ topic: `cell/${name}`, unit: '°C', seq: 1, value: quality === 'bad' ? null : 20, quality },
  })),
  ...over,
});
const outline = (readings: Readings): string[] =>
  readings.groups.map(
    ({ name, channels }) => `${name}: ${channels.map((one) => one.name).join(' ')}`,
  );

describe('the readings of all sensors', () => {
  test('are grouped by their first level, the lonely ones together at the end', () => {
    const readings = new Readings();
    readings.show([sensor(['boiler']), sensor(['robot/j1', 'robot/j2']), sensor(['fan'])], 'cell');
    expect(outline(readings)).toEqual(['robot: robot/j1 robot/j2', ': boiler fan']);
  });

  test('have bad groups and bad channels first, and move back when they are good', () => {
    const readings = new Readings();
    const sensors = [sensor(['a/1', 'a/2']), sensor(['b/1']), sensor(['b/2'], 'bad')];
    readings.show(sensors, 'cell');
    expect(outline(readings)).toEqual(['b: b/2 b/1', 'a: a/1 a/2']);
    readings.receive('cell/a/2', '{"value":1,"quality":"uncertain"}', 5);
    expect(outline(readings)).toEqual(['b: b/2 b/1', 'a: a/2 a/1']);
    readings.receive('cell/b/2', '{"value":1,"quality":"good"}', 6);
    readings.receive('cell/a/2', '{"value":1,"quality":"good"}', 6);
    expect(outline(readings)).toEqual(['a: a/1 a/2', 'b: b/1 b/2']);
  });

  test('have the label and the group of their sensor, where the config gives them', () => {
    const readings = new Readings();
    const over = { name: 'door', label: 'Front door', group: 'Cabinet' };
    const motor = { name: 'motor', label: 'Motor', group: 'Cabinet' };
    readings.show(
      [
        sensor(['door'], 'good', over),
        sensor(['motor/power', 'motor/voltage'], 'good', motor),
        sensor(['fan']),
      ],
      'cell',
    );
    expect(outline(readings)).toEqual(['Cabinet: door motor/power motor/voltage', ': fan']);
    const labels = ['door', 'motor/power', 'fan'].map(
      (name) => readings.get(`cell/${name}`)?.label,
    );
    expect(labels).toEqual(['Front door', 'Motor power', 'fan']);
    readings.show([sensor(['door'], 'good', { name: 'door' })], 'cell');
    expect(readings.get('cell/door')).toMatchObject({ label: 'door', group: '' });
  });

  test('are counted by quality; those of a sensor that makes no progress are stale', () => {
    const readings = new Readings();
    const stalled = sensor(['s/1', 's/2'], 'good', { stalled: true });
    readings.show(
      [sensor(['a'], 'bad'), sensor(['b']), sensor(['c'], 'uncertain'), stalled],
      'cell',
    );
    expect(readings.counts).toEqual({ good: 1, uncertain: 1, bad: 1, stale: 2 });
  });

  test('keep the decimals of the most exact value, at most three', () => {
    const readings = new Readings();
    readings.show([sensor(['a'])], 'cell');
    const channel = readings.get('cell/a')!;
    for (const payload of ['20', '20.25', '21', 'true', '1e-7']) {
      readings.receive('cell/a', payload, 1);
    }
    expect(channel.decimals).toBe(2);
    readings.receive('cell/a', '{"value":0.123456,"quality":"good"}', 1);
    expect(channel.decimals).toBe(3);
  });

  test('a deleted retained reading changes nothing, and other topics are refused', () => {
    const readings = new Readings();
    readings.show([sensor(['a'])], 'cell');
    expect(readings.receive('cell/a', '', 1)).toBe(true);
    expect(readings.counts.good).toBe(1);
    expect(readings.receive('cell/b', '1', 1)).toBe(false);
  });

  test('a status does not replace a reading of the same quality, but one of another', () => {
    const readings = new Readings();
    readings.show([sensor(['a'])], 'cell');
    readings.receive('cell/a', '30', 7);
    readings.show([sensor(['a'])], 'cell');
    expect(readings.get('cell/a')?.reading).toMatchObject({ value: 30, unit: '°C', time: 7 });
    readings.show([sensor(['a'], 'bad')], 'cell');
    expect(readings.get('cell/a')?.reading).toMatchObject({ value: null, quality: 'bad' });
    readings.show([], 'cell');
    expect(readings.size).toBe(0);
  });
});
