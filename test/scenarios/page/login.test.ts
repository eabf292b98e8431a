import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { hasBrowser, startBrowser } from '../../support/browser.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { axeProblems, OVERFLOWING, openTab, visitPage } from '../../support/page-visit.ts';

const SENSORS = [{ name: 'gripper', driver: 'simulated', signal: 'gripper', every: '200ms' }];
const VALUE = '[data-topic="robotcell1/gripper/position"]';

describe.skipIf(!hasBrowser)('a login at the page in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-page-login-'));
  const access = join(folder, 'access.yaml');
  let browser: Browser;
  let gateway: TestGateway;
  let passwords: { right: string; other: string };

  const writeUsers = (anna: string, also: object = {}): void => {
    const users = [{ name: 'anna', password: anna }];
    writeFileSync(access, JSON.stringify({ users, ...also }), { mode: 0o600 });
  };
  beforeAll(async () => {
    passwords = { right: await hashPassword('right'), other: await hashPassword('other') };
    writeUsers(passwords.right);
    gateway = await startGateway({ access, http: {}, sensors: SENSORS });
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.dispose();
    rmSync(folder, { recursive: true });
  });

  const visit = (options = {}) => visitPage(browser, gateway, 'sensors', options);
  const enter = async (page: Page, password = 'right'): Promise<void> => {
    await page.getByLabel('User name').fill('anna');
    await page.getByLabel('Password').fill(password);
    await page.keyboard.press('Enter');
  };
  const lives = (page: Page) => page.locator(VALUE).waitFor();
  const user = (page: Page) => page.locator('header .user');

  test('lasts over a reload, another tab and another language', async () => {
    const { page, wrong, close } = await visit();
    await enter(page);
    await lives(page);
    await page.reload();
    await lives(page);
    await expect.poll(() => user(page).innerText()).toBe('anna');
    await page.getByLabel('Language').selectOption('DE');
    await page.getByRole('button', { name: 'Abmelden' }).waitFor();
    await lives(page);
    const second = await openTab(page.context(), gateway.httpPort, 'sensors');
    await lives(second.page);
    // A script has neither the token nor the password.
    expect(await page.evaluate('document.cookie')).toBe('');
    expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage])')).not.toContain(
      'right',
    );
    expect([wrong, second.wrong]).toEqual([[], []]);
    await close();
  });

  test('ends in both tabs with the log-out, and not in another browser', async () => {
    const [first, other] = [await visit(), await visit()];
    await enter(first.page);
    await enter(other.page);
    const second = await openTab(first.page.context(), gateway.httpPort, 'sensors');
    for (const { page } of [first, other, second]) await lives(page);
    await first.page.getByRole('button', { name: 'Log out' }).press('Enter');
    await first.page.getByLabel('User name').waitFor();
    await second.page.getByLabel('User name').waitFor();
    await first.page.reload();
    await first.page.getByLabel('User name').waitFor();
    expect(await other.page.locator('body').getAttribute('data-state')).toBe('live');
    // Another user does not see what was shown before.
    await enter(second.page);
    await lives(second.page);
    await first.close();
    await other.close();
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
