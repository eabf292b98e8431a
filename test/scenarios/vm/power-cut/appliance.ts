import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createRandom, type Random } from '../../../support/random.ts';
import { freePort } from '../../../support/server-process.ts';
import type { Mortal } from '../../crash/kill/run.ts';
import { makeImage } from '../image.mjs';
import { type Machine, startMachine } from '../machine.ts';
import { addFiles, addProject } from '../project.mjs';
import { type Cut, createDisk } from './disk.ts';

/** Nothing of a queue's bounds may hide a loss, and an emulated processor may be slow. */
const CONFIG = `
cell: cell
data: /data/cellgate
broker:
  listeners: [ { host: 0.0.0.0, port: 1883, anonymous: true, versions: [3, 4, 5] } ]
  limits: { queue: { messages: 10000000, bytes: 4GiB }, receiveMaximum: 65535, connectTimeout: 60s }
`;

/**
 * The disk is mounted as a Pi mounts its own; what a cut has left is set aside before anything opens it. Code is not
 * optimised: on an emulated processor that costs a third of the start and comes too late.
 */
const SERVICE = `
for module in virtio_blk crc32c_generic ext4; do modprobe $module; done
mkdir -p /data
mount -t ext4 -o noatime /dev/vda /data || exit
[ -d /data/cellgate ] && cp -r /data/cellgate /tmp/found
[ -f /no-sync.so ] && export LD_PRELOAD=/no-sync.so
exec node --max-lazy --no-opt /dist/program/cli.js run --config /gateway.yaml > /tmp/gateway.log 2>&1
`;

const CHECK = `
const { existsSync } = require('node:fs');
const Database = require('better-sqlite3');
const file = '/tmp/found/cellgate.db';
try {
  if (!existsSync(file)) console.log('no database');
  else console.log(new Database(file).pragma('integrity_check').map((row) => row.integrity_check).join(', '));
} catch (error) {
  console.log(error.message);
}
`;

const UP_MS = 360_000;

/** How a machine came up after a cut. */
export interface Recovery {
  readonly cut: Cut;
  /** What SQLite's integrity_check says of the database as the cut left it; `ok` when it is sound. */
  readonly integrity: string;
  /** What the gateway says of damage. */
  readonly damage: string;
  /** From power to clients being accepted. */
  readonly bootMs: number;
}

/** A machine with the gateway as a service on a disk of its own. */
export interface Appliance extends Mortal {
  /** The latest. */
  readonly recovery: Recovery | undefined;
  dispose(): Promise<void>;
}

export interface ApplianceOptions {
  readonly random: Random;
  /** The gateway's fsync does nothing: it acknowledges what is not on disk. */
  readonly unsynced: boolean;
}

/** Boots it on an empty disk; resolves when the gateway accepts clients. */
export async function startAppliance({ random, unsynced }: ApplianceOptions): Promise<Appliance> {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-power-cut-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const initrd = makeInitrd(folder, unsynced);
  const port = await freePort();
  const disk = await createDisk(createRandom(random.between(0, 2 ** 31)));
  let machine: Machine | undefined;
  let recovery: Recovery | undefined;

  const boot = async (): Promise<Machine> => {
    disk.flushMs = 0;
    machine = await startMachine({ initrd, port, args: disk.args });
    await machine.shell(WAIT_UP, UP_MS);
    disk.flushMs = random.pick(FLUSH_MS);
    return machine;
  };
  const dispose = async (): Promise<void> => {
    await machine?.stop();
    await disk.close();
    process.off('exit', remove);
    remove();
  };
  try {
    await boot();
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    port,
    get recovery() {
      return recovery;
    },
    async kill() {
      // At many instants nothing is under way: most cuts wait for one at which there is.
      const deadline = performance.now() + (random.next() < 0.8 ? DIRTY_MS : 0);
      while (!disk.dirty && performance.now() < deadline) await delay(1);
      await delay(random.between(0, 20));
      disk.off();
      await machine?.stop();
    },
    async restart() {
      const cut = await disk.on(random);
      const started = performance.now();
      const { shell } = await boot();
      const bootMs = performance.now() - started;
      const integrity = await shell(`node --max-lazy --no-opt /check.cjs`, UP_MS);
      const damage = await shell(
        `grep -i damage /tmp/gateway.log; ls /data/cellgate | grep damaged; true`,
      );
      recovery = { cut, integrity, damage, bootMs };
    },
    dispose,
  };
}

/** A flush takes up to so long: that of an SSD, of eMMC, of a poor card. */
const FLUSH_MS = [10, 50, 200];
/** The gateway commits far more often under load. */
const DIRTY_MS = 2000;

/** Ends when the gateway is up; fails with what it said when it is not. */
const WAIT_UP = `
for n in $(seq 300); do grep -qs 'is up' /tmp/gateway.log && break; sleep 1; done
grep -qs 'is up' /tmp/gateway.log || { cat /tmp/gateway.log; ls /tmp; dmesg | tail -n 20; false; }`;

/** The project with the gateway as the machine's service. */
function makeInitrd(folder: string, unsynced: boolean): string {
  const initrd = join(folder, 'initrd');
  const root = join(folder, 'root');
  addProject(makeImage().initrd, initrd);
  mkdirSync(root);
  const files = { service: SERVICE, 'gateway.yaml': CONFIG, 'check.cjs': CHECK };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  const names = Object.keys(files);
  if (unsynced) {
    const source = fileURLToPath(new URL('./no-sync.c', import.meta.url));
    execFileSync('gcc', ['-shared', '-fPIC', '-o', join(root, 'no-sync.so'), source]);
    names.push('no-sync.so');
  }
  addFiles(initrd, root, names);
  return initrd;
}
