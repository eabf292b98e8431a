import { describe, expect, test } from 'vitest';
import { transports, unique, useBroker } from '../../support/bench.ts';
import { target } from '../../support/gateway.ts';
import * as p from '../../support/packets.ts';
import type { RawClient } from '../../support/raw-client.ts';

const broker = useBroker();
/** Mosquitto looks only every few seconds; ours must be there within a second. */
const LATEST_MS = target === 'mosquitto' ? 8_000 : 2_500;

/** Sends a packet every 300 ms until the other connection has been closed. */
async function sendsUntilClosed(client: RawClient, packet: Uint8Array, other: RawClient) {
  const timer = setInterval(() => client.send(packet), 300);
  try {
    await other.closed(LATEST_MS + 1_500);
  } finally {
    clearInterval(timer);
  }
}

describe.concurrent.each(transports)('over %s', (transport) => {
  const mqtt = broker.over(transport);

  test('[MQTT-3.1.2-24] a silent client is closed after one and a half times its keepalive', async () => {
    const started = performance.now();
    const client = await mqtt.connect({ keepalive: 1 });
    await client.closed(LATEST_MS);
    const took = performance.now() - started;
    expect(took).toBeGreaterThan(1_400);
    expect(took).toBeLessThan(LATEST_MS);
  });

  test('[MQTT-3.1.2-24] receiving messages does not count as a sign of life', async () => {
    const topic = unique('t');
    const listener = await mqtt.connect({ keepalive: 1 });
    await listener.subscribe([topic, 0]);
    const publisher = await mqtt.connect();
    const timer = setInterval(() => publisher.send(p.publish(topic, 'x')), 300);
    try {
      await listener.gone(LATEST_MS);
    } finally {
      clearInterval(timer);
    }
  });

  test.each([
    ['PINGREQ', p.pingreq],
    ['PUBLISH', p.publish('alive', 'x')],
    ['PUBACK', p.puback(9)],
    ['SUBSCRIBE', p.subscribe(9, [['never/published', 0]])],
  ])('[MQTT-3.1.2-24] a %s is a sign of life', async (_name, packet) => {
    const client = await mqtt.connect({ keepalive: 1 });
    await sendsUntilClosed(client, packet, await mqtt.connect({ keepalive: 2 }));
    client.send(p.pingreq);
    await client.take('pingresp');
    expect(client.state).toBe('open');
  });

  test('[MQTT-3.1.2-24] half a packet does not keep a silent client connected', async () => {
    const client = await mqtt.connect({ keepalive: 1 });
    client.send(p.publish('a', 'xyz').subarray(0, 4));
    await client.closed(LATEST_MS);
  });

  test('[MQTT-3.1.2-24] keepalive 0 switches it off', async () => {
    const client = await mqtt.connect({ keepalive: 0 });
    await (await mqtt.connect({ keepalive: 1 })).closed(LATEST_MS);
    await client.quiet();
  });

  test('[MQTT-3.12.4-1] a PINGREQ gets a PINGRESP', async () => {
    const client = await mqtt.connect();
    client.send(p.pingreq);
    expect((await client.next('pingresp')).raw.toString('hex')).toBe('d000');
    client.send(p.pingreq, p.pingreq, p.pingreq);
    for (let n = 0; n < 3; n++) await client.next('pingresp');
    await client.sendBytewise(p.pingreq);
    await client.next('pingresp');
  });
});
