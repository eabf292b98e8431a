import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { TABS } from '../../../src/page/router.ts';
import { hasBrowser, startBrowser } from '../../support/browser.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { LARGE_CELL } from '../../support/large-cell.ts';
import { axeProblems, CUT, OVERFLOWING, VANISHED, visitPage } from '../../support/page-visit.ts';
import { createRandom } from '../../support/random.ts';
import { freePort } from '../../support/server-process.ts';

/** Another sample every day, the same all day. */
const SEED = Number(process.env.PAGE_SEED ?? Math.floor(Date.now() / 86_400_000));
/** `npm run test:page` has all combinations; the suite has a sample. */
const SAMPLE = process.env.PAGE_MATRIX === 'whole' ? undefined : 2;
/** Where the pictures go, if they are wanted. */
const PICTURES = process.env.PAGE_PICTURES;

const ALL = ['en', 'zh-CN', 'de'].flatMap((locale) =>
  (['light', 'dark'] as const).flatMap((colorScheme) =>
    [360, 1366, 3840].map((width) => ({ locale, colorScheme, width })),
  ),
);
const random = createRandom(SEED);
const shuffled = <T>(all: readonly T[]): T[] =>
  all
    .map((one) => ({ one, at: random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one);
const chosen = SAMPLE === undefined ? ALL : shuffled(ALL).slice(0, SAMPLE);

const VIEWS = [...TABS, 'sensors/robot1%2Fj1,doors%2Ffront,coolant%2Ftank1;5min'];
/** In the sample of the suite, axe checks some of them: that takes longer than all the rest. */
const withAxe = SAMPLE === undefined ? VIEWS : shuffled(VIEWS).slice(0, 4);
const HEIGHTS: Readonly<Record<number, number>> = { 360: 740, 1366: 768, 3840: 2160 };
const LONG = 'press-line-4/station-17/hmi-panel-with-a-very-long-client-id-of-the-integrator';

describe.skipIf(!hasBrowser)(
  `the page of a large cell (PAGE_SEED=${SEED})`,
  {
    timeout: 180_000,
  },
  () => {
    let browser: Browser;
    let gateway: TestGateway;
    let folder: string;
    const clients: MqttClient[] = [];

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'cellgate-page-matrix-'));
      const access = join(folder, 'access.yaml');
      const password = await hashPassword('right');
      const all = [
        { topic: '#', allow: 'readwrite' },
        { topic: '$SYS/#', allow: 'read' },
        { topic: '$SYS/cellgate/disconnect', allow: 'write' },
      ];
      const users = [
        { name: 'chief', password, config: 'write', rules: all },
        { name: 'maintenance-of-the-night', password, rules: all.slice(0, 2) },
      ];
      writeFileSync(access, JSON.stringify({ users }), { mode: 0o600 });
      const down = await freePort();
      const names = ['plant', 'scada', 'historian', 'maintenance-of-the-manufacturer'];
      gateway = await startGateway({
        ...{ access, http: {}, sensors: LARGE_CELL.sensors },
        config: {
          ...{ gpio: LARGE_CELL.gpio, outputs: LARGE_CELL.outputs },
          uplinks: names.map((name) => ({
            ...{ name, url: `mqtt://127.0.0.1:${down}` },
            routes: [{ out: '#', to: `line4/${name}/` }],
          })),
        },
      });
      const connect = (clientId: string, clean: boolean) =>
        mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, {
          ...{ clientId, clean, username: 'chief', password: 'right', reconnectPeriod: 0 },
          ...{ protocolVersion: 5, properties: { sessionExpiryInterval: clean ? 0 : 3600 } },
        });
      for (let number = 0; number < 30; number++) {
        const name = number % 10 === 0 ? `${LONG}-${number}` : `plc-${number}`;
        const client = await connect(name, number % 3 === 0);
        await client.subscribeAsync(
          number % 2 ? '$share/presses/robotcell1/robot1/+' : 'recipes/#',
        );
        if (number % 3 === 1) await client.endAsync();
        else clients.push(client);
      }
      const [plc] = clients;
      const kept = { qos: 1, retain: true } as const;
      await plc!.publishAsync(`recipes/${'level/'.repeat(12)}${LONG}`, `{"a":"${LONG}"}`, kept);
      // Each waits in four queues.
      for (let number = 0; number < 2500; number++) plc!.publish('parts', `${number}`);
      await plc!.publishAsync('recipes/long', 'word'.repeat(500), kept);
      browser = await startBrowser();
    }, 90_000);
    afterAll(async () => {
      await browser?.close();
      await Promise.all(clients.map((client) => client.endAsync(true)));
      await gateway?.dispose();
      rmSync(folder, { recursive: true, force: true });
    });

    test.each(chosen)(
      '$locale, $colorScheme, $width px: nothing is wrong in any section',
      async (one) => {
        const { locale, colorScheme, width } = one;
        const viewport = { width, height: HEIGHTS[width]! };
        const opened = await visitPage(browser, gateway, 'overview', {
          locale,
          colorScheme,
          viewport,
        });
        const { page, wrong, close } = opened;
        await page.locator('input[autocomplete="username"]').fill('chief');
        await page.locator('input[type="password"]').fill('right');
        await page.locator('form button').click();
        await page.locator('.group').first().waitFor();
        for (const view of VIEWS) {
          await show(page, view);
          const name = `${locale} ${colorScheme} ${width} ${view.slice(0, 9)}`;
          expect(await page.evaluate(OVERFLOWING), name).toEqual([]);
          expect(await page.evaluate(CUT), name).toEqual([]);
          expect(await page.evaluate(VANISHED), name).toEqual([]);
          if (withAxe.includes(view)) expect(await axeProblems(page), name).toEqual([]);
          if (PICTURES !== undefined) {
            mkdirSync(PICTURES, { recursive: true });
            const path = join(PICTURES, `${name.replaceAll(/[ /]/g, '-')}.png`);
            await page.screenshot({ path, fullPage: width < 3840 });
          }
        }
        expect(wrong).toEqual([]);
        await close();
      },
    );
  },
);

/** Opens a section, and waits until its content is there. */
async function show(page: Page, view: string): Promise<void> {
  await page.evaluate(`location.hash = '${view}'`);
  const [tab = ''] = view.split('/');
  await page.locator(`#tab-${tab}`).waitFor();
  const content: Readonly<Record<string, string>> = {
    sensors: view === tab ? '.tile canvas' : '.sensor-card canvas',
    alarms: '.alarm',
    outputs: '[data-output]',
    plant: '[data-uplink]',
    clients: 'tr.client',
    topics: '[role="treeitem"]',
    system: '.lines li',
    config: 'textarea',
  };
  const wanted = content[tab];
  if (wanted)
    await page.locator(`#tab-${tab} ${wanted}`).filter({ visible: true }).first().waitFor();
}
