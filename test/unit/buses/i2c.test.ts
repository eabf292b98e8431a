import { describe, expect, test } from 'vitest';
import { BusError } from '../../../src/buses/bus-error.ts';
import { createI2cBus } from '../../../src/buses/i2c.ts';
import type { RawI2c } from '../../../src/buses/i2c-transfer.ts';
import { createManualClock, settle } from '../../support/manual-clock.ts';

type Answer = () => Promise<number | undefined>;

/** An i2c-bus stand-in that notes each call and answers with a number of bytes, by default all. */
function createRaw(answer: Answer = async () => undefined) {
  const calls: string[] = [];
  let running = 0;
  let opened = 0;
  const overlaps: number[] = [];
  const call = async (name: string, length: number, buffer: Buffer) => {
    calls.push(name);
    running += 1;
    overlaps.push(running);
    await settle();
    try {
      const bytes = (await answer()) ?? length;
      return { bytesRead: bytes, bytesWritten: bytes, buffer };
    } finally {
      running -= 1;
    }
  };
  const raw: RawI2c = {
    i2cRead: (address, length, buffer) => call(`read ${address} ${length}`, length, buffer),
    i2cWrite: (address, length, buffer) =>
      call(`write ${address} ${buffer.toString('hex')}`, length, buffer),
    readI2cBlock: (address, command, length, buffer) =>
      call(`block ${address} ${command} ${length}`, length, buffer),
    close: async () => {
      calls.push('close');
    },
  };
  const open = async (busNumber: number): Promise<RawI2c> => {
    opened += 1;
    calls.push(`open ${busNumber}`);
    return raw;
  };
  return { open, calls, overlaps, opened: () => opened };
}

const errno = (number: number, code = '', message = ''): Error =>
  Object.assign(new Error(message), { errno: number, code });

test('opens when first used, and reads after one written byte with a repeated start', async () => {
  const { open, calls } = createRaw();
  const bus = createI2cBus('i2c-1', { open });
  expect(calls).toEqual([]);
  expect(await bus.device(0x48).transfer(Uint8Array.of(0x00), 2)).toHaveLength(2);
  await bus.device(0x48).transfer(Uint8Array.of(0x01, 0xc3, 0x83), 0);
  await bus.device(0x44).transfer(Uint8Array.of(0x24, 0x00), 6);
  await bus.device(0x20).transfer(new Uint8Array(), 1);
  await bus.device(0x50).transfer(Uint8Array.of(0x00), 33);
  expect(calls).toEqual([
    'open 1',
    'block 72 0 2',
    'write 72 01c383',
    'write 68 2400',
    'read 68 6',
    'read 32 1',
    'write 80 00',
    'read 80 33',
  ]);
});

test('transfers of one bus never overlap and keep their order', async () => {
  const { open, calls, overlaps } = createRaw();
  const bus = createI2cBus('i2c-1', { open });
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      bus.device(index).transfer(Uint8Array.of(index, index), 3),
    ),
  );
  expect(Math.max(...overlaps)).toBe(1);
  const expected = Array.from({ length: 20 }, (_, index) => {
    const byte = index.toString(16).padStart(2, '0');
    return [`write ${index} ${byte}${byte}`, `read ${index} 3`];
  });
  expect(calls.slice(1)).toEqual(expected.flat());
});

test('what is written belongs to the bus from the call on', async () => {
  const { open, calls } = createRaw();
  const bus = createI2cBus('i2c-1', { open });
  const bytes = Uint8Array.of(1, 2);
  const done = bus.device(0x48).transfer(bytes, 0);
  bytes.fill(0xff);
  await done;
  expect(calls).toContain('write 72 0102');
});

