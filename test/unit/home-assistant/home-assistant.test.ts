import { beforeEach, describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/schema/schema.ts';
import { drivers } from '../../../src/driver-table.ts';
import { HomeAssistant } from '../../../src/home-assistant/home-assistant.ts';
import { HomeAssistantModel } from '../../support/home-assistant.ts';
import { createManualClock } from '../../support/manual-clock.ts';

const TOPIC = 'homeassistant/device/cellgate_robotcell1/config';

type Settings = ConstructorParameters<typeof HomeAssistant>[0]['config'];

const names = (count: number, prefix = 's'): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

function cell(sensors: readonly string[], others: Partial<Settings> = {}): Settings {
  const fixed = { driver: 'simulated', every: 1000, timeout: 500, payload: 'json', filters: [] };
  return {
    ...{ cell: 'robotcell1', payload: 'json', outputs: [], drivers },
    sensors: sensors.map((name) => ({
      ...{ ...fixed, name, options: { signal: 'door' } },
    })) as unknown as Config['sensors'],
    homeAssistant: { prefix: 'homeassistant' },
    ...others,
  };
}

const entitiesOf = (sensors: readonly string[]): string[] =>
  sensors.map((name) => `binary_sensor robotcell1/${name}`).sort();

describe('Home Assistant', () => {
  const clock = createManualClock();
  let retained: Map<string, Buffer>;
  let stored: unknown;
  let model: HomeAssistantModel;
  /** Whether Home Assistant is connected: then it receives what is published. */
  let connected: boolean;
  let sent: string[];
  let receivers: Map<string, Set<(message: { payload: Uint8Array }) => void>>;

  beforeEach(() => {
    retained = new Map();
    stored = undefined;
    model = new HomeAssistantModel();
    connected = true;
    sent = [];
    receivers = new Map();
  });

  function create(config: Settings): HomeAssistant {
    return new HomeAssistant({
      ...{ config, version: '1', clock },
      published: {
        get: () => stored,
        set: (value) => {
          stored = JSON.parse(JSON.stringify(value));
        },
      },
      publish(topic, payload, retain) {
        sent.push(`${retain ? 'retained' : 'once'} ${topic}`);
        if (retain && payload.length === 0) retained.delete(topic);
        else if (retain) retained.set(topic, Buffer.from(payload));
        if (connected) model.receive(topic, Buffer.from(payload).toString());
      },
      retained: (topic) => retained.get(topic),
      subscribe(topic, receive) {
        const all = receivers.get(topic) ?? new Set();
        receivers.set(topic, all.add(receive));
        return () => void all.delete(receive);
      },
    });
  }

  const say = (topic: string, text: string): void => {
    for (const receive of receivers.get(topic) ?? []) receive({ payload: Buffer.from(text) });
  };

  async function reload(service: HomeAssistant, config: Settings): Promise<void> {
    await service.applyConfig(config);
    service.configApplied();
  }

  /** Home Assistant and the broker have exactly this. */
  function expectOnly(sensors: readonly string[], topic = TOPIC): void {
    expect(model.problems).toEqual([]);
    expect(model.entities).toEqual(entitiesOf(sensors));
    expect(model.topics).toEqual([topic]);
    expect([...retained.keys()]).toEqual([topic]);
    const { cmps } = JSON.parse(retained.get(topic)!.toString());
    const kept = Object.values<{ p: string; state_topic: string }>(cmps);
    expect(kept.map((one) => `${one.p} ${one.state_topic}`).sort()).toEqual(entitiesOf(sensors));
  }

  const CHANGES: readonly (readonly [string, string[]])[] = [
    ['removed', names(20).slice(10)],
    ['renamed', [...names(20).slice(10), ...names(10, 'other')]],
    ['moved', [...names(20).slice(10), ...names(10, 'hall/s')]],
    ['put in another order', names(20).reverse()],
  ];

  test.each(CHANGES)('has no orphan when ten sensors are %s by a reload', async (_, after) => {
    const service = create(cell(names(20)));
    await service.start();
    expectOnly(names(20));
    await reload(service, cell(after));
    expectOnly(after);
    await reload(service, cell(names(20)));
    expectOnly(names(20));
  });

  test.each(CHANGES)('has no orphan when ten sensors are %s by a restart', async (_, after) => {
    const service = create(cell(names(20)));
    await service.start();
    await service.stop();
    await create(cell(after)).start();
    expectOnly(after);
  });

  test('removes by nothing but the platform, once and not retained', async () => {
    const service = create(cell(['a', 'b']));
    await service.start();
    await reload(service, cell(['a']));
    expect(sent).toEqual([`retained ${TOPIC}`, `once ${TOPIC}`, `retained ${TOPIC}`]);
    await reload(service, cell(['a']));
    await service.stop();
    await create(cell(['a'])).start();
    expect(sent).toHaveLength(3);
  });

  test('takes an entity that becomes another kind away first', async () => {
    const output = { name: 'lamp', payload: 'json' } as Settings['outputs'][number];
    const service = create(cell([], { outputs: [output] }));
    await service.start();
    expect(model.entities).toEqual(['switch robotcell1/lamp']);
    await reload(service, cell([], { outputs: [{ ...output, follows: 'alarm/hot' }] }));
    expect(model.entities).toEqual(['binary_sensor robotcell1/lamp']);
    expect(model.problems).toEqual([]);
  });

  test('clears its topic without the key, with another prefix and with another cell', async () => {
    const service = create(cell(['a']));
    await service.start();
    await reload(service, cell(['a'], { homeAssistant: { prefix: 'ha' } }));
    expectOnly(['a'], 'ha/device/cellgate_robotcell1/config');
    await service.stop();
    await create(cell(['a'], { homeAssistant: undefined })).start();
    expect([[...retained], model.topics, stored]).toEqual([[], [], null]);
    await create(cell(['a'])).start();
    await create(cell(['a'], { cell: 'robotcell2' })).start();
    expect([...retained.keys()]).toEqual(['homeassistant/device/cellgate_robotcell2/config']);
    expect(model.topics).toEqual([...retained.keys()]);
  });

  test('a reload that fails changes nothing', async () => {
    const service = create(cell(['a', 'b']));
    await service.start();
    await service.applyConfig(cell(['a']));
    await service.applyConfig(cell(['a', 'b']));
    expect(sent).toHaveLength(1);
    expectOnly(['a', 'b']);
  });

  test('that was away gets what was removed meanwhile when it is online', async () => {
    const service = create(cell(names(20)));
    await service.start();
    connected = false;
    await reload(service, cell(names(20).slice(10)));
    await service.stop();
    await create(cell(names(20).slice(10))).start();
    connected = true;
    say('homeassistant/status', 'offline');
    expect(model.entities).toHaveLength(20);
    say('homeassistant/status', 'online');
    expectOnly(names(20).slice(10));
    const before = sent.length;
    await clock.advance(10_000);
    say('homeassistant/status', 'online');
    expect(sent.slice(before)).toEqual([`retained ${TOPIC}`]);
  });

  test('gets the message at most every ten seconds, and the last time is not lost', async () => {
    const service = create(cell(['a'], { homeAssistant: { prefix: 'ha' } }));
    await service.start();
    for (let i = 0; i < 100; i++) say(i % 2 ? 'ha/status' : 'homeassistant/status', 'online');
    expect(sent).toHaveLength(2);
    await clock.advance(10_000);
    expect(sent).toHaveLength(3);
    await clock.advance(60_000);
    expect(sent).toHaveLength(3);
    for (let i = 0; i < 100; i++) say('ha/status', 'online');
    expect(sent).toHaveLength(4);
    await service.stop();
    await clock.advance(60_000);
    say('ha/status', 'online');
    expect(sent).toHaveLength(4);
  });

  test('gets again what a client has deleted in the broker, at the next start', async () => {
    await create(cell(['a'])).start();
    retained.clear();
    await create(cell(['a'])).start();
    expectOnly(['a']);
  });

  test.each([[1], ['x'], [{}], [{ topic: 1 }], [{ topic: TOPIC, platforms: [], removed: 7 }]])(
    'starts whatever is stored: %j',
    async (odd) => {
      stored = odd;
      await create(cell(['a'])).start();
      expectOnly(['a']);
    },
  );
});
