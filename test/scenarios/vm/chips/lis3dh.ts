import { byteRegisters, type Chip } from './chip.ts';
import { createFifo, type Motion } from './motion.ts';

const WHO_AM_I = 0x0f;
const CTRL_REG1 = 0x20;
/** FDS: what is read has gone through the high-pass filter. */
const CTRL_REG2 = 0x21;
const FILTERED = 0x08;
const CTRL_REG4 = 0x23;
const CTRL_REG5 = 0x24;
const OUT_X_L = 0x28;
const OUT_Z_H = 0x2d;
const FIFO_CTRL_REG = 0x2e;
const FIFO_SRC_REG = 0x2f;
/** Samples per second by ODR[3:0], table 31. */
const RATES = [0, 1, 10, 25, 50, 100, 200, 400];
/** Milli-g of one of 12 bits by FS[1:0], table 4. */
const STEPS = [1, 2, 4, 12];

export interface Lis3dh extends Chip {
  motion: Motion;
  id: number;
}

/** LIS3DH: bit 7 of a register's address makes it go on; at OUT_Z_H it goes back to OUT_X_L; a FIFO of 32 in stream mode. */
export function lis3dh(motion: Motion): Lis3dh {
  const registers = new Map([[CTRL_REG1, 0x07]]);
  const get = (register: number): number => registers.get(register) ?? 0;
  const fifo = createFifo(32, () => chip.motion);
  let sample: number[] = [];
  const out = (): number[] => {
    const step = STEPS[(get(CTRL_REG4) >> 4) & 3] ?? 1;
    const filter = get(CTRL_REG2) & FILTERED ? 0.5 : 1;
    return fifo.take().flatMap((g) => {
      const steps = Math.max(-2048, Math.min(2047, Math.round((1000 * g * filter) / step))) << 4;
      return [steps & 0xff, (steps >> 8) & 0xff];
    });
  };
  const chip: Lis3dh = {
    motion,
    id: 0x33,
    ...byteRegisters({
      next(pointer) {
        if ((pointer & 0x80) === 0) return pointer;
        return (pointer & 0x7f) === OUT_Z_H ? 0x80 | OUT_X_L : 0x80 | ((pointer + 1) & 0x7f);
      },
      read(pointer) {
        const register = pointer & 0x7f;
        if (register === WHO_AM_I) return chip.id;
        if (register === FIFO_SRC_REG) {
          const count = fifo.count();
          return (count === 32 ? 0x40 : 0) | (count === 0 ? 0x20 : 0) | Math.min(31, count);
        }
        if (register < OUT_X_L || register > OUT_Z_H) return get(register);
        if (register === OUT_X_L) sample = out();
        return sample[register - OUT_X_L] ?? 0;
      },
      write(pointer, value) {
        const register = pointer & 0x7f;
        registers.set(register, value);
        const streaming = get(FIFO_CTRL_REG) >> 6 === 2 && (get(CTRL_REG5) & 0x40) !== 0;
        if (![FIFO_CTRL_REG, CTRL_REG1, CTRL_REG5].includes(register)) return;
        if (streaming) fifo.restart(RATES[get(CTRL_REG1) >> 4] ?? 0);
        else fifo.stop();
      },
    }),
  };
  return chip;
}
