import { expect, test } from 'vitest';
import { startBroker } from '../../../support/broker.ts';
import * as packets from '../../../support/packets.ts';
import { RawClient } from '../../../support/raw-client.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const SET = 'set its protocol version to 3.1.1 (level 4)';

test.each([
  ['MQTT', 5, `it speaks MQTT 5, and this listener takes 3.1 and 3.1.1: ${SET}`],
  ['MQTT', 3, `it speaks MQTT with level 3, and this listener takes 3.1 and 3.1.1: ${SET}`],
  ['MQIsdp', 4, `it speaks MQIsdp with level 4, and this listener takes 3.1 and 3.1.1: ${SET}`],
  ['MQTT', 0x85, `it speaks MQTT 5 as a bridge, and this listener takes 3.1 and 3.1.1: ${SET}`],
  ['MQTT', 6, `it speaks MQTT with level 6, and this listener takes 3.1 and 3.1.1: ${SET}`],
])(
  'a client of %s with level %i is logged with its address, its version and what to set',
  async (protocol, level, reason) => {
    const { port, records } = await startBroker(tempFolder(), {}, {}, 'tcp', undefined, [3, 4]);
    for (let i = 0; i < 3; i++) {
      const client = await RawClient.open('tcp', port);
      client.send(packets.connect({ protocol, level, clientId: `c${i}` }));
      expect((await client.next('connack')).code).toBe(1);
      await client.closed();
    }
    expect(records.filter(({ msg }) => msg === 'connection closed')).toMatchObject([
      { client: '127.0.0.1', reason },
    ]);
  },
);

test.each([
  ['MQTT', 6],
  ['MQTT', 3],
])(
  'a listener takes 3.1, 3.1.1 and 5 unless it says otherwise, not %s with level %i',
  async (protocol, level) => {
    const { port, records, client, client5 } = await startBroker(tempFolder());
    expect((await client({ protocol: 'MQIsdp', level: 3, clientId: 'a' })).connack.code).toBe(0);
    expect((await client({ clientId: 'b' })).connack.code).toBe(0);
    expect((await client5({ clientId: 'c' })).connack.code).toBe(0);
    const other = await RawClient.open('tcp', port);
    other.send(packets.connect({ protocol, level, clientId: 'd' }));
    expect((await other.next('connack')).code).toBe(1);
    await other.closed();
    const reason = `it speaks MQTT with level ${level}, and this listener takes 3.1, 3.1.1 and 5: ${SET}`;
    expect(records.filter(({ msg }) => msg === 'connection closed')).toMatchObject([{ reason }]);
  },
);

test('the status has the version of each client, and how long its session outlives its connection', async () => {
  const { broker, client, client5 } = await startBroker(tempFolder());
  await client({ protocol: 'MQIsdp', level: 3, clientId: 'a' });
  await client({ clientId: 'b', clean: false });
  await client5({ clientId: 'c', clean: false, properties: [['sessionExpiry', 90]] });
  const away = await client5({ clientId: 'd', properties: [['sessionExpiry', 0xffffffff]] });
  await away.disconnect();
  expect(broker.sessions).toMatchObject([
    { clientId: 'a', version: '3.1', sessionExpiry: 0 },
    { clientId: 'b', version: '3.1.1', sessionExpiry: null },
    { clientId: 'c', version: '5', sessionExpiry: 90 },
    { clientId: 'd', online: false, version: null, sessionExpiry: null },
  ]);
  expect(broker.counts.versions).toEqual({ '3.1': 1, '3.1.1': 1, '5': 1 });
});
