import { expect, test } from 'vitest';
import host, { parseCpu, toCpuUsed, toMemoryUsed } from '../../../drivers/host.ts';
import { playbackFiles } from '../../../src/buses/playback.ts';
import { never, openSensor } from '../../support/open-sensor.ts';

const STAT = 'cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 100 0 100 700 100 0 0 0 50 0\n';
const MEMINFO =
  'MemTotal:        4000000 kB\nMemFree:          100000 kB\nMemAvailable:    1000000 kB\n';

function machine(): Map<string, string> {
  return new Map([
    ['/proc/stat', STAT],
    ['/proc/meminfo', MEMINFO],
    ['/proc/uptime', '12345.67 23456.78\n'],
    ['/sys/class/thermal/cooling_device0/type', 'fan\n'],
    ['/sys/class/thermal/thermal_zone0/type', 'cpu-thermal\n'],
    ['/sys/class/thermal/thermal_zone0/temp', '48312\n'],
  ]);
}

test('cpu is the busy part of the time between two readings', () => {
  const before = parseCpu(STAT);
  expect(before).toEqual({ idle: 800, total: 1000 });
  expect(toCpuUsed(before, { idle: 875, total: 1100 })).toBe(25);
  expect(toCpuUsed(before, before)).toBeUndefined();
  expect(() => parseCpu('intr 1 2 3')).toThrow('/proc/stat has no line "cpu"');
});

test('memory counts what programs can not have', () => {
  expect(toMemoryUsed(MEMINFO)).toBe(75);
  expect(() => toMemoryUsed('MemTotal: 1 kB')).toThrow('MemAvailable');
});

test('reads all of a machine', async () => {
  const files = machine();
  const sensor = await openSensor(host, playbackFiles(files, { free: 25, total: 100 }), {});
  expect(await sensor.read(never)).toEqual({
    cpu: { value: 20, quality: 'uncertain', reason: 'mean since boot' },
    memory: { value: 75 },
    disk: { value: 75 },
    uptime: { value: 12345.67 },
    temperature: { value: 48.31 },
  });
  files.set('/proc/stat', STAT.replace('cpu  100 0 100 700', 'cpu  150 0 100 750'));
  expect((await sensor.read(never)).cpu).toEqual({ value: 50 });
  expect((await sensor.read(never)).cpu).toMatchObject({ value: null });
});

test('the processor is preferred among several thermometers, hwmon where there is no zone', async () => {
  const files = machine();
  files.set('/sys/class/thermal/thermal_zone0/type', 'acpitz');
  files.set('/sys/class/hwmon/hwmon3/name', 'coretemp');
  files.set('/sys/class/hwmon/hwmon3/temp1_input', '61000');
  const sensor = await openSensor(host, playbackFiles(files), {});
  expect((await sensor.read(never)).temperature).toEqual({ value: 61 });
});

test('what a machine lacks is bad with its reason and leaves the others alone', async () => {
  const files = new Map([...machine()].filter(([path]) => !path.includes('thermal_zone')));
  files.delete('/proc/meminfo');
  const sensor = await openSensor(host, playbackFiles(files), {});
  const samples = await sensor.read(never);
  expect(samples.temperature).toEqual({ value: null, reason: 'no thermal zone on this machine' });
  expect(samples.memory).toMatchObject({ value: null, reason: expect.stringContaining('ENOENT') });
  expect(samples.disk).toMatchObject({ value: null });
  expect(samples.uptime).toEqual({ value: 12345.67 });
});
