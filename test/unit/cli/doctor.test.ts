import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createKernelFiles, type KernelFiles } from '../../../src/buses/kernel-files.ts';
import { doctor } from '../../../src/cli/doctor.ts';
import { type CheckContext, DOCTOR_CHECKS } from '../../../src/cli/doctor-checks.ts';
import { drivers } from '../../../src/driver-table.ts';
import { Authority } from '../../support/certificates.ts';
import { fakeIo } from '../../support/fake-io.ts';

/** A machine of files; what a Pi's kernel and firmware show. */
async function machine(files: Readonly<Record<string, string>>) {
  const root = await mkdtemp(join(tmpdir(), 'cellgate-doctor-'));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const kernel: KernelFiles = createKernelFiles(root);
  return { root, files: kernel };
}

async function run(files: Readonly<Record<string, string>>, config: string, ntp = 'no') {
  const { root, files: kernel } = await machine({ 'cell.yaml': config, ...files });
  const io = fakeIo();
  const parts = { drivers, files: kernel, askTimedatectl: async () => ntp };
  const code = await doctor({ config: join(root, 'cell.yaml') }, io, parts);
  return { code, lines: io.out().trim().split('\n') };
}

const DATA = '/var/lib/cellgate';
const config = `cell: a\ndata: ${DATA}\n`;

test('a machine without faults, on which no gateway runs', async () => {
  const { code, lines } = await run(
    {
      [`${DATA}/cellgate.db`]: '',
      'sys/devices/platform/soc/soc:firmware/get_throttled': '0',
      'sys/class/thermal/thermal_zone0/temp': '51234',
      'run/systemd/timesync/synchronized': '',
      'proc/self/mounts': '/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n',
      'sys/fs/ext4/mmcblk0p2/errors_count': '0',
      'sys/block/mmcblk0/device/life_time': '0x02 0x01',
    },
    config,
  );
  expect(lines).toEqual([
    'FAIL  gateway: no gateway runs: systemctl start cellgate, journalctl -u cellgate',
    'ok    power: no undervoltage since the start',
    'ok    temperature: 51 °C',
    'ok    clock: synchronised',
    expect.stringMatching(/^ok {4}disk: \d+ MiB free for \/var\/lib\/cellgate$/),
    'ok    wear: mmcblk0 has used up to 20 % of its lifetime',
  ]);
  expect(code).toBe(1);
});

test('each fault of a machine is reported with what to do', async () => {
  const authority = new Authority();
  authority.expired('gateway', 'serverAuth');
  const tls = `{ cert: ${authority.file('gateway.crt')}, key: ${authority.file('gateway.key')}, ca: ${authority.file('ca.crt')}, clientCert: required }`;
  const listener = `broker: { listeners: [{ host: 0.0.0.0, port: 8883, tls: ${tls} }] }\n`;
  const sensor = 'sensors: [{ name: t, driver: tmp102, bus: i2c-77, address: 0x48 }]\n';
  const { code, lines } = await run(
    {
      [`${DATA}/cellgate.db`]: '',
      'sys/devices/platform/soc/soc:firmware/get_throttled': '50005',
      'sys/class/thermal/thermal_zone0/temp': '84000',
      'proc/self/mounts':
        '/dev/mmcblk0p2 / ext4 rw 0 0\n/dev/mmcblk0p3 /var/lib ext4 ro,noatime 0 0\n',
      'sys/fs/ext4/mmcblk0p3/errors_count': '7',
      'sys/block/mmcblk0/device/life_time': '0x09 0x0a',
    },
    `${config}${listener}${sensor}`,
  );
  const text = lines.join('\n');
  for (const words of [
    /^FAIL {2}power: the supply voltage is too low now: use a stronger supply/m,
    /^FAIL {2}power: the processor is throttled now: cool the cabinet/m,
    /^FAIL {2}temperature: 84 °C: cool the cabinet/m,
    /^FAIL {2}clock: .*no battery clock: it is wrong after a power cut: .*timesyncd/m,
    /^FAIL {2}disk: .* is on a file system that is read-only: look for disk errors in dmesg/m,
    /^FAIL {2}disk: the file system on mmcblk0p3 has counted 7 errors: make a backup/m,
    /^FAIL {2}wear: mmcblk0 has used up to 100 % of its lifetime: plan a new card/m,
    /^FAIL {2}certificates: .*gateway\.crt has expired: replace the file/m,
    /^ok {4}certificates: .*ca\.crt is valid for 36\d\d days/m,
    /^FAIL {2}devices: \/dev\/i2c-77 does not exist: cellgate probe lists what is there/m,
  ]) {
    expect.soft(text).toMatch(words);
  }
  expect(code).toBe(1);
});

test('writes a day are those of the gateway that runs', async () => {
  const { files } = await machine({});
  const wear = (bytesWritten: number, disk: object = { yearsLeft: 7.5, reserve: 'normal' }) => {
    const status = { started: 0, store: { bytesWritten, wear: disk } } as CheckContext['status'];
    const context = { config: { data: DATA }, files, status, now: 86_400_000 } as CheckContext;
    return DOCTOR_CHECKS.wear!(context);
  };
  expect(await wear(100 * 1024 ** 2)).toEqual([
    { found: 'the gateway writes 100 MiB a day, 0.04 TB a year, the disk lasts 7.5 years' },
  ]);
  expect(await wear(100 * 1024 ** 2, { yearsLeft: 250, reserve: 'urgent' })).toEqual([
    { found: '90 % of the reserve blocks of the disk are used', remedy: 'replace the card' },
    { found: 'the gateway writes 100 MiB a day, 0.04 TB a year, the disk lasts over 100 years' },
  ]);
  expect((await wear(3000 * 1024 ** 2))[0]?.remedy).toMatch(/readingsWithin/);
});

test('a data folder that every user can look into is told, with what to do', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cellgate-open-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const told = `FAIL  disk: every user can look into ${folder} (mode 755), and it has the messages of the cell: chmod 750 ${folder}`;
  chmodSync(folder, 0o755);
  expect((await run({}, `cell: a\ndata: ${folder}\n`)).lines).toContain(told);
  chmodSync(folder, 0o750);
  expect((await run({}, `cell: a\ndata: ${folder}\n`)).lines.join('\n')).not.toMatch(/every user/);
});

test('a cell that is simulated needs no devices', async () => {
  const sensor = 'sensors: [{ name: t, driver: tmp102, bus: i2c-77, address: 0x48 }]\n';
  const { lines } = await run({}, `${config}simulate: true\n${sensor}`);
  expect(lines).toContain('ok    devices: none is opened: all hardware is simulated');
  expect(lines.join('\n')).not.toContain('i2c-77');
});
