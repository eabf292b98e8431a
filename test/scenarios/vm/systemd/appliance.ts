import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../../../../scripts/package/run.mjs';
import { freePort } from '../../../support/server-process.ts';
import { makeImage } from '../image.mjs';
import { type Machine, startMachine } from '../machine.ts';
import { addFiles } from '../project.mjs';
import { makeDisk } from './disk.ts';
import { SYSTEM } from './system.ts';

/** A machine with Debian and its systemd on a disk, as a customer has it before the package is installed. */
export interface Appliance {
  readonly machine: Machine;
  /** The port on this host that leads to port 8883 of the machine, on its network card to the LAN. */
  readonly lanPort: number;
  /** Pulls the plug and boots it again; resolves when its shell answers. Its chips and lines are gone then. */
  reboot(): Promise<void>;
  stop(): Promise<void>;
}

/** Boots it; the package lies in /root/cellgate.deb, and /root/hold-thread stops a thread. */
export async function startAppliance(deb: string): Promise<Appliance> {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-appliance-'));
  let machine: Machine;
  try {
    const lanPort = await freePort();
    const disk = makeDisk(folder);
    const initrd = makeInitrd(folder);
    const drive = (file: string, more: string): string[] => [
      ...['-drive', `file=${file},if=none,format=raw,cache=unsafe,${more}`],
    ];
    const args = [
      ...drive(disk, 'id=disk'),
      ...['-device', 'virtio-blk-pci,drive=disk'],
      ...drive(deb, 'id=deb,readonly=on'),
      ...['-device', 'virtio-blk-pci,drive=deb'],
      ...['-device', 'virtio-net-pci,netdev=lan'],
      '-netdev',
      `user,id=lan,net=10.0.3.0/24,restrict=on,hostfwd=tcp:127.0.0.1:${lanPort}-10.0.3.15:8883`,
    ];
    const boot = (): Promise<Machine> => startMachine({ initrd, args });
    machine = await boot();
    await machine.shell(`head -c ${statSync(deb).size} /dev/vdb > /root/cellgate.deb`, 60_000);
    return {
      get machine() {
        return machine;
      },
      lanPort,
      async reboot() {
        await machine.shell('sync');
        await machine.stop();
        machine = await boot();
      },
      async stop() {
        await machine.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Kernel modules and busybox as the other machines have them, and what `init` puts on the disk. */
function makeInitrd(folder: string): string {
  const root = join(folder, 'initrd.root');
  const put = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { mode });
  };
  for (const [path, text] of Object.entries(SYSTEM)) put(`machine/${path}`, text);
  mkdirSync(join(root, 'machine/root'));
  const source = join(import.meta.dirname, 'hold-thread.c');
  run('gcc', ['-static', '-O', '-o', join(root, 'machine/root/hold-thread'), source]);
  copyFileSync(join(import.meta.dirname, 'init'), join(root, 'init'));
  run('chmod', ['755', join(root, 'init')]);
  const names = run('find', ['init', 'machine'], { cwd: root }).trim().split('\n');
  const initrd = join(folder, 'initrd');
  copyFileSync(makeImage().initrd, initrd);
  addFiles(initrd, root, names);
  return initrd;
}
