import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { REPOSITORY } from '../../support/gateway.ts';
import { freePort } from '../../support/server-process.ts';
import { tempFolder } from '../../support/temp-folder.ts';

test('npm start runs the gateway, says what to try next, and ends with it', async () => {
  const folder = tempFolder();
  const [port, wsPort] = [await freePort(), await freePort()];
  const config = join(folder, 'config.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      cell: 'robotcell1',
      data: join(folder, 'data'),
      broker: {
        listeners: [
          { host: '127.0.0.1', port },
          { host: '127.0.0.1', port: wsPort, protocol: 'ws' },
        ],
      },
      sensors: [{ name: 'host', driver: 'host' }],
    }),
  );
  const started = spawn(process.execPath, ['scripts/start.mjs', '--config', config], {
    cwd: REPOSITORY,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void started.kill('SIGKILL'));
  let said = '';
  const hinted = new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      if (said.includes('Change it:')) resolve();
    };
    started.stdout.on('data', hear);
    started.stderr.on('data', hear);
    started.once('exit', () => reject(new Error(said)));
  });
  await hinted;
  expect(said).toContain(`mosquitto_sub -h 127.0.0.1 -p ${port} -t 'robotcell1/#' -v`);

  const ended = new Promise((resolve) => started.once('exit', resolve));
  started.kill('SIGTERM');
  expect(await ended).toBe(0);
});
