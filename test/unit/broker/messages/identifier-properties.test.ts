import { expect, test } from 'vitest';
import { startBroker } from '../../../support/broker.ts';
import * as p from '../../../support/packets-5.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

/** Under one QoS 2 identifier that is not released. */
test('other properties are another message, another expiry is not', async () => {
  const { client5 } = await startBroker(tempFolder(), {}, {}, 'tcp', undefined, [5]);
  const reader = await client5();
  await reader.subscribe([['t', 2]]);
  const device = await client5({ clientId: 'device' });
  const request = (n: string): p.Property => ['correlationData', Buffer.from(n)];
  const long: p.Property = ['userProperty', ['n', 'x'.repeat(200)]];
  const sent: p.Properties[] = [
    [],
    [['messageExpiry', 60]],
    [request('1')],
    [request('1'), ['messageExpiry', 60]],
    [['messageExpiry', 50], request('1')],
    [request('2')],
    [request('2'), ['topicAlias', 1]],
    [long],
    [long, ['messageExpiry', 60]],
  ];
  for (const properties of sent) {
    device.send(p.publish('t', 'get', { qos: 2, id: 5, properties }));
    await device.next('pubrec');
  }
  await device.publish('t', 'end', { qos: 2 });
  const received: string[] = [];
  for (let message = await reader.message(); ; message = await reader.message()) {
    if (message.payload === 'end') break;
    received.push(message.payload!);
  }
  expect(received).toEqual(['get', 'get', 'get', 'get']);
});
