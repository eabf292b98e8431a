import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Driver } from '../../src/driver-kit/driver.ts';
import { loadDriver } from '../../src/driver-kit/driver-file.ts';

/** The file that docs/write-a-driver.md makes: a driver outside the tree, for a chip that the gateway does not know. */
export function outsideDriverText(): string {
  const page = readFileSync('docs/write-a-driver.md', 'utf8');
  return /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
}

/** That driver, loaded from a file as a config does. */
export async function loadOutsideDriver(): Promise<Driver> {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-driver-'));
  try {
    const file = join(folder, 'sts3x.mjs');
    writeFileSync(file, outsideDriverText());
    return await loadDriver(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
