import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from '../../../src/config/load.ts';
import { drivers } from '../../../src/driver-table.ts';
import { askGateway } from '../../../src/runtime/admin-socket.ts';
import { startGateway } from '../../support/gateway.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { RawClient } from '../../support/raw-client.ts';
import { freePort } from '../../support/server-process.ts';

/** `npm run test:config-changes -- --changes N --seed S` makes more, or again what has failed. */
const CHANGES = Number(process.env.CONFIG_CHANGES ?? 14);
const SEED = Number(process.env.CONFIG_CHANGES_SEED ?? 20_261_129);
/** Routes with a separate queue that one uplink may have. */
const MOST = 28;

/**
 * A config of a user who tries things for years: other uplinks, other routes with other queues, other limits,
 * sensors and outputs. The plant is not there, so messages stay.
 */
function configOf(port: number, data: string, random: Random) {
  const queue = () => ({
    messages: random.between(1, 50),
    full: random.pick(['drop-oldest', 'drop-newest', 'latest-per-topic']),
  });
  const routes = (to: string) =>
    Array.from({ length: random.pick([0, 1, 3, MOST]) }, () => ({
      ...{ out: `r/${random.between(0, 400)}/#`, to },
      ...(random.next() < 0.9 ? { queue: queue() } : {}),
      ...(random.next() < 0.3 ? { priority: 'high' } : {}),
    })).filter(({ out }, n, all) => all.findIndex((one) => one.out === out) === n);
  const uplinks = Array.from({ length: random.between(0, 3) }, (_, n) => ({
    ...{ name: `plant${random.between(0, 5)}`, url: 'mqtt://127.0.0.1:9' },
    routes: [...routes(`p${n}/`), { out: '#', to: `p${n}/` }],
    ...(random.next() < 0.5 ? { live: 0.5 } : {}),
  })).filter(({ name }, n, all) => all.findIndex((one) => one.name === name) === n);
  const sensors = Array.from({ length: random.between(0, 4) }, (_, n) => ({
    ...{ name: `s${n}${random.between(0, 9)}`, driver: 'simulated', signal: 'cycles' },
    every: '1s',
  }));
  const limits = {
    ...{ sessions: random.pick([1, 5, 1000]), retainedMessages: random.pick([1, 20, 1000]) },
    queue: { messages: random.between(1, 100) },
    absentSessions: random.pick(['keep', 'end-largest']),
  };
  return {
    ...{ cell: 'robotcell1', data, uplinks, sensors },
    broker: { listeners: [{ host: '127.0.0.1', port }], limits },
  };
}

/** Rows on disk for queues of uplinks, and how many of them have messages. */
function queuesOf(dataDir: string): { queues: number; empty: number } {
  const db = new Database(join(dataDir, 'cellgate.db'), { readonly: true });
  const rows = db
    .prepare(
      `SELECT (SELECT count(*) FROM segment WHERE session = key) AS segments FROM session
       WHERE client_id LIKE char(0) || 'uplink/%'`,
    )
    .pluck()
    .all() as number[];
  db.close();
  return { queues: rows.length, empty: rows.filter((segments) => segments === 0).length };
}

/** One message of a client with a session; where there is no room for its session, of one without. */
async function publish(port: number, topic: string, clientId: string): Promise<void> {
  for (const clean of [false, true]) {
    const client = await RawClient.open('tcp', port);
    try {
      await client.connect({ clientId, clean });
      await client.publish(topic, 'x', { qos: 1, retain: true });
      await client.disconnect();
      return;
    } catch {
      client.destroy();
    }
  }
}

test(`after each of ${CHANGES} changes of the config, with reloads, kills and restarts, the gateway starts (seed ${SEED})`, async () => {
  const random = createRandom(SEED);
  const port = await freePort();
  const listeners = [{ host: '127.0.0.1', port }];
  const gateway = await startGateway({ ports: [port], config: { broker: { listeners } } });
  onTestFinished(() => gateway.dispose());
  const { dataDir, configFile } = gateway;
  const reload = () => askGateway(dataDir, { ask: 'reload' });
  for (let change = 0; change < CHANGES; change++) {
    const config = configOf(port, dataDir, random);
    writeFileSync(configFile, stringify(config));
    const checked = await loadConfig(configFile, drivers, dirname(configFile));
    expect(checked.problems, `change ${change}`).toEqual([]);
    const how = random.pick(['reload', 'reload', 'reload', 'reload', 'reload', 'kill', 'stop']);
    if (how === 'kill') {
      const reloading = reload().catch(() => undefined);
      await delay(random.between(0, 100));
      await gateway.kill();
      await reloading;
    }
    const reloaded = how === 'reload' ? await reload() : { reason: 'which needs a restart' };
    const { reason } = reloaded as { reason?: string };
    if (reason !== undefined) {
      expect(reason, `change ${change}`).toMatch(/which needs a restart/);
      await gateway.restart();
    }
    const filters = config.uplinks.flatMap(({ routes }) => routes.map(({ out }) => out));
    const topic = random.pick([...filters, 'other/#']).replace('#', 'x');
    await publish(port, topic, `client${random.between(0, 20)}`);
  }
  // Without uplinks nothing is left but what has messages.
  writeFileSync(
    configFile,
    stringify({ cell: 'robotcell1', data: dataDir, broker: { listeners } }),
  );
  await gateway.restart();
  await gateway.stop();
  expect(queuesOf(dataDir).empty).toBe(0);
}, 3_600_000);
