import { describe, expect, test } from 'vitest';
import { Answers, requestOf } from '../../../../src/broker/messages/answers.ts';
import type {
  LocalMessage,
  ReceivedMessage,
} from '../../../../src/broker/messages/local-message.ts';
import type { Retained } from '../../../../src/broker/messages/retained-walk.ts';
import { DropCounter } from '../../../../src/broker/stats/drop-counter.ts';
import { startBroker } from '../../../support/broker.ts';
import * as p from '../../../support/packets-5.ts';
import { createQuietLog } from '../../../support/quiet-log.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { waitFor } from '../../../support/wait-for.ts';

const ASKING: p.Properties = [
  ['responseTopic', 'answers/1'],
  ['userProperty', ['a', '1']],
  ['correlationData', Buffer.from([0, 1])],
];

function setUp(over: { retainedBy?: string; receivedHere?: string; readable?: string } = {}) {
  const published: LocalMessage[] = [];
  const drops = new DropCounter(createQuietLog().log);
  const answers = new Answers({
    drops,
    retained: {
      get: () =>
        over.retainedBy === undefined
          ? undefined
          : ({ publisher: over.retainedBy } as unknown as Retained),
    },
    isReceived: (topic) => topic === over.receivedHere,
    publish: async (message) => void published.push(message),
  });
  const { readable } = over;
  const access =
    readable === undefined
      ? undefined
      : { rights: { maySubscribe: (topic: string) => topic === readable } };
  const requester = { session: { clientId: 'hmi' }, access };
  const answer = (responseTopic: string): string | undefined => {
    const request = { responseTopic, correlationData: Buffer.from('c'), requester };
    answers.answer(request, Buffer.from('x'));
    drops.stop();
    return [...drops.byReason.keys()][0];
  };
  return { answer, published };
}

test.each([
  ['without rules', {}, 'a/1', undefined],
  ['where its sender may subscribe', { readable: 'a/1' }, 'a/1', undefined],
  ['where its sender may not subscribe', { readable: 'a/2' }, 'a/1', 'not-authorised'],
  ['on a topic with $', {}, '$SYS/a', 'reserved-topic'],
  ['on a shared subscription', {}, '$share/a/b', 'reserved-topic'],
  ['where a client keeps a value', { retainedBy: 'c' }, 'a/1', undefined],
  ['where the gateway keeps a value', { retainedBy: '' }, 'a/1', 'reserved-topic'],
  ['where a part of the gateway acts', { receivedHere: 'a/1' }, 'a/1', 'reserved-topic'],
])('an answer %s', (_name, over, topic, refusal) => {
  const { answer, published } = setUp(over);
  expect(answer(topic)).toBe(refusal);
  expect(published).toHaveLength(refusal === undefined ? 1 : 0);
});

test('the response topic and the correlation data of a request are found among its properties', () => {
  const requester = { session: undefined, access: undefined };
  expect(requestOf(p.block(ASKING), requester)).toEqual({
    ...{ responseTopic: 'answers/1', correlationData: Buffer.from([0, 1]), requester },
  });
  expect(requestOf(p.block(ASKING.slice(1)), requester)).toBeUndefined();
});

describe('a part of the gateway', () => {
  test.each([0, 1, 2])('can answer a client of MQTT 5 at QoS %i, and no other', async (qos) => {
    const running = await startBroker(tempFolder(), {}, {}, 'tcp', undefined, [3, 4, 5]);
    const received: ReceivedMessage[] = [];
    running.broker.subscribeLocal('ask', (message) => received.push(message));
    const kept = { clean: false, properties: [['sessionExpiry', 60]] as p.Properties };
    const client = await running.client5({ clientId: 'c', ...kept });
    await client.subscribe([['answers/1', 2]]);
    const properties: p.Properties = [['messageExpiry', 60], ...ASKING];
    await client.publish('ask', 'plain', { qos });
    await client.publish('ask', 'asking', { qos, properties });
    const old = await running.client({ clientId: 'old' });
    await old.publish('ask', 'old', { qos });
    await waitFor(() => expect(received).toHaveLength(3));
    expect(received.map(({ answer }) => answer !== undefined)).toEqual([false, true, false]);
    const [plain, asking] = received;
    expect(plain!.expiresAt).toBeNull();
    const left = asking!.expiresAt! - running.store.storedClock.now();
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(60_000);
    asking!.answer!(Buffer.from('{}'));
    expect(await client.message()).toMatchObject({
      ...{ topic: 'answers/1', payload: '{}', qos: 1, retain: false },
      properties: [['contentType', 'application/json'], ASKING[2]],
    });
  });
});
