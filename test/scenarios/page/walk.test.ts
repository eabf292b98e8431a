import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { askGateway } from '../../../src/runtime/admin-socket.ts';
import { hasBrowser, startBrowser } from '../../support/browser.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { type Visit, visitPage } from '../../support/page-visit.ts';

const HOT = { name: 'hot', above: 60, severity: 'high', text: 'Oven is hot' };
const SENSORS = [
  { name: 'oven', driver: 'tmp102', bus: 'i2c-1', address: 0x48, every: '200ms', alarms: [HOT] },
  { name: 'robot', driver: 'simulated', signal: 'joint-temperature', every: '50ms' },
];

/** Run in the page: how often a value was drawn, and in how many milliseconds, at its eighth time. */
const DRAWN = `new Promise((resolve) => {
  const from = performance.now();
  let drawn = 0;
  const observer = new MutationObserver(() => {
    drawn++;
    if (drawn < 8) return;
    observer.disconnect();
    resolve({ drawn, ms: performance.now() - from });
  });
  const node = document.querySelector('[data-topic="robotcell1/robot/j1"] .value');
  observer.observe(node, { childList: true, characterData: true, subtree: true });
})`;

describe.skipIf(!hasBrowser)(
  'what an operator sees and does in Chromium',
  {
    timeout: 60_000,
  },
  () => {
    let browser: Browser;
    let gateway: TestGateway;
    let folder: string;
    let visit: Visit;
    let page: Page;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'cellgate-walk-'));
      const access = join(folder, 'access.yaml');
      const password = await hashPassword('right');
      writeFileSync(access, JSON.stringify({ users: [{ name: 'anna', password }] }), {
        mode: 0o600,
      });
      gateway = await startGateway({
        ...{ http: {}, access, sensors: SENSORS },
        config: {
          simulate: true,
          outputs: [{ name: 'lamp', driver: 'digital-output', line: 'DO0' }],
        },
      });
      browser = await startBrowser();
      visit = await visitPage(browser, gateway, 'sensors');
      page = visit.page;
      await page.getByLabel('User name').fill('anna');
      await page.getByLabel('Password').fill('right');
      await page.getByRole('button', { name: 'Log in' }).click();
    }, 60_000);
    afterAll(async () => {
      await browser?.close();
      await gateway?.dispose();
      rmSync(folder, { recursive: true, force: true });
    });

    const simulate = async (name: string, what: string): Promise<void> => {
      expect(await askGateway(gateway.dataDir, { ask: 'simulate', name, what })).toBe(null);
    };
    const show = async (tab: string): Promise<void> => {
      await page.evaluate(`location.hash = '${tab}'`);
      await page.locator(`#tab-${tab}`).waitFor();
    };

    test('a sensor goes bad: its tile, the overview and the title say so with the reason, until it is well', async () => {
      await show('sensors');
      const tile = (quality: string) =>
        page.locator(`[data-topic="robotcell1/oven"][data-quality="${quality}"]`);
      await tile('good').locator('.value', { hasText: /^\d/ }).waitFor();
      const title = await page.title();

      await simulate('oven', 'fail');
      await tile('bad').getByText('simulated failure').waitFor();
      expect(await tile('bad').locator('.value').innerText()).toBe('—');
      const order = page.locator('.tile');
      await expect.poll(() => order.first().getAttribute('data-topic')).toBe('robotcell1/oven');
      await show('overview');
      await page.locator('.verdict[data-state="bad"]').getByText('1 bad value').waitFor();
      await page.locator('.troubles li', { hasText: /^oven: simulated failure/ }).waitFor();
      await expect.poll(() => page.title()).not.toBe(title);

      await simulate('oven', 'ok');
      await page.locator('.troubles li', { hasText: /^oven: / }).waitFor({ state: 'detached' });
      await show('sensors');
      await tile('good').locator('.value', { hasText: /^\d/ }).waitFor();
      await expect.poll(() => page.title()).toBe(title);
      expect(visit.wrong).toEqual([]);
    });

    test('a value that comes twenty times a second is drawn four times', async () => {
      await show('sensors');
      const value = page.locator('[data-topic="robotcell1/robot/j1"] .value');
      await value.filter({ hasText: /^\d/ }).waitFor();
      const watch = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, {
        ...{ username: 'anna', password: 'right' },
      });
      let received = 0;
      watch.on('message', () => received++);
      await watch.subscribeAsync('robotcell1/robot/j1');
      const { drawn, ms } = (await page.evaluate(DRAWN)) as { drawn: number; ms: number };
      expect(received).toBeGreaterThan(2 * drawn);
      // The first and the last may be in part of an interval.
      expect(drawn).toBeLessThanOrEqual(ms / 250 + 2);
      expect(visit.wrong).toEqual([]);
      await watch.endAsync();
    });

    test('an alarm comes, is acknowledged, and ends', async () => {
      await show('alarms');
      const row = page
        .locator('[data-alarm="robotcell1/alarm/oven/hot"]')
        .filter({ visible: true });
      const isNormal = row.and(page.locator('[data-state="normal"]'));
      await isNormal.waitFor();
      await simulate('oven', '75');
      await row.getByText('Oven is hot').waitFor();
      await page.getByRole('link', { name: '1 alarm' }).waitFor();
      await row.getByRole('button', { name: 'Acknowledge oven/hot' }).click();
      await row.getByText('acknowledged by anna').waitFor();
      await simulate('oven', 'ok');
      await page.getByRole('link', { name: '1 alarm' }).waitFor({ state: 'detached' });
      await isNormal.waitFor();
      expect(visit.wrong).toEqual([]);
    });

    test('a lamp is switched, and the log says by whom, at the page and by a machine', async () => {
      await show('outputs');
      await page.locator('[role="switch"][aria-label="lamp"]:not([aria-disabled])').click();
      await page.getByRole('button', { name: 'Switch on' }).click();
      const isOn = (on: boolean) =>
        page.locator(`[role="switch"][aria-label="lamp"][aria-checked="${on}"]`).waitFor();
      await isOn(true);
      const plc = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, {
        ...{ clientId: 'plc-4', username: 'anna', password: 'right' },
      });
      await plc.publishAsync('robotcell1/lamp/set', 'off', { qos: 1 });
      await plc.endAsync();
      await isOn(false);
      const card = page.locator('[data-output="lamp"]');
      await card.getByText('switched off by user "anna", client "plc-4"').waitFor();
      await card.getByText('Done.').waitFor({ state: 'detached', timeout: 30_000 });
      await show('overview');
      const latest = page.getByRole('region', { name: 'Switched last' }).getByRole('listitem');
      expect(await latest.allInnerTexts()).toEqual([
        expect.stringMatching(/^\d.*lamp.*off.*switched off by user "anna", client "plc-4"$/s),
      ]);
      await show('system');
      const lines = page.locator('.lines li', { hasText: 'output lamp' });
      await expect
        .poll(async () => (await lines.allInnerTexts()).map((line) => line.slice(9).trim()))
        .toEqual([
          expect.stringMatching(/^info output lamp: switched on by user "anna", client "page-\w+"/),
          expect.stringContaining('info output lamp: switched off by user "anna", client "plc-4"'),
        ]);
      expect(visit.wrong).toEqual([]);
    });
  },
);
