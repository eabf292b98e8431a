import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import mqtt from 'mqtt';
import { expect, onTestFinished, test } from 'vitest';
import { REPOSITORY, startGateway } from '../../support/gateway.ts';
import { run } from '../../support/run.ts';
import { until } from '../../support/until.ts';

const cli = `${REPOSITORY}/dist/program/cli.js`;
const [ENTER, LEAVE] = ['\u001b[?1049h\u001b[?25l', '\u001b[?25h\u001b[?1049l'];
/** Gives a program a real terminal; part of every Debian. */
const SCRIPT = '/usr/bin/script';
if (!existsSync(SCRIPT)) console.warn(`${SCRIPT} is MISSING: watch is not tried on a terminal`);

test.skipIf(!existsSync(SCRIPT))(
  'shows what changes until Ctrl-C, and leaves the terminal as it was',
  async () => {
    const gateway = await startGateway({
      limits: { controlCharacters: 'allow' },
      sensors: [
        { name: 'gripper', driver: 'simulated', signal: 'gripper', every: '100ms' },
        { name: 'boiler', driver: 'tmp102', bus: 'i2c-77', address: 0x48, every: '1s' },
      ],
    });
    onTestFinished(() => gateway.dispose());
    const evil = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, {
      clientId: 'evil\u0085\u009b2J',
    });
    onTestFinished(() => evil.endAsync(true));
    const command = `stty rows 40 cols 100; exec ${process.execPath} ${cli} watch --config ${gateway.configFile}`;
    const terminal = spawn(SCRIPT, ['-qec', command, '/dev/null'], { stdio: 'pipe' });
    onTestFinished(() => void terminal.kill('SIGKILL'));
    let text = '';
    terminal.stdout.on('data', (more) => {
      text += more;
    });
    const frames = (): string[] => text.split('\u001b[H').slice(1);
    await until('three frames are drawn', () => frames().length > 3);
    const frame = frames()[2] ?? '';
    expect(text.startsWith(ENTER)).toBe(true);
    expect(frame).toMatch(/^robotcell1, cellgate \S+, up for \d+ s/);
    expect(frame).toMatch(/! boiler: .*i2c-77/);
    expect(frame).toMatch(/robotcell1\/gripper\/position +[\d.]+ mm +good +\d s ago/);
    expect(frame).toMatch(/evil··2J +online/);
    expect(new Set(frames()).size).toBeGreaterThan(1);
    for (const line of frame.split('\r\n')) {
      expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(100);
    }
    await gateway.stop();
    await until('it says that none runs', () => /no gateway runs/.test(frames().at(-1) ?? ''));
    terminal.stdin.write('\u0003');
    const [code] = await once(terminal, 'exit');
    expect(code).toBe(0);
    expect(text.trimEnd().endsWith(LEAVE)).toBe(true);
  },
);

test('without a terminal it says what to do', async () => {
  const { code, stderr, stdout } = await run(process.execPath, [cli, 'watch']);
  expect({ code, stderr, stdout }).toEqual({
    code: 2,
    stderr: 'cellgate: watch needs a terminal; "cellgate status" prints once\n',
    stdout: '',
  });
});
