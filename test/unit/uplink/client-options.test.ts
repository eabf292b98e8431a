import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  completeUplink,
  type UplinkConfig,
  uplinkSchema,
} from '../../../src/config/schema/uplinks.ts';
import { clientOptions } from '../../../src/uplink/client-options.ts';
import { MQTT_5, MQTT_311 } from '../../../src/uplink/protocol-choice.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const will = { qos: 1, retain: true } as const;

function configOf(over: Partial<UplinkConfig> = {}): UplinkConfig {
  const config = uplinkSchema.parse({
    name: 'plant',
    url: 'mqtt://plant',
    routes: [{ out: '#', to: 'p/' }],
  });
  return { ...completeUplink(config, 'cell'), keepalive: 10_500, ...over };
}

test('of MQTT 3.1.1 there are those that keep the session and leave the connection to the uplink', () => {
  const { messageIdProvider, log, ...options } = clientOptions(configOf(), MQTT_311, will);
  expect(options).toEqual({
    protocolVersion: 4,
    clientId: 'cell-plant',
    clean: false,
    // Whole seconds [MQTT-3.1.2.10], not fewer than the config says.
    keepalive: 11,
    connectTimeout: 10_500,
    reschedulePings: false,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    will: { topic: configOf().status, payload: Buffer.from('offline'), qos: 1, retain: true },
  });
});

test('an edge node of Sparkplug keeps no session, and its will is its death', () => {
  const sparkplug = { group: 'Plant1', node: 'cell1' };
  const death = { qos: 1, retain: false, topic: 'death', payload: Buffer.from('n') } as const;
  const four = clientOptions(configOf({ sparkplug }), MQTT_311, death);
  expect(four).toMatchObject({ clean: true, will: death });
  const five = clientOptions(configOf({ sparkplug }), MQTT_5, death);
  expect(five).toMatchObject({ clean: true, properties: { sessionExpiryInterval: 0 } });
});

test('CONNECT has 20 s at most, however long the keep-alive is', () => {
  const { connectTimeout } = clientOptions(configOf({ keepalive: 600_000 }), MQTT_311, will);
  expect(connectTimeout).toBe(20_000);
});

test('of MQTT 5 the session has its expiry in seconds, and the plant may send 100 messages', () => {
  const expiryOf = (sessionExpiry: number) =>
    clientOptions(configOf({ sessionExpiry }), MQTT_5, will).properties;
  expect(expiryOf(61_500)).toEqual({ sessionExpiryInterval: 62, receiveMaximum: 100 });
  // More can't be written into the packet.
  expect(expiryOf(1e13)).toEqual({ sessionExpiryInterval: 4_294_967_295, receiveMaximum: 100 });
});

test('the name and the password are sent as they are, the password from its place', () => {
  const file = join(tempFolder(), 'password');
  writeFileSync(file, 'secret\n');
  const options = clientOptions(
    configOf({ username: 'line', password: `file:${file}` }),
    MQTT_311,
    will,
  );
  expect([options.username, options.password]).toEqual(['line', 'secret']);
});

describe('TLS', () => {
  test('has what the config gives, for a WebSocket too', () => {
    const folder = tempFolder();
    const files = Object.fromEntries(
      ['ca', 'cert', 'key'].map((name) => {
        writeFileSync(join(folder, name), `the ${name}`);
        return [name, join(folder, name)];
      }),
    );
    const tls = { ...files, alpn: ['x-amzn-mqtt-ca'], serverName: 'plant.example' };
    const options = clientOptions(configOf({ tls }), MQTT_311, will);
    const expected = {
      ca: Buffer.from('the ca'),
      cert: Buffer.from('the cert'),
      key: Buffer.from('the key'),
      ALPNProtocols: ['x-amzn-mqtt-ca'],
      servername: 'plant.example',
    };
    expect(options).toMatchObject(expected);
    expect(options.wsOptions).toEqual(expected);
  });

  test('has nothing that the config does not give', () => {
    const options = clientOptions(configOf({ tls: { alpn: [] } }), MQTT_311, will);
    expect(options.wsOptions).toEqual({});
    const keys = ['ca', 'cert', 'key', 'ALPNProtocols', 'servername'];
    expect(keys.filter((key) => key in options)).toEqual([]);
  });

  test('a file that is not there is an error', () => {
    const tls = { alpn: [], ca: join(tempFolder(), 'none') };
    expect(() => clientOptions(configOf({ tls }), MQTT_311, will)).toThrow(/ENOENT/);
  });
});

test('the packets of mqtt.js have identifiers above those of the queues, one after the other', () => {
  const { messageIdProvider: ids } = clientOptions(configOf(), MQTT_311, will);
  const given = Array.from({ length: 1536 }, () => ids?.allocate());
  expect([given[0], given[1], given[1534], given[1535]]).toEqual([64_001, 64_002, 65_535, 64_001]);
  expect(ids?.getLastAllocated()).toBe(64_001);
  // mqtt.js asks before it sends again with an identifier of an earlier connection.
  expect(ids?.register(64_010)).toBe(true);
});
