import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { publish, pubrel } from '../../support/packets.ts';
import { collect, startPlant } from '../../support/plant.ts';
import { RawClient } from '../../support/raw-client.ts';
import { run } from '../../support/run.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { needs, tools } from '../../support/tools.ts';

/** A database of version 4, whose gateway was killed with clients connected and its plant out of reach. */
const OLDER = readFileSync(join(REPOSITORY, 'test/fixtures/database-4.sql'), 'utf8');
/** The config of that gateway, with the keys of its version. What was stored must not be too old by now. */
const OLD_LIMITS = {
  queuedMessages: 1000,
  queuedAge: '3650d',
  sessionExpiry: '3650d',
  keepalive: '5m',
};

function writeDatabase(file: string): void {
  const db = new Database(file);
  db.exec(OLDER);
  db.close();
}

/** Starts a gateway of this version over the data, with the old config. */
async function start(data: string, plantPort: number): Promise<TestGateway> {
  const queue = { age: '3650d' };
  const gateway = await startGateway({
    limits: OLD_LIMITS,
    config: {
      data,
      uplinks: [
        {
          name: 'plant',
          url: `mqtt://127.0.0.1:${plantPort}`,
          retry: '1s',
          queue,
          routes: [
            { out: 'line/#', to: 'p/' },
            { out: 'line/alarm/#', to: 'p/', priority: 'high' },
            { out: 'line/own/#', to: 'p/', queue: { messages: 100, ...queue } },
          ],
        },
      ],
    },
  });
  onTestFinished(() => gateway.dispose());
  return gateway;
}

const open = async ({ port }: TestGateway, clientId: string, clean = false): Promise<RawClient> =>
  (await RawClient.open('tcp', port)).connect({ clientId, clean });

beforeEach(needs(tools.mosquitto));

describe.each(['opened in place', 'restored from a backup'])(
  'data of the version before, %s',
  (way) => {
    test('has its sessions, queues, retained messages, wills and outboxes', async () => {
      const folder = tempFolder();
      const data = join(folder, 'data');
      if (way === 'opened in place') {
        mkdirSync(data, { mode: 0o700 });
        writeDatabase(join(data, 'cellgate.db'));
      } else {
        const backup = join(folder, 'backup.db');
        writeDatabase(backup);
        const cli = join(REPOSITORY, 'dist/program/cli.js');
        const config = join(folder, 'config.yaml');
        writeFileSync(config, `cell: robotcell1\ndata: ${data}\n`);
        expect(
          await run(process.execPath, [cli, 'restore', backup, '--config', config]),
        ).toMatchObject({ code: 0 });
      }
      const plant = await startPlant();
      onTestFinished(() => plant.dispose());
      const collector = await collect(plant.port, 'p/#');
      onTestFinished(() => collector.close());
      const gateway = await start(data, plant.port);

      const absent = await open(gateway, 'absent');
      expect(absent.connack.sessionPresent).toBe(true);
      const messages = await absent.messages(37);
      expect(
        messages.map(
          ({ topic, payload, qos }) => `${qos} ${topic} ${payload.slice(0, 2).replaceAll('.', '')}`,
        ),
      ).toEqual([
        ...Array.from({ length: 30 }, (_, n) => `1 q/own ${n + 1}`),
        '1 q/large LL',
        ...Array.from({ length: 5 }, (_, n) => `2 twice/x ${n + 1}`),
        '1 q/will go',
      ]);

      // Three messages of QoS 1 were sent and not acknowledged, one of QoS 2 was received and not completed.
      const halfway = await open(gateway, 'halfway');
      for (const payload of ['1', '2', '3']) {
        expect(await halfway.next('publish')).toMatchObject({ payload, qos: 1, dup: true });
      }
      await halfway.next('pubrel');

      const reader = await open(gateway, 'reader', true);
      await reader.subscribe(['r/#', 1], ['q/will', 1]);
      const retained = (await reader.messages(11)).map(
        ({ topic, payload }) => `${topic} ${payload}`,
      );
      expect(retained.sort()).toEqual([
        'q/will gone',
        ...Array.from({ length: 10 }, (_, n) => `r/${n} kept ${n}`),
      ]);

      const of = (topic: RegExp): string[] =>
        collector.arrivals.filter((each) => topic.test(each.topic)).map(({ payload }) => payload);
      await collector.until((all) => all.length >= 61);
      expect(
        of(/^p\/line\/\d/)
          .map(Number)
          .sort((a, b) => a - b),
      ).toEqual(Array.from({ length: 50 }, (_, n) => n));
      expect(of(/^p\/line\/alarm\//)).toEqual(['0', '1', '2', '3', '4']);
      expect(of(/^p\/line\/own\//)).toEqual(['0', '1', '2', '3', '4']);
      expect(of(/^p\/line\/once$/)).toEqual(['once']);

      // The identifier of an unfinished QoS 2 message is still known: sent again, it is no second message.
      const unfinished = await open(gateway, 'unfinished');
      unfinished.send(publish('line/once', 'once', { qos: 2, id: 7, dup: true }));
      await unfinished.take('pubrec');
      unfinished.send(pubrel(7), publish('line/last', 'last', { qos: 1, id: 8 }));
      await unfinished.take('puback');
      await collector.until((all) => all.some(({ payload }) => payload === 'last'));
      expect(of(/^p\/line\/once$/)).toEqual(['once']);
    });
  },
);
