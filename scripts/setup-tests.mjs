/**
 * Makes sure that the programs which tests from outside use are there: Mosquitto, its clients, NATS, RabbitMQ, Paho, ps, a
 * browser, QEMU; and what builds the Debian package and installs it on a fresh Debian.
 * Installs Debian packages where the user may; else says loudly what is missing, and those tests are skipped.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { VM_PACKAGES } from '../test/scenarios/vm/image.mjs';
import { step } from './set-up.mjs';

const FOLDERS = ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin', '/bin'];
const has = (program) => FOLDERS.some((folder) => existsSync(`${folder}/${program}`));
const hasPaho = () =>
  ['/usr/bin/python3', 'python3'].some(
    (python) => spawnSync(python, ['-c', 'import paho.mqtt.client']).status === 0,
  );

/** Debian package → whether what it brings is there. */
const PACKAGES = {
  mosquitto: () => has('mosquitto'),
  'mosquitto-clients': () => has('mosquitto_pub') && has('mosquitto_sub'),
  'python3-paho-mqtt': hasPaho,
  'libmosquitto-dev': () => existsSync('/usr/include/mosquitto.h'),
  'libpaho-mqtt-dev': () => existsSync('/usr/include/MQTTClient.h'),
  'libpaho-mqttpp-dev': () => existsSync('/usr/include/mqtt/client.h'),
  'nats-server': () => has('nats-server'),
  'rabbitmq-server': () => has('rabbitmq-server'),
  procps: () => has('ps'),
  lintian: () => has('lintian'),
  mmdebstrap: () => has('mmdebstrap'),
  'systemd-container': () => has('systemd-nspawn'),
  chromium: () => has('chromium'),
  ...Object.fromEntries(
    Object.entries(VM_PACKAGES).map(([name, program]) => [name, () => has(program)]),
  ),
};
const missing = () =>
  Object.keys(PACKAGES).filter((name) => {
    return !PACKAGES[name]();
  });

const before = missing();
if (before.length > 0) {
  const become = privilege();
  if (become && has('apt-get')) install(become, before);
  const still = missing();
  if (still.length > 0) warn(still);
}
installPaho2();

/** Paho 2 is not in every Debian: without it, it is put beside the caches of this folder. */
function installPaho2() {
  const folder = 'node_modules/.cache/paho-2';
  const has2 = (python) =>
    spawnSync(python, ['-c', 'from paho.mqtt.enums import CallbackAPIVersion']).status === 0;
  if (['/usr/bin/python3', 'python3', `${folder}/bin/python`].some(has2)) return;
  const made = spawnSync('python3', ['-m', 'venv', folder]).status === 0;
  const pip = ['install', '--quiet', '--retries', '1', 'paho-mqtt==2.1.0'];
  if (made && step('installing Paho 2 for the tests', `${folder}/bin/pip`, pip).status === 0)
    return;
  console.error('MISSING for the tests: Paho 2 (python3-venv and paho-mqtt 2.1.0 from PyPI)');
}

/** The words before a command that needs root; undefined when this user can't become root unasked. */
function privilege() {
  if (process.getuid?.() === 0) return [];
  const may = has('sudo') && spawnSync('sudo', ['-n', 'true']).status === 0;
  return may ? ['sudo', '-n'] : undefined;
}

function install(become, packages) {
  const root = (what, ...command) => {
    const [program, ...args] = [...become, 'env', 'DEBIAN_FRONTEND=noninteractive', ...command];
    return step(what, program, args).status === 0;
  };
  const apt = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages];
  const what = `installing ${packages.join(', ')} for the tests`;
  // Package lists are fetched only when the ones on this machine don't do.
  if (!root(what, ...apt) && root('fetching package lists', 'apt-get', 'update'))
    root(what, ...apt);
  for (const service of ['mosquitto', 'nats-server', 'rabbitmq-server']) {
    if (!packages.includes(service) || !has('systemctl')) continue;
    // The tests start their own; Debian's would take its port, 1883 of the gateway for one.
    root(`stopping the ${service} service`, 'systemctl', 'disable', '--now', service);
  }
}

function warn(packages) {
  const line = '='.repeat(78);
  console.error(
    [
      line,
      `MISSING for the tests: ${packages.join(', ')}`,
      'The tests that need them are SKIPPED. To run them too:',
      `  sudo apt-get install ${packages.join(' ')}`,
      line,
    ].join('\n'),
  );
}
