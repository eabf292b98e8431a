/** `npm start`: sets up what is missing, then runs the gateway with the simulated robot cell. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { build, checkNode, installDependencies, ROOT } from './set-up.mjs';

checkNode();
installDependencies();
build();

const args = [
  'dist/program/cli.js',
  'run',
  '--config',
  'config/sim.yaml',
  ...process.argv.slice(2),
];
const gateway = spawn(process.execPath, args, {
  cwd: ROOT,
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
});

gateway.once('message', ({ urls }) => {
  const { hostname, port } = new URL(urls.find((url) => url.startsWith('mqtt:')) ?? urls[0]);
  const broker = `-h ${hostname} -p ${port}`;
  const page = urls.find((url) => url.startsWith('http')) ?? '';
  console.log(`
See it:      ${page}
Watch it:    mosquitto_sub ${broker} -t 'robotcell1/#' -v
Change it:   config/sim.yaml is what runs; docs/clients.md has Python and Node, docs/config.md every key
`);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    // A terminal gives Ctrl-C to the gateway as well; twice would mean "at once".
    if (signal !== 'SIGINT' || !process.stdin.isTTY) gateway.kill(signal);
  });
}
gateway.on('error', (error) => {
  console.error(`The gateway did not start: ${error.message}`);
  process.exit(1);
});
gateway.on('exit', (code, signal) => {
  process.exit(code ?? 128 + constants.signals[signal]);
});
