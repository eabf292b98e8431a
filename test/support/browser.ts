import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Debian's; `npm test` installs it where it can. */
const CHROMIUM = '/usr/bin/chromium';

/** Whether there is a browser to test with; warns if there is none. */
export const hasBrowser: boolean = existsSync(CHROMIUM);
if (!hasBrowser) {
  console.warn(`${CHROMIUM} is MISSING: the page is not tested (sudo apt-get install chromium)`);
}

/** Starts a browser that sends no requests of its own. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
