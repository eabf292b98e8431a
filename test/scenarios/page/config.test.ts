import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import mqtt from 'mqtt';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { hasBrowser, startBrowser } from '../../support/browser.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { OVERFLOWING } from '../../support/page-visit.ts';

const POLL = { timeout: 20_000 };
describe.skipIf(!hasBrowser)('the config in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  let gateway: TestGateway;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cellgate-page-config-'));
    const access = join(folder, 'access.yaml');
    const password = await hashPassword('right');
    const users = `users:\n  - { name: chief, password: ${password}, config: write }\n  - { name: guest, password: ${password} }\n`;
    writeFileSync(access, users, { mode: 0o600 });
    gateway = await startGateway({ http: {}, access, limits: { inflight: 20 } });
    browser = await startBrowser();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await gateway?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  const onDisk = (): string => readFileSync(gateway.configFile, 'utf8');
  const visit = async (user: string, options: BrowserContextOptions = {}) => {
    const context = await browser.newContext({
      ...{ viewport: { width: 1366, height: 900 }, locale: 'en' },
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const wrong: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) wrong.push(message.text());
    });
    page.on('pageerror', (error) => wrong.push(String(error)));
    await page.goto(`http://127.0.0.1:${gateway.httpPort}/#config`);
    await page.locator('input[autocomplete="username"]').fill(user);
    await page.locator('input[type="password"]').fill('right');
    await page.locator('form button').click();
    return { page, wrong, close: () => context.close() };
  };
  const editor = (page: Page) => page.getByRole('textbox', { name: 'Text of the config' });
  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
  const status = (page: Page) => page.locator('#tab-config .view > .result');
  const problems = async (page: Page): Promise<string[]> => {
    await page.evaluate(axe.source);
    return page.evaluate(async () => {
      const { axe: tool } = globalThis as unknown as { axe: typeof axe };
      const { violations } = await tool.run();
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    });
  };

  test('a limit is changed, checked and applied; one that shuts the page out is taken back by itself', async () => {
    const { page, wrong, close } = await visit('chief');
    const before = onDisk();
    await expect.poll(() => editor(page).inputValue(), POLL).toBe(before);
    await page.locator('.audit li', { hasText: 'Another config at the start' }).waitFor();

    await editor(page).fill(before.replace('inflight: 20', 'infligt: 5'));
    const finding = page.locator('.findings li', { hasText: 'did you mean inflight' });
    await finding.waitFor();
    await page.getByText('Problems: 1.').waitFor();
    const line = before.slice(0, before.indexOf('inflight')).split('\n').length;
    await finding.getByRole('button', { name: `Line ${line}` }).click();
    expect(await page.locator('.line-numbers').innerText()).toContain(`▲ ${line}\n`);
    expect(await page.evaluate('getSelection().toString()')).toContain('infligt: 5');
    expect(await button(page, 'Apply').isDisabled()).toBe(true);

    const next = before.replace('inflight: 20', 'inflight: 5');
    await editor(page).fill(next);
    await button(page, 'Show changes').click();
    await page.locator('.difference [data-kind="added"]', { hasText: 'inflight: 5' }).waitFor();
    await page.getByText('broker.limits.inflight: 20 -> 5').waitFor();
    expect(await problems(page)).toEqual([]);
    expect(onDisk()).toBe(before);
    await button(page, 'Apply').click();
    await page.getByText('Applied. The file has the new text.').waitFor();
    expect(onDisk()).toBe(next);
    const kept = page.locator('.audit li[data-what="config-kept"]', { hasText: 'chief' });
    await kept.waitFor();

    // The page itself is the only client that may be connected.
    await editor(page).fill(next.replace('inflight: 5', 'connections: 1'));
    await button(page, 'Show changes').click();
    await page.getByText('broker.limits.connections: 1000 -> 1').waitFor();
    await button(page, 'Apply').click();
    const reason = 'the page could not make a new connection to the broker';
    await page.getByText(`Taken back by itself because: ${reason}`).waitFor();
    expect(onDisk()).toBe(next);
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, {
      ...{ username: 'guest', password: 'right', reconnectPeriod: 0 },
    });
    await client.endAsync();
    await page.locator('.audit li[data-what="config-taken-back"]', { hasText: reason }).waitFor();
    // The edited text stays, to be corrected.
    expect(await editor(page).inputValue()).toContain('connections: 1');
    expect(wrong).toEqual([]);
    await close();
  });

  test('a file that was changed meanwhile is not overwritten, and can be read again', async () => {
    const { page, close } = await visit('chief');
    const before = onDisk();
    await expect.poll(() => editor(page).inputValue(), POLL).toBe(before);
    await editor(page).fill(`${before}# from the page\n`);
    await button(page, 'Show changes').click();
    await page.getByText('Nothing changes in the running gateway.').waitFor();
    writeFileSync(gateway.configFile, `${before}# from an editor\n`);
    await button(page, 'Apply').click();
    await expect
      .poll(() => status(page).innerText(), POLL)
      .toMatch(/^Nothing was changed: .*meanwhile/);
    await button(page, 'Read again').click();
    await button(page, 'Discard edits').click();
    await expect.poll(() => editor(page).inputValue(), POLL).toBe(`${before}# from an editor\n`);
    await close();
  });

  test('edits stay while another tab is shown, are checked by themselves, and are applied only as they were shown', async () => {
    const { page, wrong, close } = await visit('chief');
    const before = onDisk();
    await expect.poll(() => editor(page).inputValue(), POLL).toBe(before);
    await button(page, 'Show changes').click();
    await page.getByText('The text is that of the file.').waitFor();

    const edited = before.replace(/inflight: \d+/, 'inflight: 6');
    await editor(page).fill(edited);
    // Without a click on Check.
    await page.getByText('No problems found.').waitFor();
    await button(page, 'Show changes').click();
    const difference = page.locator('.difference [data-kind="added"]', { hasText: 'inflight: 6' });
    await difference.waitFor();
    expect(await button(page, 'Apply').isDisabled()).toBe(false);
    await editor(page).fill(edited.replace('inflight: 6', 'inflight: 7'));
    expect(await button(page, 'Apply').isDisabled()).toBe(true);
    expect(await difference.isVisible()).toBe(false);

    // The answer about an older text comes after that about this one.
    const wrongText = edited.replace('inflight: 6', 'infligt: 6');
    let release = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      release = resolve;
    });
    await page.route('**/api/config/check*', async (route) => {
      if (route.request().postData() === wrongText) await late;
      await route.continue();
    });
    await editor(page).fill(wrongText);
    const asked = page.waitForRequest('**/api/config/check*');
    await button(page, 'Show changes').click();
    await asked;
    await editor(page).fill(edited);
    await page.getByText('No problems found.').waitFor();
    const answered = page.waitForResponse('**/api/config/check*');
    release();
    await answered;
    await page.unroute('**/api/config/check*');
    expect(await status(page).innerText()).toBe('No problems found.');
    await editor(page).fill(wrongText);
    await button(page, 'Show changes').click();
    await page.getByText('Problems: 1.').waitFor();
    expect(await button(page, 'Apply').isDisabled()).toBe(true);
    expect(await page.locator('.difference').isVisible()).toBe(false);

    await editor(page).fill(edited);
    const edit = await editor(page).inputValue();
    await page.getByRole('link', { name: 'Overview' }).click();
    await editor(page).waitFor({ state: 'hidden' });
    const read = page.waitForResponse((response) => response.url().endsWith('/api/audit?last=20'));
    await page.getByRole('link', { name: 'Config' }).click();
    await read;
    expect(await editor(page).inputValue()).toBe(edit);
    await button(page, 'Read again').click();
    await button(page, 'Cancel').click();
    expect(await editor(page).inputValue()).toBe(edit);
    await button(page, 'Read again').click();
    await button(page, 'Discard edits').click();
    await expect.poll(() => editor(page).inputValue(), POLL).toBe(before);
    expect([onDisk(), wrong]).toEqual([before, []]);
    await close();
  });

  test('a user without the right is shown which one is missing, in each language', async () => {
    for (const locale of ['en', 'de', 'zh-CN']) {
      const { page, close } = await visit('guest', {
        locale,
        viewport: { width: 360, height: 740 },
      });
      await page.locator('#tab-config').getByText('config: write').waitFor();
      expect(await page.locator('#tab-config textarea').isVisible()).toBe(false);
      expect(await page.evaluate(OVERFLOWING)).toEqual([]);
      await close();
    }
  });

  test('the support bundle is downloaded by a user with the right, and by no other', async () => {
    const guest = await visit('guest');
    await guest.page.evaluate("location.hash = 'system'");
    await guest.page.getByText('Only a user with config: write may take it').waitFor();
    expect(await button(guest.page, 'Support bundle').isDisabled()).toBe(true);
    await guest.close();

    const { page, wrong, close } = await visit('chief', { viewport: { width: 360, height: 740 } });
    await page.evaluate("location.hash = 'system'");
    await page.getByText('A file for those who help').waitFor();
    const begun = page.waitForEvent('download');
    await button(page, 'Support bundle').press('Enter');
    const download = await begun;
    expect(download.suggestedFilename()).toBe('cellgate-support.tar.gz');
    const bundle = join(folder, 'bundle.tar.gz');
    await download.saveAs(bundle);
    await page.getByText('cellgate-support.tar.gz was saved').waitFor();
    const text = execFileSync('tar', ['-xzOf', bundle], { encoding: 'utf8' });
    expect(text).toContain('gateway of robotcell1 is up');
    expect(text).not.toContain('scrypt$');
    expect(await page.evaluate(OVERFLOWING)).toEqual([]);
    expect(await problems(page)).toEqual([]);
    expect(wrong).toEqual([]);
    await close();
  });

  test('a phone shows it without scrolling sideways, in the dark, and the keyboard reaches all', async () => {
    const size = { viewport: { width: 360, height: 740 } };
    const { page, wrong, close } = await visit('chief', { ...size, colorScheme: 'dark' });
    await expect.poll(() => editor(page).inputValue(), POLL).toBe(onDisk());
    await editor(page).fill(`${onDisk()}# ${'long '.repeat(100)}\nwrong: 1\n`);
    await page.locator('.findings li').first().waitFor();
    expect(await page.evaluate(OVERFLOWING)).toEqual([]);
    expect(await problems(page)).toEqual([]);
    await editor(page).focus();
    await page.keyboard.press('Tab');
    const link = page.locator('.findings button').first();
    expect(await link.and(page.locator(':focus')).count()).toBe(1);
    await page.keyboard.press('Enter');
    expect(await editor(page).and(page.locator(':focus')).count()).toBe(1);
    expect(wrong).toEqual([]);
    await close();
  });
});
