import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import type { SessionStatus } from '../../../src/broker/stats/status.ts';
import { TABS } from '../../../src/page/router.ts';
import { hasBrowser, startBrowser } from '../../support/browser.ts';

import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { LARGE_CELL } from '../../support/large-cell.ts';
import { axeProblems, OVERFLOWING, type Visit, visitPage } from '../../support/page-visit.ts';
import { startPlant, type TestPlant } from '../../support/plant.ts';
import { startProxy, type TestProxy } from '../../support/proxy.ts';
import { until } from '../../support/until.ts';

/** Active from the first sample on. */
const WARM = { name: 'warm', channel: 'j1', above: -100, severity: 'high', text: 'Joint is warm' };
const SENSORS = [
  { name: 'gripper', driver: 'simulated', signal: 'gripper', every: '200ms' },
  { name: 'door/closed', driver: 'simulated', signal: 'door', every: '1s', history: 'day' },
  {
    name: 'bare',
    driver: 'simulated',
    signal: 'joint-temperature',
    every: '500ms',
    payload: 'value',
    alarms: [WARM],
  },
  { name: 'boiler', driver: 'tmp102', bus: 'i2c-77', address: 0x48, every: '1s' },
];
const OUTPUTS = {
  gpio: { backend: 'simulated' },
  outputs: [
    { name: 'lamp', driver: 'digital-output', line: 'DO0' },
    { name: 'fan', driver: 'digital-output', line: 'DO1' },
  ],
};
/** A condition of the page is waited for: a busy machine draws it later. */
const POLL = { timeout: 20_000 };
describe.skipIf(!hasBrowser)('the page in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  let gateway: TestGateway;
  let plant: TestPlant;
  let proxy: TestProxy;
  let client: MqttClient;

  beforeAll(async () => {
    plant = await startPlant();
    proxy = await startProxy(plant.port);
    const url = `mqtt://127.0.0.1:${proxy.port}`;
    const routes = [{ out: 'robotcell1/#', to: 'p/' }];
    gateway = await startGateway({
      http: {},
      sensors: SENSORS,
      config: { ...OUTPUTS, uplinks: [{ name: 'plant', url, reconnectMax: '1s', routes }] },
    });
    client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, { clientId: 'plc' });
    browser = await startBrowser();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await client?.endAsync(true);
    await gateway?.dispose();
    await proxy?.close();
    await plant?.dispose();
  });

  /** Opens the page at one of its sections. */
  const visit = (
    options: BrowserContextOptions = {},
    of = gateway,
    tab = 'sensors',
  ): Promise<Visit> => visitPage(browser, of, tab, options);
  const show = async (page: Page, tab: string): Promise<void> => {
    await page.evaluate(`location.hash = '${tab}'`);
    await page.locator(`#tab-${tab}`).waitFor();
    // Their code is loaded when they are opened.
    if (tab === 'clients') await page.locator('tr.client').first().waitFor();
    if (tab === 'topics') await page.getByRole('treeitem').first().waitFor();
  };
  const tile = (page: Page, topic: string): Locator =>
    page.locator(`[data-topic="robotcell1/${topic}"]`);
  const tabTo = async (page: Page, target: Locator): Promise<void> => {
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      if (await target.and(page.locator(':focus')).count()) return;
    }
    throw new Error('not reached by Tab');
  };
  const alarm = (page: Page): Locator =>
    page.locator('[data-alarm="robotcell1/alarm/bare/warm"]').filter({ visible: true });
  const lives = (page: Page): Promise<void> => tile(page, 'gripper/position').waitFor();

  test('readings move, with unit and quality, whatever their payload; a failed sensor says why', async () => {
    const { page, wrong, close } = await visit();
    await lives(page);
    const position = tile(page, 'gripper/position');
    const seen = new Set<string>();
    await until(
      'the position has moved',
      async () => {
        seen.add(await position.locator('.value').innerText());
        return seen.size > 2;
      },
      20_000,
    );
    expect(await position.locator('.unit').innerText()).toBe('mm');
    expect(await position.getAttribute('data-quality')).toBe('good');
    expect(await tile(page, 'bare/j1').locator('.value').innerText()).toMatch(/^\d+(\.\d+)?$/);
    expect(await tile(page, 'bare/j1').locator('.unit').innerText()).toBe('°C');
    expect(await tile(page, 'door/closed').locator('.value').innerText()).toMatch(/^(yes|no)$/);

    const boiler = tile(page, 'boiler');
    await page.locator('[data-topic="robotcell1/boiler"][data-quality="bad"]').waitFor();
    expect(await boiler.locator('.value').innerText()).toBe('—');
    expect(await boiler.locator('.reason').innerText()).toMatch(/i2c-77/);
    await position.locator('canvas').waitFor();
    const range = position.locator('.chart + .hidden');
    await expect.poll(() => range.innerText(), POLL).toMatch(/^Last hour: /);
    await show(page, 'overview');
    expect(await page.locator('.troubles li').allInnerTexts()).toEqual([
      expect.stringMatching(/^boiler: .*i2c-77/),
    ]);
    await show(page, 'system');
    await page.locator('.lines li', { hasText: 'gateway of robotcell1 is up' }).waitFor();
    await show(page, 'clients');
    await page.locator('.client', { hasText: 'plc' }).waitFor();
    expect(wrong).toEqual([]);
    await close();
  });

  test('a connection to the plant that is cut shows at once; its backlog grows and drains', async () => {
    const { page, wrong, close } = await visit({}, gateway, 'plant');
    const card = page.locator('[data-uplink="plant"]');
    const waiting = async (): Promise<number> => {
      const [text = ''] = await card.locator('dd').allInnerTexts();
      return Number(text.replaceAll(',', ''));
    };
    await page.locator('[data-uplink="plant"][data-state="connected"]').waitFor();
    proxy.refuse(true);
    const cutAt = performance.now();
    proxy.cut();
    await page.locator('[data-uplink="plant"]:not([data-state="connected"])').waitFor();
    // Two seconds, and as many for a busy machine.
    expect(performance.now() - cutAt).toBeLessThan(4000);
    const trouble = page.locator('header [data-count="trouble"]');
    await trouble.and(page.getByRole('link', { name: '2 troubles' })).waitFor();
    await show(page, 'overview');
    const ofPlant = page.locator('.troubles li', { hasText: /^uplink plant: / });
    await ofPlant.waitFor();
    await show(page, 'plant');
    await until('the backlog has grown', async () => (await waiting()) > 30, 20_000);
    proxy.refuse(false);
    await page.locator('[data-uplink="plant"][data-state="connected"]').waitFor();
    await until('the backlog has drained', async () => (await waiting()) < 10, 20_000);
    await trouble.and(page.getByRole('link', { name: '1 trouble' })).waitFor();
    expect(await ofPlant.count()).toBe(0);
    expect(wrong).toEqual([]);
    await close();
  });

  test('an output is switched by keyboard alone, after a confirmation, and read back', async () => {
    const { page, wrong, close } = await visit({}, gateway, 'outputs');
    const lamp = page.getByRole('switch', { name: 'lamp' });
    await page.locator('[role="switch"][aria-label="lamp"]:not([aria-disabled])').waitFor();
    await tabTo(page, page.locator('.skip'));
    await page.keyboard.press('Enter');
    await tabTo(page, lamp);
    await page.keyboard.press('Space');
    const dialog = page.getByRole('dialog', { name: 'Switch lamp on?' });
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    expect(await lamp.getAttribute('aria-checked')).toBe('false');
    expect(await lamp.and(page.locator(':focus')).count()).toBe(1);

    const read = new Promise<string>((resolve) => {
      client.on('message', (topic, payload) => {
        if (topic === 'robotcell1/lamp' && payload.includes('"value":true'))
          resolve(String(payload));
      });
    });
    await client.subscribeAsync('robotcell1/lamp');
    await page.keyboard.press('Space');
    await dialog.waitFor();
    await tabTo(page, dialog.getByRole('button', { name: 'Switch on' }));
    await page.keyboard.press('Enter');
    await page.locator('[role="switch"][aria-label="lamp"][aria-checked="true"]').waitFor();
    await page.locator('[data-output="lamp"] .result', { hasText: 'Done.' }).waitFor();
    expect(JSON.parse(await read)).toMatchObject({ value: true, quality: 'good' });
    expect(wrong).toEqual([]);
    await close();
  });

  test('a sensor is a page with an address: its chart with others, limits, zoom, figures and CSV', async () => {
    const { page, wrong, close } = await visit();
    await lives(page);
    await tile(page, 'bare/j1').getByRole('link').press('Enter');
    const card = page.locator('.sensor-card');
    await card.getByRole('heading', { name: 'bare/j1' }).waitFor();
    expect(new URL(page.url()).hash).toBe('#sensors/bare%2Fj1');
    expect(await page.locator('.tile').first().isVisible()).toBe(false);
    await card.locator('canvas').waitFor();
    const rows = card.locator('tbody tr');
    const highest = rows.first().locator('td').nth(3);
    await expect.poll(() => highest.innerText(), POLL).toMatch(/^\d.* °C$/);
    await rows.first().getByText('Alarm warm above -100 °C').waitFor();
    const before = await card.locator('.figure').innerText();
    await expect.poll(() => card.locator('.figure').innerText(), POLL).not.toBe(before);

    await card.getByRole('combobox').selectOption('door/closed');
    await card.getByRole('combobox').selectOption('boiler');
    await expect.poll(() => rows.count(), POLL).toBe(3);
    // A bad one says why, and has no figures.
    await rows
      .last()
      .getByText(/^bad: .*i2c-77/)
      .waitFor();
    expect(await rows.last().locator('td').nth(2).innerText()).toBe('–');
    await expect.poll(() => rows.nth(1).locator('td').nth(2).innerText(), POLL).toMatch(/ %$/);

    const box = card.getByRole('group', { name: 'Chart' });
    const pressed = card.locator('[aria-pressed="true"]');
    expect(await pressed.innerText()).toBe('1 h');
    const { x, y, width } = (await box.boundingBox())!;
    await page.mouse.move(x + width * 0.6, y + 100);
    await card.locator('.pointer', { hasText: 'bare/j1' }).waitFor();
    await page.mouse.down();
    await page.mouse.move(x + width * 0.9, y + 100, { steps: 3 });
    await page.mouse.up();
    await expect.poll(() => page.url(), POLL).toMatch(/,boiler;\d+-\d+$/);
    expect(await pressed.count()).toBe(0);
    const zoomedTo = page.url();
    await box.focus();
    await page.keyboard.press('ArrowLeft');
    await expect.poll(() => page.url(), POLL).not.toBe(zoomedTo);
    await page.goBack();
    expect(page.url()).toBe(zoomedTo);
    await card.getByRole('button', { name: '5 min' }).click();
    await expect.poll(() => page.url(), POLL).toMatch(/,boiler;5min$/);

    await page.reload();
    await expect.poll(() => rows.count(), POLL).toBe(3);
    await expect.poll(() => highest.innerText(), POLL).toMatch(/ °C$/);
    const begun = page.waitForEvent('download');
    await card.getByRole('link', { name: 'Download CSV' }).click();
    const csv = readFileSync(await (await begun).path(), 'utf8');
    expect(csv).toMatch(/^topic,time,quality,low,high,mean\nrobotcell1\/bare\/j1,.*Z,good,\d/);
    expect(csv).toContain('robotcell1/door/closed,');

    await rows.last().getByRole('button', { name: 'Leave boiler out' }).click();
    await expect.poll(() => rows.count(), POLL).toBe(2);
    for (const [colorScheme, size] of [
      ['light', 1280],
      ['dark', 360],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width: size, height: 780 });
      expect(await axeProblems(page)).toEqual([]);
      expect(await page.evaluate(OVERFLOWING)).toEqual([]);
    }
    await page.getByRole('link', { name: 'All sensors' }).click();
    await lives(page);
    await page.evaluate("location.hash = 'sensors/no%2Fsuch;8h'");
    await page.getByText('There is no sensor no/such').waitFor();
    expect(wrong).toEqual([]);
    await close();
  });

  test('the page of a sensor that is bad says that there are no values', async () => {
    const { page, close } = await visit(
      { locale: 'zh-CN', viewport: { width: 360, height: 640 } },
      ...([gateway, 'sensors/boiler'] as const),
    );
    await page.getByText('此期间没有数值').waitFor();
    await page.getByText(/^故障: i2c-77 不存在/).waitFor();
    expect(await page.evaluate(OVERFLOWING)).toEqual([]);
    await close();
  });

  test.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 360],
    ['dark', 360],
  ] as const)('it is accessible: %s, %i px wide', async (colorScheme, width) => {
    const { page, wrong, close } = await visit({ colorScheme, viewport: { width, height: 780 } });
    await lives(page);
    await page.locator('.tile[data-quality="bad"]').first().waitFor();
    for (const tab of TABS) {
      await show(page, tab);
      expect(await page.evaluate(OVERFLOWING), tab).toEqual([]);
      expect(await axeProblems(page), tab).toEqual([]);
    }
    await show(page, 'outputs');
    await page.getByRole('switch', { name: 'fan' }).click();
    await page.getByRole('dialog').waitFor();
    expect(await axeProblems(page)).toEqual([]);
    await page.keyboard.press('Escape');
    expect(wrong).toEqual([]);
    await close();
  });

  test('a client of MQTT 5 has its version, session and aliases, and its group of a shared subscription is there', async () => {
    const { page, wrong, close } = await visit({}, gateway, 'clients');
    const url = `mqtt://127.0.0.1:${gateway.port}`;
    const member = await mqtt.connectAsync(url, {
      ...{ clientId: 'member', protocolVersion: 5, reconnectPeriod: 0 },
      properties: { sessionExpiryInterval: 90, topicAliasMaximum: 10 },
    });
    await member.subscribeAsync(['$share/line/steps/+', 'plain']);
    await page.getByRole('button', { name: 'member', exact: true }).click();
    const card = page.getByRole('dialog', { name: 'member' });
    for (const text of ['MQTT 5', '90 s', '2, 1 of them shared', '0 / 0']) {
      await card.locator('dd', { hasText: text }).waitFor();
    }
    expect(await axeProblems(page)).toEqual([]);
    await page.keyboard.press('Escape');
    const group = page.locator('.share', { hasText: '$share/line/steps/+' });
    await group.locator('dd', { hasText: 'member' }).waitFor();
    expect(await group.getAttribute('data-state')).toBe('connected');
    await member.endAsync();
    await expect.poll(() => group.getAttribute('data-state'), POLL).toBe('down');
    expect(wrong).toEqual([]);
    await close();
  });

  test('a client is disconnected after a confirmation, not before', async () => {
    const url = `mqtt://127.0.0.1:${gateway.port}`;
    const guest = await mqtt.connectAsync(url, { clientId: 'intruder', reconnectPeriod: 0 });
    const { page, wrong, close } = await visit({}, gateway, 'clients');
    await page.getByRole('button', { name: 'Disconnect intruder' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    expect(guest.connected).toBe(true);
    const closed = new Promise<void>((resolve) => guest.once('close', () => resolve()));
    await page.getByRole('button', { name: 'Disconnect intruder' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click();
    await closed;
    await page.locator('.client', { hasText: 'intruder' }).waitFor({ state: 'detached' });
    expect(wrong).toEqual([]);
    await close();
  });

  test('the page is in Chinese or German if the browser prefers it or the user chooses it', async () => {
    const { page, close } = await visit({ locale: 'zh-CN' });
    await page.getByRole('heading', { name: '传感器', exact: true }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN');
    await page.getByRole('combobox', { name: '语言' }).selectOption('en');
    await page.getByRole('heading', { name: 'Sensors', exact: true }).waitFor();
    await page.getByRole('combobox', { name: 'Language' }).selectOption('de');
    await page.getByRole('heading', { name: 'Sensoren', exact: true }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('de');
    await show(page, 'overview');
    await page.getByText(/^boiler: i2c-77 gibt es nicht: /).waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    for (const tab of TABS) {
      await show(page, tab);
      expect(await page.evaluate(OVERFLOWING), tab).toEqual([]);
    }
    await show(page, 'sensors');
    await page.getByRole('combobox', { name: 'Sprache' }).selectOption('zh');
    await page.getByRole('heading', { name: '传感器', exact: true }).waitFor();
    await close();
  });

  test('each section has a tab and an address; the overview says what is wrong and never "well"', async () => {
    const { page, wrong, close } = await visit({}, gateway, '');
    const verdict = page.locator('.verdict[data-state="bad"]');
    await verdict.getByText('1 alarm · 1 trouble · 1 bad value').waitFor();
    const numbers = page.locator('.numbers li');
    const bad = numbers.filter({ hasText: /^1\s*bad$/i });
    await bad.waitFor();
    await alarm(page).getByText('Joint is warm').waitFor();
    const group = page.locator('.group', { hasText: 'gripper' });
    await group.locator('.value', { hasText: 'mm' }).waitFor();
    await group.getByRole('link', { name: 'gripper' }).click();
    await tile(page, 'gripper/position').waitFor();
    expect(new URL(page.url()).hash).toBe('#sensors/gripper');
    await page.getByRole('link', { name: 'Plant' }).click();
    await page.locator('[data-uplink="plant"]').waitFor();
    expect(await tile(page, 'gripper/position').isVisible()).toBe(false);
    await page.reload();
    await page.locator('[data-uplink="plant"]').waitFor();
    const current = page.locator('nav [aria-current="page"]');
    expect(await current.innerText()).toBe('Plant');
    await page.goBack();
    await tile(page, 'gripper/position').waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    const clients = page.getByRole('link', { name: 'Clients' });
    expect(await clients.isVisible()).toBe(false);
    await page.getByRole('button', { name: 'More' }).click();
    await clients.click();
    await page.locator('.client', { hasText: 'plc' }).waitFor();
    expect(await clients.isVisible()).toBe(false);
    expect(wrong).toEqual([]);
    await close();
  });

  test('among many sensors one is found by its name, and those that are bad', async () => {
    const sensors = Array.from({ length: 40 }, (_, number) => ({
      name: `zone${number}`,
      driver: 'simulated',
      signal: 'door',
    }));
    const many = await startGateway({ http: {}, sensors: [...sensors, ...SENSORS.slice(-1)] });
    const { page, wrong, close } = await visit({}, many);
    const find = page.getByRole('searchbox');
    await find.fill('ZONE7');
    await until('one is left', async () => (await page.locator('.tile:visible').count()) === 1);
    expect(await page.locator('.tile:visible h3').innerText()).toBe('zone7');
    await find.fill('bad');
    await until(
      'the bad one is left',
      async () => (await page.locator('.tile:visible h3').allInnerTexts()).join() === 'boiler',
    );
    await find.fill('zone99');
    await page.getByText('No sensor matches “zone99”.').waitFor();
    await expect.poll(() => page.title(), POLL).toBe('(1) robotcell1 – cellgate');
    await find.fill('');
    await until('all are back', async () => (await page.locator('.tile:visible').count()) === 41);

    // What is not on the screen is not sent.
    const watch = await mqtt.connectAsync(`mqtt://127.0.0.1:${many.port}`);
    const subscriptions = new Map<string, number>();
    watch.on('message', (_topic, payload) => {
      for (const one of JSON.parse(payload.toString()) as SessionStatus[]) {
        subscriptions.set(one.clientId.slice(0, 5), one.subscriptions);
      }
    });
    await watch.subscribeAsync('$SYS/cellgate/clients');
    await show(page, 'system');
    const ofPage = (): number | undefined => subscriptions.get('page-');
    await expect.poll(ofPage, POLL).toBe(2);
    await show(page, 'sensors');
    await find.fill('ZONE7');
    await expect.poll(ofPage, POLL).toBe(3);
    await watch.endAsync();
    expect(wrong).toEqual([]);
    await close();
    await many.dispose();
  });

  test('a large cell fits the screen of a phone, a laptop and a wall; tiles have one height', {
    timeout: 180_000,
  }, async () => {
    const large = await startGateway({
      ...{ http: {}, sensors: LARGE_CELL.sensors },
      config: { gpio: LARGE_CELL.gpio, outputs: LARGE_CELL.outputs },
    });
    const url = `mqtt://127.0.0.1:${large.port}`;
    const absent = Array.from({ length: 230 }, async (_, n) => {
      const options = { clientId: `press-${n}/${'long'.repeat(20)}`, clean: false };
      await (await mqtt.connectAsync(url, options)).endAsync();
    });
    await Promise.all(absent);
    const { page, wrong, close } = await visit({ colorScheme: 'dark' }, large, 'sensors');
    await expect.poll(() => page.locator('.tile').count(), POLL).toBe(61);
    for (const width of [360, 1366, 3840]) {
      await page.setViewportSize({ width, height: 900 });
      for (const tab of TABS) {
        await show(page, tab);
        expect(await page.evaluate(OVERFLOWING), `${tab} at ${width}`).toEqual([]);
      }
      await show(page, 'sensors');
      await page.locator('.tile canvas').first().waitFor();
      const heights = `[...document.querySelectorAll('.tile')].map((one) => one.offsetHeight)`;
      expect(new Set((await page.evaluate(heights)) as number[]).size, `${width}`).toBe(1);
    }
    // Bad ones are first, in each group and among the groups.
    const first = page.locator('[data-group]').first().locator('.tile').first();
    expect(await first.getAttribute('data-quality')).toBe('bad');
    const long = tile(page, 'doors/electrical-cabinet-with-a-very-long-name-left');
    await long.locator('canvas.band').waitFor();
    await long.getByRole('link').focus();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Tab');
    const { x, width } = (await long.boundingBox())!;
    const name = `[...document.activeElement.querySelectorAll('span')].at(-1)`;
    const end = await page.evaluate(`${name}.getBoundingClientRect().right`);
    expect(end).toBeLessThanOrEqual(x + width);
    const hidden = 'document.activeElement.scrollWidth - document.activeElement.clientWidth';
    expect(await page.evaluate(hidden)).toBe(0);
    expect(await page.evaluate(OVERFLOWING)).toEqual([]);
    expect(await axeProblems(page)).toEqual([]);

    await show(page, 'clients');
    const rows = page.locator('tr.client');
    await page.getByText('The first 200 of 231 clients; search to find the other 31.').waitFor();
    expect(await rows.count()).toBe(200);
    for (const width of [360, 1366]) {
      await page.setViewportSize({ width, height: 900 });
      expect(await page.evaluate(OVERFLOWING), `${width}`).toEqual([]);
      // One line, and two on a phone.
      const { height } = (await rows.nth(1).boundingBox())!;
      expect(Math.round(height / 32), `${width}`).toBe(width === 360 ? 2 : 1);
    }
    const find = page.getByRole('searchbox', { name: 'Search: client ID' });
    await find.fill('PRESS-219/');
    await page.getByText('1 of 231 clients').waitFor();
    expect(await rows.getByRole('button').allInnerTexts()).toEqual([
      expect.stringMatching(/^press-219/),
    ]);
    const seen = rows.locator('[data-column="seen"]');
    const before = await seen.innerText();
    expect(before).toMatch(/ ago$/);
    await expect.poll(() => seen.innerText(), POLL).not.toBe(before);
    await find.fill('press-999');
    await page.getByText('No client matches “press-999”.').waitFor();
    expect(await rows.filter({ visible: true }).count()).toBe(0);
    await find.fill('');
    await page.getByRole('button', { name: 'Last seen' }).click();
    await rows.first().getByText('this page').waitFor();
    expect(
      await page.getByRole('columnheader', { name: 'Last seen' }).getAttribute('aria-sort'),
    ).toBe('descending');
    expect(wrong).toEqual([]);
    await close();
    await large.dispose();
  });

  test('the first load is small', async () => {
    const { page, close } = await visit();
    await lives(page);
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    await session.send('Network.setCacheDisabled', { cacheDisabled: true });
    let bytes = 0;
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      bytes += encodedDataLength;
    });
    await page.reload();
    await lives(page);
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(150 * 1024);
    await close();
  });

  test('a gateway that has stopped is shown as lost, and is live again by itself', async () => {
    const other = await startGateway({ http: {}, sensors: SENSORS, config: OUTPUTS });
    const { page, close } = await visit({}, other);
    await lives(page);
    await other.stop();
    await page.locator('body[data-state="lost"]').waitFor();
    expect(await page.locator('.lost').innerText()).toMatch(/old/);
    await other.restart();
    await page.locator('body[data-state="live"]').waitFor();
    await until(
      'the message about it has gone',
      async () => (await page.locator('.lost').innerText()) === '',
    );
    await close();
    await other.dispose();
  });

  describe('with users', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cellgate-page-'));
    let guarded: TestGateway;
    beforeAll(async () => {
      const access = join(folder, 'access.yaml');
      const password = await hashPassword('right');
      const rules = [
        { topic: 'robotcell1/#', allow: 'read' },
        { topic: '$SYS/#', allow: 'read' },
      ];
      const users = [
        { name: 'anna', password },
        { name: 'guest', password, rules },
        {
          name: 'chief',
          password,
          rules: [
            { topic: '#', allow: 'readwrite' },
            { topic: '$SYS/#', allow: 'read' },
            { topic: '$SYS/cellgate/disconnect', allow: 'write' },
          ],
        },
      ];
      writeFileSync(access, JSON.stringify({ users }), { mode: 0o600 });
      guarded = await startGateway({ access, http: {}, sensors: SENSORS, config: OUTPUTS });
    });
    afterAll(async () => {
      await guarded?.dispose();
      rmSync(folder, { recursive: true });
    });

    const enter = async (page: Page, user: string, password: string): Promise<void> => {
      await page.getByLabel('User name').fill(user);
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Log in' }).click();
    };

    test('without a password nothing is shown', async () => {
      const { page, close } = await visit({}, guarded);
      await enter(page, 'anna', 'wrong');
      await page.getByText('Wrong user or password.').waitFor();
      expect(await page.locator('.tile').count()).toBe(0);
      await enter(page, 'anna', 'right');
      await lives(page);
      expect(await page.locator('header .user').innerText()).toBe('anna');
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByLabel('User name').waitFor();
      expect(await page.locator('.tile').count()).toBe(0);
      await close();
    });

    test('an alarm is acknowledged by a user with the right; one without is refused and told', async () => {
      const guest = await visit({}, guarded, 'alarms');
      await enter(guest.page, 'guest', 'right');
      const seen = alarm(guest.page);
      await seen.getByText('Joint is warm').waitFor();
      await guest.page.getByRole('link', { name: '1 alarm' }).waitFor();
      await seen.getByRole('button', { name: 'Acknowledge bare/warm' }).click();
      await seen.getByText('This user may not acknowledge it.').waitFor();
      // Past the page, the broker itself refuses.
      const past = await mqtt.connectAsync(`ws://127.0.0.1:${guarded.httpPort}/mqtt`, {
        ...{ username: 'guest', password: 'right' },
      });
      await past.publishAsync('robotcell1/alarm/bare/warm/set', 'acknowledge', { qos: 1 });
      await past.endAsync();
      await show(guest.page, 'system');
      await guest.page.locator('.lines li', { hasText: 'not-authorised' }).first().waitFor();
      await show(guest.page, 'overview');
      expect(await seen.getAttribute('data-acknowledged')).toBe('false');

      const anna = await visit({}, guarded, 'alarms');
      await enter(anna.page, 'anna', 'right');
      const button = alarm(anna.page).getByRole('button', { name: 'Acknowledge bare/warm' });
      await button.and(anna.page.locator(':not([aria-disabled])')).waitFor();
      await button.press('Enter');
      await alarm(anna.page).getByText('Done.').waitFor();
      await seen.getByText('acknowledged by anna').waitFor();
      expect(await seen.getByRole('button').count()).toBe(0);
      expect([guest.wrong, anna.wrong]).toEqual([[], []]);
      await anna.close();
      await guest.close();
    });

    test('a client is found by the search and disconnected by a user with the right; one without has no button and is refused', async () => {
      const url = `mqtt://127.0.0.1:${guarded.port}`;
      const intruder = await mqtt.connectAsync(url, {
        ...{ clientId: 'intruder', username: 'anna', password: 'right' },
        ...{ protocolVersion: 5, reconnectPeriod: 0 },
      });
      const guest = await visit({}, guarded, 'clients');
      await enter(guest.page, 'guest', 'right');
      const row = (page: Page): Locator => page.locator('tr.client', { hasText: 'intruder' });
      await row(guest.page).waitFor();
      expect(await guest.page.getByRole('button', { name: 'Disconnect' }).count()).toBe(0);
      // Past the page, the gateway itself refuses.
      const authorization = `Basic ${btoa('guest:right')}`;
      const path = `http://127.0.0.1:${guarded.httpPort}/api/disconnect?client=intruder`;
      const refused = await fetch(path, { method: 'POST', headers: { authorization } });
      expect([refused.status, intruder.connected]).toEqual([403, true]);

      const chief = await visit({}, guarded, 'clients');
      await enter(chief.page, 'chief', 'right');
      await chief.page.getByRole('searchbox').filter({ visible: true }).fill('ANNA intruder');
      await chief.page.getByText(/^1 of \d+ clients$/).waitFor();
      await row(chief.page).getByText('anna').waitFor();
      const code = new Promise<unknown>((resolve) => {
        intruder.once('disconnect', ({ reasonCode }) => resolve(reasonCode));
      });
      await row(chief.page).getByRole('button', { name: 'Disconnect intruder' }).click();
      const dialog = chief.page.getByRole('dialog', { name: 'Disconnect intruder?' });
      await dialog.getByRole('button', { name: 'Disconnect' }).click();
      expect(await code).toBe(0x98);
      await chief.page.getByText('intruder was disconnected.').waitFor();
      await chief.page.getByText('No client matches “ANNA intruder”.').waitFor();
      await show(chief.page, 'system');
      const logged = chief.page.locator('.lines li', { hasText: 'was disconnected by a user' });
      await logged.filter({ hasText: 'by=chief' }).waitFor();
      expect([guest.wrong, chief.wrong]).toEqual([[], []]);
      await guest.close();
      await chief.close();
    });

    test('a retained topic is found and cleared by a user with the right; one without is refused', async () => {
      const plc = await mqtt.connectAsync(`mqtt://127.0.0.1:${guarded.port}`, {
        ...{ username: 'anna', password: 'right' },
      });
      const hostile = 'robotcell1/<b onclick=x>/\u202enote';
      const json = '{"order":12345678901234567890,"html":"<img src=x onerror=alert(1)>"}';
      const kept = { qos: 2, retain: true } as const;
      await plc.publishAsync(hostile, json, kept);
      await plc.publishAsync('robotcell1/recipe', Buffer.from([0, 255, 16]), kept);
      await plc.publishAsync('secret/recipe', 'x', kept);

      const guest = await visit({}, guarded, 'topics');
      const line = (page: Page, name: string): Locator =>
        page.getByRole('treeitem').filter({ has: page.getByText(name, { exact: true }) });
      const search = (page: Page): Locator => page.getByRole('searchbox').filter({ visible: true });
      await enter(guest.page, 'guest', 'right');
      await search(guest.page).fill('recipe');
      await line(guest.page, 'recipe').getByText('00 ff 10').waitFor();
      const items = guest.page.getByRole('treeitem');
      await expect.poll(() => items.count(), POLL).toBe(2);
      await line(guest.page, 'recipe').click();
      const seen = guest.page.getByRole('dialog', { name: 'robotcell1/recipe' });
      await seen.locator('dd', { hasText: '3 B' }).waitFor();
      await seen.locator('dd', { hasText: 'bytes in hex' }).waitFor();
      await seen.getByRole('button', { name: 'Clear retained message' }).click();
      const refused = 'This user may not publish on robotcell1/recipe.';
      await seen.getByText(refused).waitFor();
      await guest.page.keyboard.press('Escape');
      await guest.page.getByText('Publish a test message').click();
      const guestForm = guest.page.locator('form.publish');
      await guestForm.getByLabel('Topic').fill('robotcell1/recipe');
      await guestForm.getByRole('button', { name: 'Publish', exact: true }).click();
      await guestForm.getByText(refused).waitFor();

      const chief = await visit({ viewport: { width: 360, height: 740 } }, guarded, 'topics');
      await enter(chief.page, 'chief', 'right');
      await search(chief.page).fill('robotcell1/+/+');
      const found = line(chief.page, '\\u202enote');
      await found.getByText('"html"').waitFor();
      await found.press('Enter');
      const dialog = chief.page.locator('dialog.detail[open]');
      expect(await dialog.locator('.payload').innerText()).toBe(
        '{\n  "order": 12345678901234567890,\n  "html": "<img src=x onerror=alert(1)>"\n}',
      );
      const facts = (await dialog.locator('dd').allInnerTexts()).slice(1, 5);
      expect(facts).toEqual(['2', '68 B', 'JSON', 'yes']);
      expect(await chief.page.locator('img, [onclick]').count()).toBe(0);
      expect(await chief.page.evaluate(OVERFLOWING)).toEqual([]);
      expect(await axeProblems(chief.page)).toEqual([]);
      const clear = dialog.getByRole('button', { name: 'Clear retained message' });
      const asked = chief.page.getByRole('dialog', { name: /^Clear the retained message of/ });
      await clear.click();
      await asked.getByRole('button', { name: 'Cancel' }).click();
      await dialog.locator('dd', { hasText: 'yes' }).waitFor();
      await clear.click();
      await asked.getByRole('button', { name: 'Clear retained message' }).click();
      await dialog.getByText('The retained message was cleared.').waitFor();
      await chief.page.keyboard.press('Escape');
      await found.waitFor({ state: 'detached' });
      const received: string[] = [];
      plc.on('message', (topic, bytes, { qos }) => {
        if (topic === hostile || topic === 'robotcell1/test') received.push(`${bytes} ${qos}`);
      });
      await plc.subscribeAsync('robotcell1/#', { qos: 1 });

      await chief.page.getByText('Publish a test message').click();
      const form = chief.page.locator('form.publish');
      await form.getByLabel('Topic').fill('robotcell1/#');
      const publish = form.getByRole('button', { name: 'Publish', exact: true });
      await publish.click();
      await form.getByText('A topic has no + and no #.').waitFor();
      await form.getByLabel('Topic').fill('robotcell1/test');
      await form.getByLabel('Payload').fill('{"start":true}');
      await publish.click();
      const question = chief.page.getByRole('dialog', { name: 'Publish on robotcell1/test?' });
      await question.waitFor();
      expect(received).toEqual([]);
      await question.getByRole('button', { name: 'Publish' }).click();
      await form.getByText('Published.').waitFor();
      // Neither the cleared message nor another one.
      await expect.poll(() => received, POLL).toEqual(['{"start":true} 1']);

      // The subscription ends with the tab.
      await show(chief.page, 'clients');
      const own = chief.page.locator('tr.client', { hasText: 'this page' });
      await expect.poll(() => own.count(), POLL).toBe(1);
      expect([guest.wrong, chief.wrong]).toEqual([[], []]);
      await guest.close();
      await chief.close();
      await plc.endAsync();
    });

    test('the tree of topics is moved in, opened and closed by keyboard alone', async () => {
      const { page, close } = await visit({}, guarded, 'topics');
      await enter(page, 'anna', 'right');
      const items = page.getByRole('treeitem');
      await page.getByRole('searchbox').filter({ visible: true }).fill('robotcell1/door/#');
      await page.getByText(/^1 of \d+ topics$/).waitFor();
      expect(await items.count()).toBe(3);
      await page.getByRole('searchbox').filter({ visible: true }).focus();
      await tabTo(page, items.first());
      for (const [key, count, place] of [
        ['ArrowLeft', 1, 0],
        ['ArrowRight', 3, 0],
        ['ArrowRight', 3, 1],
        ['End', 3, 2],
        ['ArrowLeft', 3, 1],
        ['ArrowUp', 3, 0],
        ['ArrowDown', 3, 1],
        ['Enter', 2, 1],
      ] as const) {
        await page.keyboard.press(key);
        expect([key, await items.count()]).toEqual([key, count]);
        expect(await items.nth(place).and(page.locator(':focus')).count(), key).toBe(1);
      }
      await close();
    });

    test('a user who may only read has no switch, and switches nothing', async () => {
      const { page, close } = await visit({}, guarded, 'outputs');
      await enter(page, 'guest', 'right');
      await page.getByText('This user may not switch it.').first().waitFor();
      await show(page, 'system');
      const drops = page.locator('.lines li', { hasText: 'not-authorised' });
      await page.locator('.lines li').first().waitFor();
      const before = await drops.count();
      await show(page, 'outputs');
      const lamp = page.getByRole('switch', { name: 'lamp' });
      expect(await lamp.getAttribute('aria-disabled')).not.toBeNull();
      await lamp.click();
      expect(await page.getByRole('dialog').count()).toBe(0);
      // Past the page, the broker itself refuses.
      const guest = await mqtt.connectAsync(`ws://127.0.0.1:${guarded.httpPort}/mqtt`, {
        username: 'guest',
        password: 'right',
      });
      await guest.publishAsync('robotcell1/lamp/set', 'on', { qos: 1 });
      await guest.endAsync();
      const anna = await visit({}, guarded, 'outputs');
      await enter(anna.page, 'anna', 'right');
      await anna.page.locator('[role="switch"][aria-label="lamp"]:not([aria-disabled])').click();
      await anna.page.getByRole('button', { name: 'Switch on' }).click();
      await page.locator('[role="switch"][aria-label="lamp"][aria-checked="true"]').waitFor();
      await show(page, 'system');
      await expect.poll(() => drops.count(), POLL).toBeGreaterThan(before);
      await anna.close();
      await close();
    });
  });
});
