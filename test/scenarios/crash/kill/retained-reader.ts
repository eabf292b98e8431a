import { RawClient } from '../../../support/raw-client.ts';

/** What a new subscriber is given as retained, topic by topic. */
export async function readRetained(
  port: number,
  filter: string,
  patienceMs?: number,
): Promise<Map<string, string>> {
  const client = await RawClient.open('tcp', port, patienceMs);
  await client.connect();
  await client.subscribe([filter, 0]);
  // Retained messages at QoS 0 come with the SUBACK or right after it, before anything asked for later.
  await client.subscribe(['retained/end', 0]);
  await client.publish('retained/end', 'end');
  const values = new Map<string, string>();
  for (;;) {
    const message = await client.next('publish');
    if (message.topic === 'retained/end') break;
    if (message.retain) values.set(message.topic, message.payload);
  }
  await client.disconnect();
  return values;
}
