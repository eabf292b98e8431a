import { describe, expect, test } from 'vitest';
import type { PlantConnection } from '../../../src/uplink/plant-client.ts';
import {
  MQTT_5,
  MQTT_311,
  MQTT_311_BRIDGE,
  type ProtocolConfig,
} from '../../../src/uplink/protocol-choice.ts';
import { SpokenProtocol } from '../../../src/uplink/spoken-protocol.ts';

const URL = 'mqtt://plant';

function spoken({ protocol, keep = false }: { protocol?: 4 | 5; keep?: boolean } = {}) {
  const routes = keep ? [{ in: 'a', strip: '', to: '', qos: 1, retain: 'keep' }] : [];
  const config = { in: routes, ...(protocol ? { protocol } : {}) } as unknown as ProtocolConfig;
  return new SpokenProtocol(config, URL);
}

const refusal = (code: number) => ({ url: URL, reached: 'socket', refusal: code }) as const;

describe('a plant that does not take MQTT 5', () => {
  test('is spoken to in MQTT 3.1.1, and said so', () => {
    const one = spoken();
    expect(one.begin(URL)).toEqual(MQTT_5);
    expect([one.inWords, one.means]).toEqual(['MQTT 5', '']);
    expect(one.ended(URL, MQTT_5, refusal(0x84))).toBe(true);
    // That shows from the next attempt on.
    expect(one.current).toEqual(MQTT_5);
    expect(one.begin(URL)).toEqual(MQTT_311);
    expect(one.current).toEqual(MQTT_311);
    expect(one.inWords).toBe('MQTT 3.1.1 (the plant does not take MQTT 5)');
    expect(one.means).toBe(
      ' by MQTT 3.1.1, as it does not take MQTT 5 (`protocol: 4` in the config saves this attempt)',
    );
  });

  test('is known for its address only', () => {
    const one = spoken();
    one.ended(URL, MQTT_5, refusal(0x84));
    expect([one.next(URL), one.next('mqtt://other')]).toEqual([MQTT_311, MQTT_5]);
  });
});

test('MQTT 3.1.1 that the config asks for has no explanation', () => {
  const one = spoken({ protocol: 4 });
  expect([one.begin(URL), one.inWords, one.means]).toEqual([MQTT_311, 'MQTT 3.1.1', '']);
});

describe('the retain flag of a message is that of its publisher', () => {
  test('with MQTT 5, and not with MQTT 3.1.1', () => {
    const five = spoken();
    five.begin(URL);
    const older = spoken({ protocol: 4 });
    older.begin(URL);
    expect([five.keepsRetain, older.keepsRetain]).toEqual([true, false]);
  });

  test('for a bridge when the probe has come back with the flag, on this connection', async () => {
    const one = spoken({ protocol: 4, keep: true });
    const published: unknown[] = [];
    const plant = {
      protocol: MQTT_311_BRIDGE,
      publish: async (...message: unknown[]) => void published.push(message),
    } as unknown as PlantConnection;
    expect([one.begin(URL), one.keepsRetain]).toEqual([MQTT_311_BRIDGE, false]);
    one.returned(plant, 'probe', false);
    expect(one.keepsRetain).toBe(false);
    one.returned(plant, 'probe', true);
    expect(one.keepsRetain).toBe(true);
    // Nothing of it stays at the plant.
    expect(published).toEqual(Array.from({ length: 2 }, () => ['probe', '', 0, true]));
    one.begin(URL);
    expect(one.keepsRetain).toBe(false);
  });

  test('which the probe of another client does not prove', () => {
    const one = spoken({ protocol: 4 });
    one.begin(URL);
    const published: unknown[] = [];
    const plant = {
      protocol: MQTT_311,
      publish: async (...message: unknown[]) => void published.push(message),
    } as unknown as PlantConnection;
    one.returned(plant, 'probe', true);
    expect([one.keepsRetain, published]).toEqual([false, []]);
  });
});

test('a will that the plant refuses is published in the form that it takes, at this address', () => {
  const one = spoken();
  expect(one.will(URL)).toEqual({ qos: 1, retain: true });
  one.ended(URL, MQTT_5, refusal(0x9a));
  expect(one.will(URL)).toEqual({ qos: 1, retain: false });
  one.ended(URL, MQTT_5, refusal(0x9b));
  expect(one.will(URL)).toEqual({ qos: 0, retain: false });
  expect(one.will('mqtt://other')).toEqual({ qos: 1, retain: true });
  one.ended('mqtt://other', MQTT_5, refusal(0x87));
  expect(one.will('mqtt://other')).toEqual({ qos: 1, retain: true });
});
