import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { startPlant } from '../../support/plant.ts';
import { startPlantFront } from '../../support/plant-front.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

beforeEach(needs(tools.mosquitto));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function gatewayTo(url: string): Promise<TestGateway> {
  const uplink = { name: 'plant', url, reconnectMax: '1s', routes: [{ out: '#', to: 'p/' }] };
  const gateway = await startGateway({ config: { uplinks: [uplink] } });
  ends.push(() => gateway.dispose());
  await statusWhen(gateway.port, ({ state }) => state === 'connected');
  return gateway;
}

describe('a plant that does not close the connection after DISCONNECT', () => {
  test('does not hold the process that stops', async () => {
    const plant = await startPlant();
    ends.push(() => plant.dispose());
    const front = await startPlantFront({ target: plant.port, keepsOpen: true });
    ends.push(() => front.close());
    const gateway = await gatewayTo(`mqtt://127.0.0.1:${front.port}`);
    const asked = Date.now();
    expect(await gateway.stop()).toBe(0);
    // One second for the plant; the rest is for a machine that has much to do.
    expect(Date.now() - asked).toBeLessThan(10_000);
    await until('the connection is closed', () => front.open === 0);
  });

  test('does not keep the connection of an uplink that a reload has removed', async () => {
    const plant = await startPlant();
    ends.push(() => plant.dispose());
    const front = await startPlantFront({ target: plant.port, keepsOpen: true });
    ends.push(() => front.close());
    const gateway = await gatewayTo(`mqtt://127.0.0.1:${front.port}`);
    const { uplinks, ...others } = parse(readFileSync(gateway.configFile, 'utf8'));
    expect(uplinks).toHaveLength(1);
    writeFileSync(gateway.configFile, stringify(others));
    process.kill(gateway.pid, 'SIGHUP');
    await until('the connection is closed', () => front.open === 0, 10_000);
    expect(await gateway.stop()).toBe(0);
  });
});

test('what can not be cancelled, such as the look-up of a name, does not hold the process', async () => {
  const endless = `--import data:text/javascript,${encodeURIComponent('setInterval(() => {}, 1e6)')}`;
  const gateway = await startGateway({ env: { NODE_OPTIONS: endless } });
  ends.push(() => gateway.dispose());
  expect(await gateway.stop()).toBe(0);
});
