import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** A program that some tests need; `path` is undefined where it is not installed. */
export interface Tool {
  readonly path: string | undefined;
  /** The Debian package that has it. */
  readonly package: string;
}

const find = (name: string): string | undefined =>
  ['/usr/sbin', '/usr/bin', '/usr/local/bin', '/usr/local/sbin', '/bin']
    .map((folder) => `${folder}/${name}`)
    .find(existsSync);

/** The Python that can import Paho: Debian's own comes first, since its packages belong to it alone. */
function pythonWithPaho(): string | undefined {
  return ['/usr/bin/python3', 'python3'].find(
    (python) => spawnSync(python, ['-c', 'import paho.mqtt.client']).status === 0,
  );
}

/** The programs that tests from outside use, as they are on this machine. */
export const tools = {
  mosquitto: { path: find('mosquitto'), package: 'mosquitto' },
  mosquittoPub: { path: find('mosquitto_pub'), package: 'mosquitto-clients' },
  mosquittoSub: { path: find('mosquitto_sub'), package: 'mosquitto-clients' },
  paho: { path: pythonWithPaho(), package: 'python3-paho-mqtt' },
  ps: { path: find('ps'), package: 'procps' },
} satisfies Record<string, Tool>;

/** For `beforeEach`: skips the test with the reason when a tool is missing. */
export function needs(...wanted: readonly Tool[]) {
  const missing = wanted.filter((tool) => !tool.path).map((tool) => tool.package);
  const note = `not installed: ${[...new Set(missing)].join(', ')} (npm run setup-tests installs it)`;
  return (context: { skip(condition: boolean, note?: string): void }): void =>
    context.skip(missing.length > 0, note);
}
