import { describe, expect, test } from 'vitest';
import { type Service, Services } from '../../../src/base/lifecycle.ts';

/** Services that note what happens to them, in order. */
function setUp() {
  const events: string[] = [];
  const service = (name: string, more: Partial<Service> = {}): Service => ({
    name,
    start: async () => void events.push(`start ${name}`),
    stop: async () => void events.push(`stop ${name}`),
    ...more,
  });
  return { events, service, services: new Services<number>() };
}
const failing = (message: string) => (): Promise<void> => Promise.reject(new Error(message));

describe('services', () => {
  test('start in the order in which they were added and stop in reverse, once', async () => {
    const { events, service, services } = setUp();
    for (const name of ['a', 'b', 'c']) services.add(service(name));
    await services.start();
    await services.stop();
    await services.stop();
    expect(events).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
  });

  test('after half a start: those that had started are stopped, and the error names the one that failed', async () => {
    const { events, service, services } = setUp();
    services.add(service('a'));
    services.add(service('b', { stop: failing('stuck') }));
    services.add(service('c', { start: failing('port in use') }));
    services.add(service('d'));
    await expect(services.start()).rejects.toMatchObject({
      message: 'c: port in use',
      cause: expect.objectContaining({ message: 'port in use' }),
    });
    expect(events).toEqual(['start a', 'start b', 'stop a']);
  });

  test('are all stopped though some fail, and each failure is reported', async () => {
    const { events, service, services } = setUp();
    services.add(service('a'));
    services.add(service('b', { stop: failing('one') }));
    services.add(service('c', { stop: failing('two') }));
    await services.start();
    const error = await services.stop().catch((one: unknown) => one as AggregateError);
    expect((error as AggregateError).errors.map(String)).toEqual([
      'Error: c: could not stop',
      'Error: b: could not stop',
    ]);
    expect(events.at(-1)).toBe('stop a');
  });

  test('that can be reconfigured are listed in the order of start, with their names', async () => {
    const { service, services } = setUp();
    const applied: string[] = [];
    services.add(service('a'), async (config) => void applied.push(`a ${config}`));
    services.add(service('b'));
    services.add(service('c'), async (config) => void applied.push(`c ${config}`));
    for (const { applyConfig } of services.reconfigurable) await applyConfig(7);
    expect(services.reconfigurable.map(({ name }) => name)).toEqual(['a', 'c']);
    expect(applied).toEqual(['a 7', 'c 7']);
  });

  test('give their troubles in the order of start, one or several each', () => {
    const { service, services } = setUp();
    services.add(service('a', { trouble: () => undefined }));
    services.add(service('b', { trouble: () => 'the disk is full' }));
    services.add(service('c', { troubles: () => ['one has ended', 'another has ended'] }));
    services.add(service('d'));
    expect(services.troubles()).toEqual(['the disk is full', 'one has ended', 'another has ended']);
    expect(services.troubles(['z', 'c'])).toEqual([
      'one has ended',
      'another has ended',
      'the disk is full',
    ]);
  });
});
