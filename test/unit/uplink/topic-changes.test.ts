import { beforeEach, describe, expect, test } from 'vitest';
import { MQTT_311, MQTT_311_BRIDGE } from '../../../src/uplink/protocol-choice.ts';
import { changedTopic, TopicChanges } from '../../../src/uplink/topic-changes.ts';
import { settle } from '../../support/manual-clock.ts';

/** A plant and the messages that it brings back. */
class FakePlant {
  readonly url: string;
  isDown = false;
  protocol = MQTT_311;
  /** As RabbitMQ does. */
  changes = true;
  refuses = false;
  endsEarly = false;
  readonly requests: string[] = [];
  #subscribed = '';

  constructor(url = 'mqtt://plant') {
    this.url = url;
  }

  async subscribe(wanted: readonly { readonly filter: string }[]): Promise<readonly string[]> {
    const filters = wanted.map(({ filter }) => filter);
    this.requests.push(...filters);
    this.isDown = this.endsEarly;
    if (this.endsEarly) throw new Error('closed');
    this.#subscribed = filters[0] ?? '';
    return this.refuses ? filters : [];
  }

  async unsubscribe(filters: string[]): Promise<void> {
    this.requests.push(...filters.map((filter) => `-${filter}`));
  }

  readonly probes = {
    topic: 'cell/status/probe',
    comesBack: async (topic: string): Promise<boolean> => {
      this.requests.push(topic.replace(/[0-9a-f]{8}/, 'ID'));
      const filter = this.changes ? changedTopic(this.#subscribed) : this.#subscribed;
      return new RegExp(`^${filter.replace('+', '[^/]+')}$`).test(topic);
    },
  };
}

const CONFIG = { probe: 30_000, in: [], status: 'cell/status' };
const ASKED = [
  'cell/status/probe/*.names',
  'cell/status/probe/ID/names',
  '-cell/status/probe/*.names',
];
let plant: FakePlant;
let reports: (string | false)[];
beforeEach(() => {
  plant = new FakePlant();
  reports = [];
});

async function connect(topics: TopicChanges): Promise<void> {
  topics.proven(plant, plant.probes, (sentence) => reports.push(sentence));
  await settle();
}

describe('a plant that changes topics', () => {
  test('is found out when the first such topic is used, and each is named with what becomes of it', async () => {
    const topics = new TopicChanges(CONFIG);
    await connect(topics);
    for (const topic of ['p/plain', 'p/with space', 'p//empty/']) topics.note(topic);
    await settle();
    expect([plant.requests, reports]).toEqual([[], []]);
    topics.note('p/a.b');
    await settle();
    expect(plant.requests).toEqual(ASKED);
    expect(reports).toEqual([
      'mqtt://plant changes topics, "." to "/" and "*" to "+": p/a.b becomes p/a/b',
    ]);
    topics.note('p/star*');
    topics.note('p/a.b');
    expect(reports.slice(1)).toEqual([expect.stringContaining('p/a/b, p/star* becomes p/star+')]);
    expect(plant.requests).toEqual(ASKED);
  });

  test('is known on the next connection, and at another address it is asked again', async () => {
    const topics = new TopicChanges(CONFIG);
    topics.note('p/a.b');
    await connect(topics);
    plant = new FakePlant();
    await connect(topics);
    expect([plant.requests, reports.length]).toEqual([[], 2]);
    plant = new FakePlant('mqtt://other');
    plant.changes = false;
    await connect(topics);
    expect([plant.requests, reports.length]).toEqual([ASKED, 2]);
  });

  test('changes the topics of in routes and of the status too', async () => {
    await connect(
      new TopicChanges({
        ...{ probe: 30_000, status: 'line4.2/status' },
        in: [{ in: 'line4.2/set', strip: '', to: '', qos: 1, retain: 'clear' }],
      }),
    );
    expect(reports).toEqual([
      expect.stringMatching(/line4\.2\/status becomes .*, line4\.2\/set becomes line4\/2\/set$/),
    ]);
  });

  test('is seen at once where a message comes back under a changed topic', async () => {
    plant.changes = false;
    const topics = new TopicChanges({ ...CONFIG, status: 'a.b/status' });
    await connect(topics);
    expect(reports).toEqual([]);
    topics.seen();
    expect(reports).toEqual([expect.stringContaining('a.b/status becomes a/b/status')]);
  });

  test('is not reported any more when the config has no such topic', async () => {
    const topics = new TopicChanges(CONFIG);
    topics.note('p/a.b');
    await connect(topics);
    topics.restart(CONFIG);
    expect(reports.at(-1)).toBe(false);
  });
});

describe('nothing is reported', () => {
  test.each([
    ['that keeps topics', { changes: false }, ASKED],
    ['that refuses the filter', { refuses: true }, ASKED.slice(0, 1)],
    ['to which the gateway is a bridge', { protocol: MQTT_311_BRIDGE }, []],
  ])('of a plant %s', async (_what, how, requests) => {
    Object.assign(plant, how);
    const topics = new TopicChanges(CONFIG);
    topics.note('p/a.b');
    await connect(topics);
    expect([plant.requests, reports]).toEqual([requests, []]);
  });

  test('without a probe', async () => {
    const topics = new TopicChanges({ ...CONFIG, probe: 0 });
    topics.note('p/a.b');
    await connect(topics);
    expect([plant.requests, reports]).toEqual([[], []]);
  });

  test('of a plant that ends the connection at the check, which is tried three times', async () => {
    const topics = new TopicChanges(CONFIG);
    topics.note('p/a.b');
    const requests: string[][] = [];
    for (let n = 0; n < 5; n++) {
      plant = new FakePlant();
      plant.endsEarly = true;
      await connect(topics);
      requests.push(plant.requests);
    }
    const asked = ASKED.slice(0, 1);
    expect([requests, reports]).toEqual([[asked, asked, asked, [], []], []]);
  });
});
