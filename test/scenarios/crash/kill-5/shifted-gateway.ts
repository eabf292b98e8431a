import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startGateway } from '../../../support/gateway.ts';
import { until } from '../../../support/until.ts';

/** A gateway in a process of its own whose clocks a test moves forward. */
export interface ShiftedGateway {
  readonly port: number;
  /** Milliseconds since the epoch as the gateway sees them. */
  now(): number;
  /** Lets time pass, whether the gateway runs or not. */
  advance(ms: number): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  dispose(): Promise<void>;
}

const PRELOAD = fileURLToPath(new URL('../../../support/shifted-clock.mjs', import.meta.url));

/** Longer than a busy machine stands still. */
const PATIENCE_MS = 20_000;

export async function startShifted(): Promise<ShiftedGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-clock-'));
  const file = join(folder, 'offset');
  let offset = 0;
  let isRunning = true;
  const write = (): void => {
    // In one step: the gateway never reads half of it.
    writeFileSync(`${file}.new`, String(offset));
    renameSync(`${file}.new`, file);
  };
  write();
  const gateway = await startGateway({
    versions: [3, 4, 5],
    config: { log: { level: 'warn' } },
    env: { NODE_OPTIONS: `--import ${PRELOAD}`, CLOCK_FILE: file },
  });
  return {
    port: gateway.port,
    now: () => Date.now() + offset,
    async advance(ms) {
      offset += Math.max(0, Math.round(ms));
      write();
      if (!isRunning) return;
      process.kill(gateway.pid, 'SIGUSR2');
      const isRead = (): boolean =>
        existsSync(`${file}.read`) && readFileSync(`${file}.read`, 'utf8') === String(offset);
      await until('the gateway has read its clock', isRead, PATIENCE_MS);
    },
    async kill() {
      isRunning = false;
      await gateway.kill();
    },
    async restart() {
      await gateway.restart();
      isRunning = true;
    },
    async dispose() {
      await gateway.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
