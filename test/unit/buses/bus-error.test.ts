import { expect, test } from 'vitest';
import { sharedFault } from '../../../src/buses/bus-error.ts';

test.each([
  ['i2c-1 does not exist', 'i2c-1 does not exist'],
  ['multiplexer of i2c-1/0x70/3: i2c-1 does not exist', 'i2c-1 does not exist'],
  ['multiplexer of i2c-1/0x70/3: no answer from 0x70 on i2c-1', 'no answer from 0x70 on i2c-1'],
  ['line DI7 is on no GPIO chip, there is none', 'line … is on no GPIO chip, there is none'],
  ['line DI7: /dev/gpiochip0 is gone', 'line …: /dev/gpiochip0 is gone'],
  ['no answer from 0x48 on i2c-1', 'no answer from 0x48 on i2c-1'],
])('of "%s" is shared "%s"', (message, shared) => {
  expect(sharedFault(message)).toBe(shared);
});
