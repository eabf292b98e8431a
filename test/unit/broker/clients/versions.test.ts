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
    const { port, records } = await startBroker(tempFolder());
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
