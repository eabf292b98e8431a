import { expect, test } from 'vitest';
import { BusError } from '../../../src/buses/bus-error.ts';
import type { Buses } from '../../../src/buses/buses.ts';
import { playbackFiles } from '../../../src/buses/playback.ts';
import { probe } from '../../../src/cli/probe.ts';
import { readBoards } from '../../../src/config/boards.ts';
import { drivers } from '../../../src/driver-table.ts';
import { fakeBuses } from '../../support/fake-buses.ts';
import { fakeIo } from '../../support/fake-io.ts';

const boards = await readBoards('config/boards');

async function run(buses: Buses, answer?: string): Promise<string[]> {
  const askTimedatectl = async (): Promise<string> => {
    if (answer === undefined) throw new Error('ENOENT');
    return answer;
  };
  const io = fakeIo();
  expect(await probe({ buses, drivers, boards, askTimedatectl }, io)).toBe(0);
  return io.out().split('\n').slice(0, -1);
}

test('a machine with nothing is told so', async () => {
  expect(await run(fakeBuses())).toEqual([
    'board   unknown (neither a device tree nor DMI names it)',
    'kernel  unknown',
    'clock   unknown (systemd does not report it)',
    '',
    'GPIO: no chip on this machine',
    '',
    'I2C: no bus (no /dev/i2c-*; on a Pi: dtparam=i2c_arm=on in config.txt, and i2c-dev loaded)',
  ]);
});

test('a Pi with chips is shown with the drivers that fit', async () => {
  const answers = async (): Promise<Uint8Array> => Uint8Array.of(0);
  const owned = async (): Promise<Uint8Array> => {
    throw new BusError('owned', '0x20 on i2c-1 is owned by a kernel driver');
  };
  const stuck = async (): Promise<Uint8Array> => {
    throw new BusError('stuck', 'i2c-10 is stuck: a line is held low');
  };
  const buses = fakeBuses({
    chips: new Map([
      ['i2c-1 0x20', { transfer: owned }],
      ['i2c-1 0x48', { transfer: answers }],
      ['i2c-1 0x51', { transfer: answers }],
      ['i2c-10 0x08', { transfer: stuck }],
    ]),
    gpio: {
      line: () => {
        throw new Error('not asked for');
      },
      lines: () => {
        throw new Error('not asked for');
      },
      chips: async () => [{ name: 'gpiochip0', label: 'pinctrl-bcm2711', lines: 58, base: 512 }],
    },
    files: playbackFiles(
      new Map([
        ['/proc/device-tree/model', 'Raspberry Pi Compute Module 4 Rev 1.1\0'],
        ['/proc/sys/kernel/osrelease', '6.12.25-v8\n'],
        ['/run/systemd/timesync/synchronized', ''],
        ['/dev/i2c-10', ''],
        ['/dev/i2c-1', ''],
        ['/dev/i2c-2', ''],
        ['/dev/gpiochip0', ''],
        ['/dev/gpiochip1', ''],
        [
          '/sys/kernel/debug/gpio',
          'gpiochip0: GPIOs 512-569:\n gpio-529 (GPIO17 |sysfs ) in hi\n\n',
        ],
      ]),
    ),
  });
  expect(await run(buses)).toEqual([
    'board   Raspberry Pi Compute Module 4 Rev 1.1',
    'profile cm4  Raspberry Pi Compute Module 4',
    '        or, without the overlay that names their lines: ipc1220, ipc2100, ipc2210, ipc2300, ipc2600, plc2010',
    '        (config/boards/NAME.yaml says which line config.txt needs)',
    'kernel  6.12.25-v8',
    'clock   synchronised',
    '',
    'GPIO:',
    '  gpiochip0  pinctrl-bcm2711  58 lines, 512 to 569 in /sys/class/gpio',
    '  gpiochip1  /dev/gpiochip1',
    '  gpiochip0: GPIOs 512-569:',
    '   gpio-529 (GPIO17 |sysfs ) in hi',
    '',
    'I2C: a byte was read at each address from 0x08 to 0x77',
    'i2c-1',
    '  0x20  owned by a kernel driver',
    '  0x48  ads1115, ina219, ina226, lm75, tmp102',
    '  0x51  no driver for this address',
    'i2c-2',
    '  nothing answers',
    'i2c-10',
    '  i2c-10 is stuck: a line is held low',
  ]);
});

test.each([
  ['yes', 'clock   synchronised'],
  ['no', 'clock   not synchronised'],
  ['', 'clock   unknown (systemd does not report it)'],
])('timedatectl says "%s"', async (answer, line) => {
  expect((await run(fakeBuses(), answer))[2]).toBe(line);
});
