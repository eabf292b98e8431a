import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

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

/** Where `npm run setup-tests` puts Paho 2 if Debian has only Paho 1. */
const OWN_PYTHON = fileURLToPath(
  new URL('../../node_modules/.cache/paho-2/bin/python', import.meta.url),
);

/** The Python that can import Paho: Debian's own comes first, since its packages belong to it alone. */
function pythonWithPaho(version: 1 | 2): string | undefined {
  const probe =
    version === 2 ? 'from paho.mqtt.enums import CallbackAPIVersion' : 'import paho.mqtt.client';
  return ['/usr/bin/python3', 'python3', OWN_PYTHON].find(
    (python) => spawnSync(python, ['-c', probe]).status === 0,
  );
}

/** The programs that tests from outside use, as they are on this machine. */
export const tools = {
  mosquitto: { path: find('mosquitto'), package: 'mosquitto' },
  mosquittoPub: { path: find('mosquitto_pub'), package: 'mosquitto-clients' },
  mosquittoSub: { path: find('mosquitto_sub'), package: 'mosquitto-clients' },
  paho: { path: pythonWithPaho(1), package: 'python3-paho-mqtt' },
  paho2: { path: pythonWithPaho(2), package: 'paho-mqtt 2 from PyPI' },
  natsServer: { path: find('nats-server'), package: 'nats-server' },
  rabbitmq: { path: find('rabbitmq-server'), package: 'rabbitmq-server' },
  ps: { path: find('ps'), package: 'procps' },
} satisfies Record<string, Tool>;

/** For `beforeEach`: skips the test with the reason when a tool is missing. */
export function needs(...wanted: readonly Tool[]) {
  const missing = wanted.filter((tool) => !tool.path).map((tool) => tool.package);
  const note = `not installed: ${[...new Set(missing)].join(', ')} (npm run setup-tests installs it)`;
  return (context: { skip(condition: boolean, note?: string): void }): void =>
    context.skip(missing.length > 0, note);
}
