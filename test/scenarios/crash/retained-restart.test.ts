import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import mqtt from 'mqtt';
import { expect, onTestFinished, test } from 'vitest';
import { databaseFile } from '../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../src/store/database/database.ts';
import { migrate } from '../../../src/store/database/migrations.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { createRandom } from '../../support/random.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

const STORED = 30_000;
const STARTS = 6;
const SEED = 20_261_130;
/** The topic of a retained message that no test changes. */
const LAST = 'last';

/** A data folder with many retained messages: a gateway on it needs some hundred milliseconds to restore them. */
function filledFolder(): string {
  const data = join(tempFolder(), 'data');
  mkdirSync(data, { mode: 0o700 });
  const db = openConnection(databaseFile(data));
  migrate(db);
  const insert = db.prepare('INSERT INTO retained (topic, qos, payload) VALUES (?, 1, ?)');
  db.transaction(() => {
    for (let n = 0; n < STORED; n++) insert.run(`t/${n}`, Buffer.from(`stored ${n}`));
    insert.run(LAST, Buffer.from('last'));
  })();
  db.close();
  return data;
}

/** All retained messages that a client with `t/#` gets, by topic; each must come once. */
async function retainedOf({ port }: TestGateway): Promise<Map<string, string>> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
  const found = new Map<string, string>();
  let received = 0;
  client.on('message', (topic, payload) => {
    received++;
    found.set(topic, payload.toString());
  });
  await client.subscribeAsync('t/#');
  // The messages of a client's filters come one filter after the other.
  await client.subscribeAsync(LAST);
  await until('all retained messages are there', () => found.has(LAST), 30_000);
  expect(received).toBe(found.size);
  found.delete(LAST);
  await client.endAsync();
  return found;
}

test('a kill while retained messages are being restored loses none, and brings none back that was deleted', async () => {
  const gateway = await startGateway({ config: { data: filledFolder() } });
  onTestFinished(() => gateway.dispose());
  const random = createRandom(SEED);
  const acknowledged = new Map<string, string>();
  for (let n = 0; n < STORED; n++) acknowledged.set(`t/${n}`, `stored ${n}`);
  /** What was not acknowledged when the gateway was killed: it may be there or not. */
  const uncertain = new Map<string, Set<string>>();
  for (let start = 1; start <= STARTS; start++) {
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, {
      reconnectPeriod: 0,
    });
    client.on('error', () => undefined);
    const kill = delay(random.between(0, 400)).then(() => gateway.kill());
    for (let n = 0; client.connected && n < 5000; n++) {
      const topic = `t/${random.between(0, STORED - 1)}`;
      const payload = random.next() < 0.3 ? '' : `new ${start}.${n}`;
      const before = uncertain.get(topic) ?? new Set();
      uncertain.set(topic, before.add(payload));
      const sent = client.publishAsync(topic, payload, { qos: 1, retain: true });
      const answered = await Promise.race([
        sent.then(
          () => true,
          () => false,
        ),
        kill.then(() => false),
      ]);
      if (!answered) break;
      acknowledged.set(topic, payload);
      uncertain.delete(topic);
    }
    await kill;
    client.end(true);
    await gateway.restart();
  }
  const expected = new Map([...acknowledged].filter(([, payload]) => payload !== ''));
  const found = await retainedOf(gateway);
  for (const [topic, payloads] of uncertain) {
    const payload = found.get(topic) ?? '';
    expect([...payloads, acknowledged.get(topic)]).toContain(payload);
    found.delete(topic);
    expected.delete(topic);
  }
  expect(found.size).toBe(expected.size);
  expect([...found].filter(([topic, payload]) => expected.get(topic) !== payload)).toEqual([]);
});

test('a stop while retained messages are being restored ends cleanly and keeps them', async () => {
  const gateway = await startGateway({ config: { data: filledFolder() } });
  onTestFinished(() => gateway.dispose());
  for (let start = 1; start <= 3; start++) {
    expect(await gateway.stop()).toBe(0);
    await gateway.restart();
  }
  expect((await retainedOf(gateway)).size).toBe(STORED);
});
