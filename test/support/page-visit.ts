import axe from 'axe-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import type { TestGateway } from './gateway.ts';

/** Run in the page: the elements that reach beyond the right side of the screen. */
export const OVERFLOWING = `(() => {
  const width = document.documentElement.clientWidth;
  return [document.documentElement, ...document.querySelectorAll('body *')]
    .filter((one) => !one.closest('.hidden, .skip, dialog:not([open])'))
    .filter((one) => one.getBoundingClientRect().right > width + 1)
    .map((one) => one.tagName + '.' + one.className);
})()`;

/** Run in the page: the elements with a text of which a part can't be seen, and that do not say so by an ellipsis. */
export const CUT = `(() => {
  const isCut = (one) => {
    if (one.closest('.hidden, .skip, [hidden], dialog:not([open])')) return false;
    if (one.scrollWidth <= one.clientWidth + 1 || one.clientWidth === 0) return false;
    const { overflowX, textOverflow, display, clipPath } = getComputedStyle(one);
    // What is only for screen readers.
    if (clipPath !== 'none') return false;
    if (display === 'inline' || ['auto', 'scroll'].includes(overflowX)) return false;
    return textOverflow !== 'ellipsis';
  };
  const hasText = (one) => [...one.childNodes].some(({ nodeType, data }) => nodeType === 3 && data.trim() !== '');
  return [...document.querySelectorAll('body *')]
    .filter((one) => hasText(one) && isCut(one))
    .map((one) => one.tagName + '.' + one.className + ' ' + one.textContent.slice(0, 80));
})()`;

/**
 * Run in the page: the buttons and links that are replaced by an ellipsis, as they do not fit into the line of an element
 * that cuts its content.
 */
export const VANISHED = `(() =>
  [...document.querySelectorAll('button, a')]
    .filter((one) => !one.closest('.hidden, .skip, [hidden], dialog:not([open])') && one.offsetParent !== null)
    .filter((one) => {
      const box = one.closest('td, th, li, p, h3');
      if (!box || getComputedStyle(box).textOverflow !== 'ellipsis') return false;
      const { right, paddingRight } = { ...box.getBoundingClientRect().toJSON(), paddingRight: parseFloat(getComputedStyle(box).paddingRight) };
      return one.getBoundingClientRect().right > right - paddingRight + 0.5;
    })
    .map((one) => one.tagName + '.' + one.className + ' ' + one.textContent.slice(0, 80))
)()`;

/** An open page of the gateway. */
export interface Visit {
  readonly page: Page;
  /** Its faults: console messages, uncaught errors, requests to other hosts. */
  readonly wrong: string[];
  close(): Promise<void>;
}

/** Opens the page at one of its sections, in a browser without cookies. */
export async function visitPage(
  browser: Browser,
  { httpPort }: Pick<TestGateway, 'httpPort'>,
  tab: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  const visit = await openTab(context, httpPort, tab);
  return { ...visit, close: () => context.close() };
}

/** Another tab of the same browser. */
export async function openTab(context: BrowserContext, httpPort: number, tab: string) {
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const wrong: string[] = [];
  const home = `127.0.0.1:${httpPort}`;
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) wrong.push(message.text());
  });
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('request', (request) => {
    if (new URL(request.url()).host !== home) wrong.push(`request to ${request.url()}`);
  });
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== home) wrong.push(`WebSocket to ${socket.url()}`);
  });
  await page.goto(`http://${home}/#${tab}`);
  return { page, wrong };
}

/** What axe finds in the page. */
export async function axeProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe: tool } = globalThis as unknown as { axe: typeof axe };
    const { violations } = await tool.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  });
}