describe('errors', () => {
  test.each([
    [
      'EREMOTEIO of an ioctl',
      errno(121, '', ', Remote I/O error'),
      'absent',
      'no answer from 0x48 on i2c-1',
    ],
    ['EREMOTEIO of a read', errno(-121, 'EREMOTEIO'), 'absent', 'no answer from 0x48 on i2c-1'],
    ['ENXIO', errno(6, 'ENXIO'), 'absent', 'no answer from 0x48 on i2c-1'],
    ['ENODEV', errno(19, 'ENODEV'), 'absent', 'no answer from 0x48 on i2c-1'],
    ['ETIMEDOUT', errno(110, 'ETIMEDOUT'), 'stuck', 'i2c-1 is stuck: '],
    ['EBUSY', errno(16, 'EBUSY'), 'owned', '0x48 on i2c-1 is owned by a kernel driver'],
    [
      'ENOENT',
      errno(-2, 'ENOENT'),
      'missing',
      'i2c-1 does not exist: there is no /dev/i2c-1 (enable it with',
    ],
    [
      'EACCES',
      errno(-13, 'EACCES'),
      'denied',
      'no permission for /dev/i2c-1: add the user to group i2c',
    ],
    [
      'others',
      errno(5, 'EIO', 'EIO, i/o error'),
      'failed',
      'the transfer with 0x48 on i2c-1 failed: EIO',
    ],
  ])('%s', async (_name, cause, fault, sentence) => {
    const { open } = createRaw(async () => {
      throw cause;
    });
    const failed = createI2cBus('i2c-1', { open }).device(0x48).transfer(Uint8Array.of(0), 2);
    const error = await failed.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BusError);
    expect(error).toMatchObject({ fault, cause });
    expect((error as BusError).message).toContain(sentence);
  });

  test('a module that does not load is an error of the transfer', async () => {
    const open = async (): Promise<RawI2c> => {
      throw new Error('no bindings file');
    };
    const failed = createI2cBus('i2c-1', { open }).device(0x48).transfer(Uint8Array.of(0), 2);
    await expect(failed).rejects.toThrow(
      'the transfer with 0x48 on i2c-1 failed: no bindings file',
    );
  });

  test('fewer bytes than asked for are an error', async () => {
    const { open } = createRaw(async () => 1);
    const failed = createI2cBus('i2c-1', { open }).device(0x48).transfer(Uint8Array.of(0), 2);
    await expect(failed).rejects.toThrow('1 of 2 bytes came');
  });

  test('the bus is opened again after an error, but not because a chip is absent', async () => {
    const errors = [errno(121), errno(121), errno(16), undefined];
    const { open, calls } = createRaw(async () => {
      const error = errors.shift();
      if (error !== undefined) throw error;
      return undefined;
    });
    const chip = createI2cBus('i2c-1', { open }).device(0x48);
    for (const fails of [true, true, true, false]) {
      const outcome = chip.transfer(Uint8Array.of(0), 2);
      if (fails) await expect(outcome).rejects.toThrow();
      else await outcome;
    }
    expect(calls).toEqual([
      'open 1',
      'block 72 0 2',
      'block 72 0 2',
      'block 72 0 2',
      'close',
      'open 1',
      'block 72 0 2',
    ]);
  });

  test('after ENODEV the bus is opened again: i2c-bus keeps a file without the address', async () => {
    const errors = [errno(19), undefined];
    const { open, opened } = createRaw(async () => {
      const error = errors.shift();
      if (error !== undefined) throw error;
      return undefined;
    });
    const chip = createI2cBus('i2c-1', { open }).device(0x48);
    const failed = chip.transfer(Uint8Array.of(0), 2);
    await expect(failed).rejects.toMatchObject({ fault: 'absent' });
    await chip.transfer(Uint8Array.of(0), 2);
    expect(opened()).toBe(2);
  });

  test('a name that is no bus is refused', () => {
    expect(() => createI2cBus('spi0')).toThrow('"spi0" is no I2C bus');
  });
});

describe('a bus that is stuck', () => {
  const sixTimes = async (bad: ReadonlySet<number>) => {
    const raw = createRaw();
    const bus = createI2cBus('i2c-1', {
      open: async (number) => {
        const open = await raw.open(number);
        return {
          ...open,
          readI2cBlock(address, command, length, buffer) {
            if (bad.has(address)) return Promise.reject(errno(110, 'ETIMEDOUT'));
            return open.readI2cBlock(address, command, length, buffer);
          },
        };
      },
    });
    const reads = [0x48, 0x49, 0x4a, 0x48, 0x49, 0x4a].map((address) =>
      bus.device(address).transfer(Uint8Array.of(0), 2),
    );
    const results = await Promise.allSettled(reads);
    return results.map((result) =>
      result.status === 'rejected' ? (result.reason as BusError).message : 'read',
    );
  };
  const holds = (chip: string): string =>
    `i2c-1 is stuck: a line is held low, or ${chip} stretches the clock for too long`;

  test('one chip that holds the clock is that chip alone', async () => {
    const said = await sixTimes(new Set([0x49]));
    expect(said).toEqual(['read', holds('0x49'), 'read', 'read', holds('0x49'), 'read']);
  });

  test('two in a row reject all waiting transfers, without a try for each', async () => {
    const said = await sixTimes(new Set([0x48, 0x49, 0x4a]));
    const none = 'i2c-1 is stuck: a line is held low, no chip can be reached';
    expect(said).toEqual([holds('0x48'), holds('0x49'), none, none, none, none]);
  });
});

test('a transfer that does not come back fails in time, and so do all behind it, until it is back', async () => {
  const clock = createManualClock();
  let comeBack: () => void = () => undefined;
  const hanging = new Promise<undefined>((resolve) => {
    comeBack = () => resolve(undefined);
  });
  const { open, calls, overlaps } = createRaw(() => hanging);
  const bus = createI2cBus('i2c-1', { open, clock, timeoutMs: 3000 });
  const first = bus.device(0x50).transfer(Uint8Array.of(0), 2);
  const second = bus.device(0x48).transfer(Uint8Array.of(0), 2);
  const failures = Promise.allSettled([first, second]);
  await settle();
  await clock.advance(3000);
  const sentence = 'i2c-1 is stuck: the transfer with 0x50 has not come back';
  for (const outcome of await failures) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { message: sentence } });
  }
  await expect(bus.device(0x48).transfer(Uint8Array.of(0), 2)).rejects.toThrow(sentence);
  comeBack();
  await settle();
  await settle();
  expect(await bus.device(0x48).transfer(Uint8Array.of(0), 2)).toHaveLength(2);
  expect(calls).toEqual(['open 1', 'block 80 0 2', 'close', 'open 1', 'block 72 0 2']);
  expect(Math.max(...overlaps)).toBe(1);
  expect(clock.sleeping).toBe(0);
});

test('closing lets the running transfer end, rejects those behind it, and closes the file', async () => {
  const { open, calls } = createRaw();
  const bus = createI2cBus('i2c-1', { open });
  const first = bus.device(0x48).transfer(Uint8Array.of(0), 2);
  const second = expect(bus.device(0x49).transfer(Uint8Array.of(0), 2)).rejects.toThrow(
    'i2c-1 is closed',
  );
  await bus.close();
  await second;
  expect(await first).toHaveLength(2);
  await settle();
  expect(calls).toEqual(['open 1', 'block 72 0 2', 'close']);
  await expect(bus.device(0x48).transfer(Uint8Array.of(0), 2)).rejects.toThrow('i2c-1 is closed');
});
