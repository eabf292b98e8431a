import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { fakeDrivers } from '../../support/fake-drivers.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cellgate-uplinks-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function load(uplinks: string) {
  writeFileSync(path.join(folder, 'c.yaml'), `cell: robotcell1\nuplinks:\n${uplinks}`);
  return loadConfig('c.yaml', fakeDrivers, folder);
}

describe('uplinks in a config', () => {
  it('come out with their defaults, in milliseconds and bytes', async () => {
    const { config, problems } = await load(`
  - name: plant
    url: mqtts://plant.example:8883
    username: u
    password: credential:plant
    tls: { serverName: broker }
    routes:
      - { out: '#', to: plant/line4/ }
      - { out: '+/alarm/#', to: plant/line4/, priority: high }
      - { in: plant/line4/robotcell1/set/#, strip: plant/line4/ }
`);
    expect(problems).toEqual([]);
    expect(config?.uplinks).toEqual([
      {
        name: 'plant',
        urls: ['mqtts://plant.example:8883'],
        clientId: 'robotcell1-plant',
        username: 'u',
        password: 'credential:plant',
        tls: { alpn: [], serverName: 'broker' },
        keepalive: 30_000,
        sessionExpiry: 7 * 86_400_000,
        inflight: 100,
        reconnectMax: 60_000,
        probe: 30_000,
        live: 0,
        status: 'robotcell1/status',
        queue: { messages: 1_000_000, bytes: 2 ** 30, age: 7 * 86_400_000, full: 'drop-oldest' },
        out: [
          { out: '#', to: 'plant/line4/', qos: 1, retain: 'keep', priority: 'normal' },
          { out: '+/alarm/#', to: 'plant/line4/', qos: 1, retain: 'keep', priority: 'high' },
        ],
        in: [
          {
            in: 'plant/line4/robotcell1/set/#',
            strip: 'plant/line4/',
            to: '',
            qos: 1,
            retain: 'clear',
          },
        ],
      },
    ]);
  });

  it('of Sparkplug send all values of the cell by default, and need no probe', async () => {
    const { config, problems } = await load(
      "  - { name: scada, url: 'mqtt://a', sparkplug: { group: Plant1, node: cell1, primaryHost: scada1 } }\n",
    );
    expect(problems).toEqual([]);
    expect(config?.uplinks[0]).toMatchObject({
      probe: 0,
      sparkplug: { group: 'Plant1', node: 'cell1', primaryHost: 'scada1' },
      out: [{ out: 'robotcell1/#', to: '', qos: 1, retain: 'clear', priority: 'normal' }],
      in: [],
    });
  });

  it('of Sparkplug may choose values beside an uplink of another form to the same broker', async () => {
    const { config, problems } = await load(`
  - { name: plain, url: 'mqtt://a', routes: [{ out: 'robotcell1/#' }] }
  - name: scada
    url: mqtt://a
    clientId: other
    sparkplug: { group: Plant1, node: cell1 }
    routes: [{ out: 'robotcell1/robot/#', priority: high, queue: { messages: 1000 } }]
`);
    expect(problems).toEqual([]);
    expect(config?.uplinks[1]?.out).toMatchObject([{ out: 'robotcell1/robot/#', to: '' }]);
  });

  it('may have files, found from the folder of the config', async () => {
    writeFileSync(path.join(folder, 'p'), 'secret\n', { mode: 0o600 });
    const { config } = await load(
      "  - { name: p, url: 'mqtt://a', username: u, password: 'file:p', routes: [{ out: '#' }] }\n",
    );
    expect(config?.uplinks[0]?.password).toBe(`file:${path.join(folder, 'p')}`);
  });

  it('never print a password that stands there by mistake', async () => {
    const { problems } = await load(
      "  - { name: p, url: 'mqtt://a', username: u, password: hunter2, routes: [{ out: '#' }] }\n",
    );
    expect(JSON.stringify(problems)).not.toContain('hunter2');
    expect(problems).toHaveLength(1);
  });

  it('are refused in at least 12 ways that loop or overlap, each with the line that collides', () => {
    const golden = path.resolve(import.meta.dirname, '../../golden/config');
    const names = readdirSync(golden).filter((name) => /^loop-.*\.txt$/.test(name));
    const naming = names.filter((name) =>
      /^\S+:\d+:\d+: uplinks.*\b(in|of|by) line \d+|\bline \d+ (sends|would)/m.test(
        readFileSync(path.join(golden, name), 'utf8'),
      ),
    );
    expect(naming.length).toBeGreaterThanOrEqual(12);
  });
});
