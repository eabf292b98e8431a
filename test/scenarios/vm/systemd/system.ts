/** One service of the machine that belongs to the test and not to what is tested. */
const service = (lines: string): string => `[Service]\n${lines}\n`;

/** An empty file in the place of a unit or generator keeps systemd from using it. */
const NOTHING = '';

/**
 * What is on the machine's disk beside Debian, by path: the ways in for the test, and nothing that a machine without
 * people or network need not start. GPIO and I2C come when the test plugs them in.
 */
export const SYSTEM: Readonly<Record<string, string>> = {
  'etc/hostname': 'cell\n',
  'etc/hosts': '127.0.0.1 localhost cell\n',
  'etc/machine-id': 'f00dfeedf00dfeedf00dfeedf00dfeed\n',
  // What went wrong before the shell answers.
  'etc/systemd/journald.conf.d/machine.conf':
    '[Journal]\nForwardToConsole=yes\nMaxLevelConsole=notice\n',
  'etc/modules-load.d/machine.conf': 'virtio_net\n',
  // eth0 and eth1, in the order of the devices.
  'etc/systemd/network/99-default.link': NOTHING,
  'etc/systemd/system/network.service': service(`Type=oneshot
RemainAfterExit=yes
ExecStart=busybox ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
ExecStart=busybox ifconfig eth1 10.0.3.15 netmask 255.255.255.0 up`),
  'etc/systemd/system/shell.service': service(`Restart=always
RestartSec=1
KillMode=process
ExecStart=sh -c 'exec 3<>/dev/virtio-ports/shell; exec sh <&3 >&3 2>&1'`),
  'etc/systemd/system/chips.service':
    service(`ExecStartPre=busybox modprobe -a gpio-sim i2c-dev i2c-player
ExecStartPre=sh -c 'mountpoint -q /sys/kernel/config || mount -t configfs config /sys/kernel/config'
ExecStart=sh -c 'exec 4<>/dev/i2c-player 5<>/dev/virtio-ports/i2c; busybox cat <&4 >&5 & exec busybox cat <&5 >&4'`),
  'etc/systemd/system/multi-user.target.d/machine.conf':
    '[Unit]\nWants=network.service shell.service\n',
  'etc/systemd/system-generators/systemd-getty-generator': NOTHING,
  'etc/systemd/system/getty.target': NOTHING,
  'etc/systemd/system/apt-daily.timer': NOTHING,
  'etc/systemd/system/apt-daily-upgrade.timer': NOTHING,
  'etc/systemd/system/dpkg-db-backup.timer': NOTHING,
  'etc/systemd/system/e2scrub_all.timer': NOTHING,
  'etc/systemd/system/e2scrub_reap.service': NOTHING,
  'etc/systemd/system/fstrim.timer': NOTHING,
  'etc/systemd/system/modprobe@.service': NOTHING,
  'etc/systemd/system/sys-fs-fuse-connections.mount': NOTHING,
  'etc/systemd/system/sys-kernel-debug.mount': NOTHING,
  'etc/systemd/system/sys-kernel-tracing.mount': NOTHING,
  'etc/systemd/system/dev-hugepages.mount': NOTHING,
  'etc/systemd/system/dev-mqueue.mount': NOTHING,
  'etc/systemd/system/systemd-random-seed.service': NOTHING,
  'etc/systemd/system/systemd-pstore.service': NOTHING,
  'etc/systemd/system/systemd-update-utmp.service': NOTHING,
  'etc/systemd/system/systemd-hwdb-update.service': NOTHING,
  'etc/systemd/system/systemd-journal-catalog-update.service': NOTHING,
};
