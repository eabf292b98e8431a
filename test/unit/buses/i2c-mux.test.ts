import { describe, expect, test } from 'vitest';
import { BusError } from '../../../src/buses/bus-error.ts';
import type { I2cBus } from '../../../src/buses/i2c-device.ts';
import { createMultiplexing, parseI2cPath } from '../../../src/buses/i2c-mux.ts';
import { settle } from '../../support/manual-clock.ts';

describe('a path', () => {
  test.each([
    ['i2c-1', { bus: 'i2c-1' }],
    ['i2c-10/0x77/7', { bus: 'i2c-10', multiplexer: { address: 0x77, channel: 7 } }],
    ['i2c-1/0x70/8', undefined],
    ['i2c-1/0x48/0', undefined],
    ['i2c-1/0x70', undefined],
    ['/dev/i2c-1', undefined],
  ])('%s', (text, path) => expect(parseI2cPath(text)).toEqual(path));
});

/** A bus that notes what is sent in the order of its end; every transfer takes a turn of the event loop. */
function createBus() {
  const seen: string[] = [];
  const absent = new Set<number>();
  const bus: I2cBus = {
    device: (address, place = 'i2c-1') => ({
      async transfer(write, readLength) {
        await settle();
        const hex = address.toString(16);
        if (absent.has(address))
          throw new BusError('absent', `no answer from 0x${hex} on ${place}`);
        seen.push(`${hex}:${Buffer.from(write).toString('hex')}`);
        return new Uint8Array(readLength);
      },
    }),
    close: async () => undefined,
  };
  return { bus, seen, absent };
}

const register = Uint8Array.of(0);

test('the channel is chosen before each transfer, with no other choice in between', async () => {
  const { bus, seen } = createBus();
  const multiplexing = createMultiplexing(bus);
  const third = multiplexing.channel('i2c-1/0x70/3', 0x70, 3).device(0x48);
  const fifth = multiplexing.channel('i2c-1/0x70/5', 0x70, 5).device(0x48);
  await Promise.all([third.transfer(register, 2), fifth.transfer(register, 2)]);
  expect(seen).toEqual(['70:08', '48:00', '70:20', '48:00']);
});

test('a multiplexer is closed before another one opens', async () => {
  const { bus, seen, absent } = createBus();
  const multiplexing = createMultiplexing(bus);
  const first = multiplexing.channel('i2c-1/0x70/0', 0x70, 0).device(0x48);
  const second = multiplexing.channel('i2c-1/0x71/0', 0x71, 0).device(0x48);
  await first.transfer(register, 2);
  await second.transfer(register, 2);
  expect(seen).toEqual(['70:01', '48:00', '70:00', '71:01', '48:00']);
  absent.add(0x71);
  await first.transfer(register, 2);
  expect(seen.slice(5)).toEqual(['70:01', '48:00']);
});

test('errors name the place, and the waiting transfers go on', async () => {
  const { bus, absent } = createBus();
  const multiplexing = createMultiplexing(bus);
  const chip = multiplexing.channel('i2c-1/0x70/3', 0x70, 3).device(0x48);
  absent.add(0x48);
  await expect(chip.transfer(register, 2)).rejects.toThrow('no answer from 0x48 on i2c-1/0x70/3');
  absent.add(0x70);
  await expect(chip.transfer(register, 2)).rejects.toMatchObject({
    fault: 'absent',
    message: 'multiplexer of i2c-1/0x70/3: no answer from 0x70 on i2c-1',
  });
  absent.clear();
  expect(await chip.transfer(register, 2)).toEqual(new Uint8Array(2));
});
