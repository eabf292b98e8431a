import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/server-process.ts';
import { makeImage } from './image.mjs';
import { createPlayer, type Player } from './player.ts';
import { addProject } from './project.mjs';
import { createShell, type Shell } from './shell.ts';

/** One with systemd on a busy host takes most of it. */
const BOOT_MS = 240_000;

/** A machine with a kernel of its own, Node, this project's build, and nothing else. */
export interface Machine {
  readonly shell: Shell;
  /** The chips on its /dev/i2c-1. */
  readonly i2c: Player;
  /** The port on this host that leads to port 1883 of the machine. */
  readonly port: number;
  /** Pulls its plug. */
  stop(): Promise<void>;
}

export interface MachineOptions {
  /** What `addProject` made, perhaps with more in it; made anew by default. */
  readonly initrd?: string;
  /** The port on this host that leads to port 1883; a free one by default. */
  readonly port?: number;
  /** More arguments of QEMU. */
  readonly args?: readonly string[];
}

/** Boots a machine; resolves when its shell answers. */
export async function startMachine(options: MachineOptions = {}): Promise<Machine> {
  const { kernel, initrd: base } = makeImage();
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-vm-'));
  const initrd = options.initrd ?? join(folder, 'initrd');
  if (!options.initrd) addProject(base, initrd);
  const port = options.port ?? (await freePort());
  const [shellSocket, i2cSocket] = [listen(join(folder, 'shell')), listen(join(folder, 'i2c'))];
  const all = [...args(folder, port, kernel, initrd), ...(options.args ?? [])];
  const qemu = spawn('qemu-system-x86_64', all, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [qemu.stdout, qemu.stderr]) {
    stream.on('data', (chunk) => {
      said = (said + chunk).slice(-20_000);
    });
  }
  const kill = (): void => {
    qemu.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  const gone = once(qemu, 'exit');
  const end = (): void => {
    kill();
    // Inside a test, process.exit is another.
    process.kill(process.pid, 'SIGKILL');
  };
  process.once('exit', kill).once('SIGINT', end).once('SIGTERM', end);
  const failed = gone.then(() => {
    throw new Error(`the machine ended: ${said}`);
  });
  try {
    const [toShell, toI2c] = await Promise.race([Promise.all([shellSocket, i2cSocket]), failed]);
    const shell = createShell(toShell);
    const i2c = createPlayer(toI2c);
    await Promise.race([shell('true', BOOT_MS), failed]);
    failed.catch(() => undefined);
    return {
      shell,
      i2c,
      port,
      async stop() {
        process.off('exit', kill).off('SIGINT', end).off('SIGTERM', end);
        kill();
        await gone;
      },
    };
  } catch (error) {
    failed.catch(() => undefined);
    process.off('exit', kill).off('SIGINT', end).off('SIGTERM', end);
    kill();
    throw new Error(`no machine: ${said}`, { cause: error });
  }
}

/** Writes a text file into the machine. */
export async function put({ shell }: Machine, path: string, text: string): Promise<void> {
  await shell(`echo ${Buffer.from(text).toString('base64')} | base64 -d > ${path}`);
}

function args(folder: string, port: number, kernel: string, initrd: string): string[] {
  const forward = `hostfwd=tcp:127.0.0.1:${port}-10.0.2.15:1883`;
  const append = [
    'console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off audit=0 nokaslr',
    // Without these, a processor that is emulated on a busy host has its clock doubted.
    'tsc=reliable no_timer_check random.trust_cpu=on',
  ].join(' ');
  const channel = (name: string): string[] => [
    ...['-chardev', `socket,id=${name},path=${join(folder, name)}`],
    ...['-device', `virtserialport,chardev=${name},name=${name}`],
  ];
  return [
    // A /dev/kvm that is there may hang all the same, so the processor is always emulated. A simple one: wide vectors
    // cost an emulator half as much time again.
    ...['-M', 'q35', '-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'Nehalem'],
    ...['-smp', '2', '-m', '1024', '-nodefaults', '-display', 'none', '-no-reboot'],
    ...['-kernel', kernel, '-initrd', initrd, '-append', append, '-serial', 'stdio'],
    ...['-device', 'virtio-serial-pci', ...channel('shell'), ...channel('i2c')],
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-net-pci,netdev=net'],
    ...['-netdev', `user,id=net,restrict=on,${forward}`],
  ];
}

/** The first connection to a socket of the file system. */
function listen(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      server.close();
      resolve(socket);
    });
    server.once('error', reject).listen(path);
  });
}
