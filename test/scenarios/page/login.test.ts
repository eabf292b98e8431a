import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { hasBrowser, startBrowser } from '../../support/browser.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { axeProblems, OVERFLOWING, openTab, visitPage } from '../../support/page-visit.ts';

const SENSORS = [
  { name: 'gripper', driver: 'simulated', signal: 'gripper', every: '200ms' },
  { name: 'cabinet', driver: 'simulated', signal: 'door', every: '1s' },
];
const CONFIG = {
  gpio: { backend: 'simulated' },
  outputs: [
    { name: 'lamp', driver: 'digital-output', line: 'DO0' },
    { name: 'fan', driver: 'digital-output', line: 'DO1' },
  ],
  uplinks: [{ name: 'plant', url: 'mqtt://127.0.0.1:1', routes: [{ out: '#', to: 'p/' }] }],
};
const VALUE = '[data-topic="robotcell1/gripper/position"]';

/** May read some of the cell, and nothing of the gateway. */
const VIEWER = ['robotcell1/gripper/#', 'robotcell1/lamp'].map((topic) => ({
  topic,
  allow: 'read',
}));

describe.skipIf(!hasBrowser)('a login at the page in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-page-login-'));
  const access = join(folder, 'access.yaml');
  let browser: Browser;
  let gateway: TestGateway;
  let passwords: { right: string; other: string };

  const writeUsers = (anna: string, also: object = {}): void => {
    const users = [
      { name: 'anna', password: anna, config: 'write' },
      { name: 'viewer', password: passwords.right, rules: VIEWER },
    ];
    writeFileSync(access, JSON.stringify({ users, ...also }), { mode: 0o600 });
  };
  beforeAll(async () => {
    passwords = { right: await hashPassword('right'), other: await hashPassword('other') };
    writeUsers(passwords.right);
    gateway = await startGateway({ access, http: {}, sensors: SENSORS, config: CONFIG });
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.dispose();
    rmSync(folder, { recursive: true });
  });

  const visit = (options = {}) => visitPage(browser, gateway, 'sensors', options);
  const enter = async (page: Page, password = 'right', name = 'anna'): Promise<void> => {
    await page.getByLabel('User name').fill(name);
    await page.getByLabel('Password').fill(password);
    await page.keyboard.press('Enter');
  };
  const lives = (page: Page) => page.locator(VALUE).waitFor();

  test('lasts over a reload, another tab and another language; the log-out ends it in both tabs', async () => {
    const { page, wrong, close } = await visit();
    await enter(page);
    await lives(page);
    await page.reload();
    await lives(page);
    await expect.poll(() => page.locator('header .user').innerText()).toBe('anna');
    await page.evaluate("location.hash = 'system'");
    const lines = page.locator('.lines li').filter({ visible: true });
    await page.getByLabel('Search in the log').fill('LOGGED in anna');
    await expect.poll(() => lines.count()).toBe(1);
    expect(await lines.innerText()).toMatch(/a user has logged in at the page .*user=anna/);
    expect(
      await page.locator('#tab-system [role="status"]', { hasText: 'lines' }).innerText(),
    ).toMatch(/^1 of \d+ lines$/);
    await page.getByLabel('Level').selectOption('errors');
    expect(await lines.count()).toBe(0);
    await page.evaluate("location.hash = 'sensors'");
    await page.getByLabel('Language').selectOption('DE');
    const out = page.getByRole('button', { name: 'Abmelden' });
    await out.waitFor();
    await lives(page);
    const second = await openTab(page.context(), gateway.httpPort, 'sensors');
    await lives(second.page);
    // A script has neither the token nor the password.
    expect(await page.evaluate('document.cookie')).toBe('');
    const stored = await page.evaluate('JSON.stringify([localStorage, sessionStorage])');
    expect(stored).not.toContain('right');
    expect([wrong, second.wrong]).toEqual([[], []]);
    await out.press('Enter');
    for (const one of [page, second.page]) await one.getByLabel('Benutzername').waitFor();
    await page.reload();
    await page.getByLabel('Benutzername').waitFor();
    expect(await page.locator(VALUE).count()).toBe(0);
    await close();
  });

  test('of a user with rights on some of the cell has a page that names what it leaves out', async () => {
    const { page, wrong, close } = await visitPage(browser, gateway, 'overview');
    await enter(page, 'right', 'viewer');
    const shown = page.locator('section:not([hidden])');
    await shown.getByText('No alarm and no bad value among what').first().waitFor();
    await shown.getByText('the right to read $SYS/cellgate/troubles').waitFor();
    for (const [tab, texts] of Object.entries({
      sensors: ['This user may not see 1 more', 'gripper/position'],
      outputs: ['This user may not see 1 more', 'lamp'],
      plant: ['the right to read $SYS/cellgate/uplink/#'],
      alarms: ['No alarms are configured'],
      clients: [
        'the right to read $SYS/cellgate/clients',
        'the right to read $SYS/cellgate/shares',
      ],
      topics: ['robotcell1'],
      system: ['the right to read $SYS/cellgate/store', 'the right to read $SYS/cellgate/log'],
    })) {
      await page.evaluate(`location.hash = '${tab}'`);
      const section = page.locator(`#tab-${tab}`);
      for (const text of texts) await section.getByText(text).first().waitFor();
      expect(await section.innerText()).not.toMatch(/No uplinks|No outputs|No sensors|–/);
    }
    expect(await axeProblems(page)).toEqual([]);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate(OVERFLOWING)).toEqual([]);
    // Its values are live.
    await page.evaluate("location.hash = 'sensors'");
    const value = page.locator(VALUE).locator('.value');
    const before = await value.innerText();
    await expect.poll(() => value.innerText()).not.toBe(before);
    // The gateway refuses the log and the clients to this user.
    expect(wrong.filter((text) => !text.includes('403'))).toEqual([]);
    await close();
  });

  test('of a user with the right manages users: adds one, who logs in, and removes this user', async () => {
    const { page, wrong, close } = await visitPage(browser, gateway, 'clients', {
      viewport: { width: 360, height: 740 },
    });
    await enter(page);
    const users = page.locator('.users');
    await users.getByText('reads robotcell1/gripper/#, robotcell1/lamp').waitFor();
    expect(await users.getByRole('button', { name: 'Remove: anna' }).isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Add a user' }).press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('User name').fill('viewer');
    await dialog.getByLabel('New password').fill('nora-secret');
    await page.keyboard.press('Enter');
    await dialog.getByText('there is a user viewer already').waitFor();
    expect(await axeProblems(page)).toEqual([]);
    await dialog.getByLabel('User name').fill('nora');
    await page.keyboard.press('Enter');
    await page.getByText('nora was saved.').waitFor();
    await users.getByText('reads robotcell1/#, $SYS/#').waitFor();
    expect(await page.evaluate(OVERFLOWING)).toEqual([]);

    const nora = await visitPage(browser, gateway, 'clients');
    const shown = nora.page.locator('tr.client').first();
    // The gateway checks the file each second.
    await expect
      .poll(async () => {
        if (await shown.isVisible()) return true;
        await enter(nora.page, 'nora-secret', 'nora');
        return shown.waitFor({ timeout: 2000 }).then(
          () => true,
          () => false,
        );
      })
      .toBe(true);
    expect(await nora.page.getByRole('button', { name: 'Add a user' }).isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Remove: nora' }).click();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('nora was removed.').waitFor();
    await nora.page.getByLabel('User name').waitFor();
    expect(wrong.filter((text) => !text.includes('409'))).toEqual([]);
    await nora.close();
    await close();
  });

  test('ends when the password changes; the form says what is wrong, and fits a phone', async () => {
    const { page, close } = await visit({ viewport: { width: 360, height: 740 } });
    await enter(page);
    await lives(page);
    writeUsers(passwords.other);
    await page.getByLabel('User name').waitFor();
    expect(await page.locator(VALUE).count()).toBe(0);
    await enter(page, 'right');
    await page.getByText('Wrong user or password.').waitFor();
    expect(await page.evaluate(OVERFLOWING)).toEqual([]);
    expect(await axeProblems(page)).toEqual([]);
    await enter(page, 'other');
    await lives(page);
    expect(await page.evaluate(OVERFLOWING)).toEqual([]);
    await close();
  });

  test('is offered where the page works without one too', async () => {
    const rules = ['robotcell1/#', '$SYS/#'].map((topic) => ({ topic, allow: 'read' }));
    writeUsers(passwords.right, { anonymous: { rules } });
    const url = `http://127.0.0.1:${gateway.httpPort}/api/filters`;
    await expect.poll(async () => (await fetch(url)).status).toBe(200);
    const { page, wrong, close } = await visit();
    await lives(page);
    await page.getByRole('button', { name: 'Log in' }).click();
    await enter(page);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('button', { name: 'Log in' }).waitFor();
    await lives(page);
    expect(wrong).toEqual([]);
    await close();
  });
});
