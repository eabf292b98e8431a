import { setTimeout as delay } from 'node:timers/promises';

/** Waits for what another process or the kernel does, which gives no event. */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  ms = 10_000,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms in vain until ${what}`);
    await delay(20);
  }
}
